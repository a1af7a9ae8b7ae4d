//! Opens connections: to a Redis, and to the sentinels that know where it is.

use b3lb_config::RedisAddress;
use b3lb_config::redis_address::Place;
use b3lb_config::settings::Redis as Settings;
use b3lb_config::tls::{self, TlsError};
use bbb::Secret;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError, Value};
use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Whoever does not accept and greet a connection within this time, or does not say what it is, is as good as away.
pub(super) const CONNECT_DEADLINE: Duration = Duration::from_secs(1);

/// What it takes to open a connection, besides the place.
#[derive(Clone)]
pub(super) struct Dial {
    /// `None`: in clear.
    pub(super) tls: Option<Files>,
    pub(super) login: Login,
    pub(super) database: i64,
}

/// What TLS is made of. Read for each connection, because certificates are replaced while a program runs.
#[derive(Clone)]
pub(super) struct Files {
    ca_file: Option<PathBuf>,
    /// A certificate and its key.
    identity: Option<(PathBuf, PathBuf)>,
}

/// Who we are there. Without either, whoever may come without a word.
#[derive(Clone, Default)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
}

/// Why there is no connection to the Redis that holds the state.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    #[error("{0}: it took too long to connect")]
    Late(Place),
    #[error("{place}: {source}")]
    Network { place: Place, source: io::Error },
    #[error("{place}: TLS failed: {source}")]
    Tls { place: Place, source: io::Error },
    #[error("{place}: TLS needs a name to verify: {source}")]
    Nameless { place: Place, source: InvalidDnsNameError },
    #[error("redis.ca_file or redis.certificate: {0}")]
    Files(#[from] TlsError),
    #[error("{place} refused {}: {}", described(.username), said(.source))]
    Login { place: Place, username: Option<String>, source: RedisError },
    #[error("{place}: {}", said(.source))]
    Refused { place: Place, source: RedisError },
    #[error("{0} is no master")]
    NoMaster(Place),
    #[error("the sentinel {place} knows nothing of {master}")]
    Unknown { place: Place, master: String },
    #[error("{0}: it sends us from one to the other")]
    Redirected(Place),
    #[error("{}", listed(.0))]
    Everywhere(Vec<Unreachable>),
}

impl Dial {
    /// # Errors
    /// [`Unreachable`].
    pub(super) async fn open(&self, place: &Place) -> Result<MultiplexedConnection, Unreachable> {
        let tls = match &self.tls {
            Some(files) => Some(files.read().await?),
            None => None,
        };
        // A handshake is large, and all who connect would carry it.
        let opened = timeout(CONNECT_DEADLINE, Box::pin(self.connect(place, tls))).await;
        opened.unwrap_or_else(|_| Err(Unreachable::Late(place.clone())))
    }

    async fn connect(
        &self,
        place: &Place,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<MultiplexedConnection, Unreachable> {
        let network = |source| Unreachable::Network { place: place.clone(), source };
        let (host, port) = match place {
            Place::Unix(path) => return self.greet(place, UnixStream::connect(path).await.map_err(network)?).await,
            Place::Tcp(host, port) => (host, *port),
        };
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(network)?;
        stream.set_nodelay(true).map_err(network)?;
        let Some(tls) = tls else { return self.greet(place, stream).await };
        let nameless = |source| Unreachable::Nameless { place: place.clone(), source };
        let name = ServerName::try_from(host.clone()).map_err(nameless)?;
        let secured = TlsConnector::from(tls).connect(name, stream).await;
        let stream = secured.map_err(|source| Unreachable::Tls { place: place.clone(), source })?;
        self.greet(place, stream).await
    }

    /// Makes a connection of a stream, and says who we are and which database is meant.
    async fn greet<S>(&self, place: &Place, stream: S) -> Result<MultiplexedConnection, Unreachable>
    where
        S: Unpin + AsyncRead + AsyncWrite + Send + 'static,
    {
        let refused = |source| Unreachable::Refused { place: place.clone(), source };
        // Every command has a deadline of its own; the crate's would end XREAD while it waits.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        // The crate would not tell why a login is refused, so that nothing is said for us.
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
        let (mut redis, driver) = made.map_err(refused)?;
        // Ends with the last clone of the connection, or when that breaks.
        tokio::spawn(driver);
        if let Some(command) = self.login.command() {
            let username = self.login.username.clone();
            let said = command.exec_async(&mut redis).await;
            said.map_err(|source| Unreachable::Login { place: place.clone(), username, source })?;
        }
        if self.database != 0 {
            redis::cmd("SELECT").arg(self.database).exec_async(&mut redis).await.map_err(refused)?;
        }
        Ok(redis)
    }

    /// A connection to a place which must be a master.
    ///
    /// # Errors
    /// [`Unreachable`].
    pub(super) async fn open_master(&self, place: &Place) -> Result<MultiplexedConnection, Unreachable> {
        let mut redis = self.open(place).await?;
        let asked = timeout(CONNECT_DEADLINE, is_master(&mut redis)).await;
        match asked.map_err(|_| Unreachable::Late(place.clone()))? {
            Ok(true) => Ok(redis),
            Ok(false) => Err(Unreachable::NoMaster(place.clone())),
            Err(source) => Err(Unreachable::Refused { place: place.clone(), source }),
        }
    }
}

/// It takes writes, for all that it knows.
pub(super) async fn is_master(redis: &mut MultiplexedConnection) -> Result<bool, RedisError> {
    let role = redis::cmd("ROLE").query_async::<Vec<Value>>(redis).await?;
    // The rest is about replication, which the crate does not understand of a replica that has not found its master.
    Ok(matches!(role.first(), Some(Value::BulkString(role)) if role == b"master"))
}

/// The files that TLS with Redis is made of can be used, if it is spoken.
///
/// # Errors
/// [`Unreachable::Files`].
pub(super) fn check(settings: &Settings) -> Result<(), Unreachable> {
    let address = settings.address.as_deref().and_then(RedisAddress::parse);
    if address.is_some_and(|address| address.tls) {
        Files::new(settings).read_now()?;
    }
    Ok(())
}

impl Files {
    pub(super) fn new(settings: &Settings) -> Self {
        let identity = settings.certificate.clone().zip(settings.certificate_key.clone());
        Self { ca_file: settings.ca_file.clone(), identity }
    }

    /// # Errors
    /// They cannot be read or do not belong together.
    pub(super) async fn read(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let files = self.clone();
        let read = move || files.read_now();
        tokio::task::spawn_blocking(read).await.expect("reading files does not panic, and nobody aborts it")
    }

    fn read_now(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let identity = self.identity.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()));
        tls::client_config_of(self.ca_file.as_deref(), identity)
    }
}

impl Login {
    fn command(&self) -> Option<redis::Cmd> {
        let mut command = redis::cmd("AUTH");
        match (&self.username, &self.password) {
            (None, None) => return None,
            (None, Some(password)) => command.arg(password.reveal()),
            // A user may need no password; any will do then.
            (Some(username), password) => command.arg(username).arg(password.as_ref().map_or("", Secret::reveal)),
        };
        Some(command)
    }
}

fn described(username: &Option<String>) -> String {
    match username {
        Some(username) => format!("the user {username:?}"),
        None => "the password".to_owned(),
    }
}

/// What Redis said, as it said it.
fn said(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

fn listed(reasons: &[Unreachable]) -> String {
    reasons.iter().map(Unreachable::to_string).collect::<Vec<_>>().join("; ")
}
