//! A real Redis, with its own directory and with persistence.

use crate::wait::until;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A `redis-server` that ends with this.
pub(crate) struct Redis {
    pub(crate) address: SocketAddr,
    directory: TempDir,
    child: Child,
}

impl Redis {
    /// Starts one on a port of its own.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = super::reserved_address();
        let child = spawn(address, &directory);
        let redis = Self { address, directory, child };
        redis.until_it_answers().await;
        redis
    }

    /// Kills it without warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again after [`Redis::kill`], with what it had written.
    pub(crate) async fn start_again(&mut self) {
        self.child = spawn(self.address, &self.directory);
        self.until_it_answers().await;
    }

    /// Stops it, or lets it go on, so that it keeps its connections and answers nothing.
    pub(crate) fn pause(&self, paused: bool) {
        let signal = if paused { "-STOP" } else { "-CONT" };
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Kills it, and takes away what was written after `length` bytes of its log.
    pub(crate) fn kill_and_roll_back(&mut self, length: u64) {
        self.kill();
        File::options().write(true).open(self.log()).unwrap().set_len(length).unwrap();
    }

    /// How many bytes its log has.
    pub(crate) fn log_length(&self) -> u64 {
        std::fs::metadata(self.log()).unwrap().len()
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("appendonlydir/appendonly.aof.1.incr.aof")
    }

    /// Sends a command without arguments and returns the first line of the answer.
    pub(crate) async fn command(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        let mut answer = vec![0; 512];
        let length = stream.read(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        Ok(answer.lines().next().unwrap_or_default().to_owned())
    }

    async fn until_it_answers(&self) {
        until("Redis answers", async || self.command("PING").await.is_ok_and(|answer| answer == "+PONG")).await;
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(address: SocketAddr, directory: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--port", &address.port().to_string(), "--bind", &address.ip().to_string()])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
        .arg("--dir")
        .arg(directory.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
