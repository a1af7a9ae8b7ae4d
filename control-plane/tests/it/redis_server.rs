//! A real `redis-server` of its own for a test.

use redis::{Client, FromRedisValue};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long a server may take to answer; far more than it does, for machines that are busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a free port of the loopback address, which writes every change to a file before it answers. Ends with the value.
pub(crate) struct RedisServer {
    pub(crate) port: u16,
    dir: TempDir,
    options: Vec<String>,
    process: Child,
}

impl RedisServer {
    /// A server that keeps what it was told over a restart.
    pub(crate) async fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// A server that writes to disk only when told to `SAVE`.
    pub(crate) async fn start_forgetful() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"]).await
    }

    /// A server with options of its own.
    pub(crate) async fn start_with(options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), options).await
    }

    /// A server with options and a directory of its own.
    pub(crate) async fn start_in(dir: TempDir, options: &[&str]) -> Self {
        let port = free_port();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let process = spawn(port, &dir, &options);
        let server = Self { port, dir, options, process };
        server.answers().await;
        server
    }

    /// As it stands in a configuration.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again, with what it wrote to disk.
    pub(crate) async fn restart(&mut self) {
        self.process = spawn(self.port, &self.dir, &self.options);
        self.answers().await;
    }

    /// Stops it without closing a connection, until [`RedisServer::resume`].
    pub(crate) fn hang(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    /// Runs one command.
    pub(crate) async fn run<T: FromRedisValue>(&self, command: &[&str]) -> T {
        self.try_run(command).await.unwrap()
    }

    pub(crate) async fn try_run<T: FromRedisValue>(&self, command: &[&str]) -> redis::RedisResult<T> {
        let client = Client::open(format!("redis://{}", self.address()))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await
    }

    async fn answers(&self) {
        let end = Instant::now() + PATIENCE;
        while let Err(error) = self.try_run::<String>(&["PING"]).await {
            if error.code() == Some("NOAUTH") {
                return;
            }
            assert!(Instant::now() < end, "redis-server does not answer: {error}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // A server that was killed already has no need to be.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(port: u16, dir: &TempDir, options: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    // A file of options has to come first.
    command.args(options).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command.args(["--dir", dir.path().to_str().unwrap(), "--daemonize", "no"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("redis-server is installed")
}

/// A port of the loopback address that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
