//! A simulated BigBlueButton instance with its telegraf, and simulated frontends: for the demo, for tests, for load.
//!
//! - [`instance`]: an instance on a real socket, with [`options`] and, switched while it runs, a [`fault`];
//! - [`documents`]: what BigBlueButton answers, byte for byte;
//! - [`checksum`]: what it demands of a call;
//! - [`users`]: who comes to a meeting;
//! - [`telegraf`]: how loaded that makes a machine, and who is told;
//! - [`journal`]: what an instance was asked;
//! - [`frontend`]: what asks, and [`load`]: many times at once.
//!
//! Within: a request passes `door` (sockets) and `reply` (HTTP and faults) to `api`, which is pure: it changes the `site`, the
//! meetings and recordings of an instance, and is told the time.

mod api;
pub mod checksum;
mod clock;
mod control;
mod date;
pub mod documents;
mod door;
mod failure;
pub mod fault;
pub mod frontend;
pub mod instance;
pub mod journal;
pub mod load;
mod meeting;
pub mod options;
mod params;
pub mod placement;
mod postman;
mod recording;
mod reply;
mod site;
pub mod telegraf;
mod tls;
pub mod users;
mod webhooks;

pub use fault::Fault;
pub use frontend::Frontend;
pub use instance::Instance;
pub use options::Options;
pub use site::Census;
pub use telegraf::Telegraf;
