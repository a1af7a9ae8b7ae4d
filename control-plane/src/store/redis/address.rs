//! Where Redis is and who we are there.

use crate::store::StoreError;
use b3lb_config::settings::Redis as Settings;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisResult};
use std::time::Duration;

/// A Redis that does not accept and greet a connection within this time is as good as away.
const CONNECT_DEADLINE: Duration = Duration::from_secs(1);

/// Makes connections.
pub(super) struct Address(Client);

impl Address {
    /// The Redis at `address` with the user, password and database of the settings.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if `address` is neither `host:port` nor a url that Redis clients know.
    pub(super) fn new(address: &str, settings: &Settings) -> Result<Self, StoreError> {
        let unusable = || StoreError::Unusable("redis.address is neither host:port nor the url of a Redis".to_owned());
        let info = if address.contains("://") {
            address.into_connection_info().map_err(|_| unusable())?
        } else {
            let (host, port) = address.rsplit_once(':').ok_or_else(unusable)?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let port = port.parse().map_err(|_| unusable())?;
            ConnectionAddr::Tcp(host.to_owned(), port).into_connection_info().map_err(|_| unusable())?
        };
        Ok(Self(Client::open(identified(info, settings)).map_err(|_| unusable())?))
    }

    /// A new connection that has been greeted.
    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        // Every command has a deadline of its own; the crate's would end XREAD while it waits.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_DEADLINE)).set_response_timeout(None);
        self.0.get_multiplexed_async_connection_with_config(&config).await
    }
}

fn identified(info: ConnectionInfo, settings: &Settings) -> ConnectionInfo {
    let mut redis = info.redis_settings().clone();
    if let Some(username) = &settings.username {
        redis = redis.set_username(username);
    }
    if let Some(password) = &settings.password {
        redis = redis.set_password(password.reveal());
    }
    // A url may name the database as well.
    if settings.database != 0 {
        redis = redis.set_db(settings.database);
    }
    info.set_redis_settings(redis).set_tcp_settings(TcpSettings::default().set_nodelay(true))
}
