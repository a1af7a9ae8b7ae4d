//! The configuration of every B3LB program, and what they need to start.
//!
//! - [`settings`]: the configuration as types, with its defaults;
//! - [`load()`]: how it is read: the `keys` there are, each with the `value` it takes, from a `file` and from the `environment`;
//! - [`shown`]: the same the other way round, for people;
//! - [`redis_address`]: what `redis.address` means;
//! - [`Args`]: the command line that all programs share;
//! - [`live`]: the configuration while a program runs, read again when its files change;
//! - [`logging`], [`traces`], [`tls`], [`shutdown`]: what each of them does first and last;
//! - [`process`], [`pulse`]: what Prometheus is told of each of them, and whether it goes on.

pub mod args;
mod environment;
pub mod error;
mod file;
mod keys;
pub mod live;
pub mod load;
pub mod logging;
pub mod process;
pub mod pulse;
pub mod redis_address;
pub mod settings;
pub mod shown;
pub mod shutdown;
pub mod tls;
pub mod traces;
mod value;

pub use args::Args;
pub use error::ConfigError;
pub use live::{Live, Reload};
pub use load::{Loaded, load};
pub use redis_address::RedisAddress;
pub use settings::Settings;
