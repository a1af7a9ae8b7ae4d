//! Sentinels: they watch a Redis and its replicas, and know which of them is the master.

use super::dial::{CONNECT_DEADLINE, Dial, Login, Unreachable};
use b3lb_config::redis_address::Place;
use b3lb_config::settings::Redis as Settings;
use redis::RedisError;
use redis::aio::MultiplexedConnection;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often they are asked whether the master is still the same. One that sentinels replace on purpose goes on taking writes for some
/// seconds, which its successor would not know.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The sentinels of one master.
pub(super) struct Sentinels {
    /// The first is that which knew the master the last time.
    places: Vec<Place>,
    /// What they call it.
    master: String,
    /// How the master is called.
    dial: Dial,
    /// How a sentinel is called, and then again if it wants to know who we are.
    own: Dial,
    again: Option<Dial>,
}

impl Sentinels {
    /// `dial`: how the master is called.
    pub(super) fn new(places: Vec<Place>, master: String, dial: Dial, settings: &Settings) -> Self {
        let login =
            Login { username: settings.sentinel_username.clone(), password: settings.sentinel_password.clone() };
        let known = login.username.is_some() || login.password.is_some();
        let own = Dial { login, database: 0, ..dial.clone() };
        // What opens the master is shown to those only who ask for it.
        let again = (!known).then(|| Dial { database: 0, ..dial.clone() });
        Self { places, master, dial, own, again }
    }

    /// The master, connected.
    ///
    /// # Errors
    /// [`Unreachable`], with what each of the sentinels said.
    pub(super) async fn connect(&mut self) -> Result<(Place, MultiplexedConnection), Unreachable> {
        let mut reasons = Vec::new();
        let mut tried = Vec::new();
        for i in 0..self.places.len() {
            let master = match self.ask(&self.places[i]).await {
                Ok(master) => master,
                Err(reason) => {
                    reasons.push(reason);
                    continue;
                }
            };
            if tried.contains(&master) {
                continue;
            }
            match self.dial.open_master(&master).await {
                Ok(redis) => {
                    self.places.rotate_left(i);
                    return Ok((master, redis));
                }
                Err(reason) => reasons.push(reason),
            }
            tried.push(master);
        }
        Err(Unreachable::Everywhere(reasons))
    }

    /// Waits until a sentinel names another master than that at `place`, and that is one.
    pub(super) async fn left(&self, place: &Place) {
        let mut ticks = interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sentinel = None;
        for asked in self.places.iter().cycle() {
            // One that answers is asked until it does not any more. That none does is no reason to leave a master.
            while let Some(master) = self.ask_on(&mut sentinel, asked).await {
                if master != *place && self.dial.open_master(&master).await.is_ok() {
                    tracing::info!(from = %place, to = %master, "the sentinels name another master");
                    return;
                }
                ticks.tick().await;
            }
            sentinel = None;
            ticks.tick().await;
        }
    }

    async fn ask_on(&self, connection: &mut Option<MultiplexedConnection>, place: &Place) -> Option<Place> {
        if let Some(sentinel) = connection {
            return self.master(sentinel).await.ok().flatten();
        }
        let (sentinel, master) = self.connect_to(place).await.ok()?;
        *connection = Some(sentinel);
        Some(master)
    }

    async fn ask(&self, place: &Place) -> Result<Place, Unreachable> {
        self.connect_to(place).await.map(|(_, master)| master)
    }

    /// A connection to a sentinel, and its first answer.
    async fn connect_to(&self, place: &Place) -> Result<(MultiplexedConnection, Place), Unreachable> {
        let mut sentinel = self.own.open(place).await?;
        let mut answer = self.master(&mut sentinel).await;
        if let (Err(Some(error)), Some(again)) = (&answer, &self.again)
            && matches!(error.code(), Some("NOAUTH" | "NOPERM"))
        {
            sentinel = again.open(place).await?;
            answer = self.master(&mut sentinel).await;
        }
        match answer {
            Ok(Some(master)) => Ok((sentinel, master)),
            Ok(None) => Err(Unreachable::Unknown { place: place.clone(), master: self.master.clone() }),
            Err(Some(source)) => Err(Unreachable::Refused { place: place.clone(), source }),
            Err(None) => Err(Unreachable::Late(place.clone())),
        }
    }

    /// Whom a sentinel takes for the master; no error if it took too long.
    async fn master(&self, sentinel: &mut MultiplexedConnection) -> Result<Option<Place>, Option<RedisError>> {
        let mut command = redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        let asked = timeout(CONNECT_DEADLINE, command.query_async::<Option<(String, u16)>>(sentinel)).await;
        let master = asked.map_err(|_| None)?.map_err(Some)?;
        Ok(master.map(|(host, port)| Place::Tcp(host, port)))
    }
}
