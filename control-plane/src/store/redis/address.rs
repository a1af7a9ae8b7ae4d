//! Where Redis is and who we are there.

use super::cluster;
use super::dial::{Dial, Files, Login, Unreachable};
use super::sentinel::Sentinels;
use crate::store::StoreError;
use b3lb_config::RedisAddress;
use b3lb_config::redis_address::{Place, Route};
use b3lb_config::settings::Redis as Settings;
use redis::aio::MultiplexedConnection;

/// Finds the Redis that holds the state, and connects.
pub(super) struct Address {
    way: Way,
    dial: Dial,
}

/// How it is found. Those who know are asked in turn, beginning with the one that knew it the last time.
enum Way {
    Direct(Place),
    Sentinels(Box<Sentinels>),
    Cluster(Vec<Place>),
}

/// Both connections to the same Redis.
pub(super) struct Connected {
    pub(super) place: Place,
    /// For commands.
    pub(super) commands: MultiplexedConnection,
    /// For nothing but waiting for changes.
    pub(super) stream: MultiplexedConnection,
}

impl Address {
    /// What `address` means, with the other settings.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if `address` is no address, or files that are needed for TLS cannot be used.
    pub(super) async fn new(address: &str, settings: &Settings) -> Result<Self, StoreError> {
        let unusable = || StoreError::Unusable("redis.address is neither host:port nor the url of a Redis".to_owned());
        let RedisAddress { route, tls, database } = RedisAddress::parse(address).ok_or_else(unusable)?;
        let tls = tls.then(|| Files::new(settings));
        if let Some(files) = &tls {
            files.read().await.map_err(|error| StoreError::Unusable(Unreachable::from(error).to_string()))?;
        }
        let login = Login { username: settings.username.clone(), password: settings.password.clone() };
        // An address may name the database as well.
        let database = if settings.database != 0 { settings.database } else { database.unwrap_or_default() };
        let dial = Dial { tls, login, database };
        let way = match route {
            Route::Direct(place) => Way::Direct(place),
            Route::Sentinels { sentinels, master } => {
                Way::Sentinels(Box::new(Sentinels::new(sentinels, master, dial.clone(), settings)))
            }
            Route::Cluster { seeds } => Way::Cluster(seeds),
        };
        Ok(Self { way, dial })
    }

    /// New connections to the Redis that holds the state, which is a master.
    ///
    /// # Errors
    /// [`Unreachable`], with what each said who was asked.
    pub(super) async fn connect(&mut self) -> Result<Connected, Unreachable> {
        let Self { way, dial } = self;
        let (place, commands) = match way {
            Way::Direct(place) => (place.clone(), dial.open_master(place).await?),
            Way::Sentinels(sentinels) => sentinels.connect().await?,
            Way::Cluster(seeds) => cluster::connect(seeds, dial).await?,
        };
        let stream = dial.open(&place).await?;
        Ok(Connected { place, commands, stream })
    }

    /// Waits until another Redis than that at `place` is to be used, for ever if only that one can tell.
    pub(super) async fn left(&self, place: &Place) {
        match &self.way {
            Way::Sentinels(sentinels) => sentinels.left(place).await,
            Way::Direct(_) | Way::Cluster(_) => std::future::pending().await,
        }
    }
}
