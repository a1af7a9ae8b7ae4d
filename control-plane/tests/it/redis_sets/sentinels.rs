//! A master, its replicas, and sentinels that watch them.

use super::until;
use crate::redis_server::RedisServer;

/// What the sentinels call the master.
pub(crate) const MASTER: &str = "mymaster";

/// Servers of which one is the master, the first to begin with.
pub(crate) struct Sentinels {
    pub(crate) servers: Vec<RedisServer>,
    pub(crate) sentinels: Vec<RedisServer>,
}

impl Sentinels {
    /// `replicas` besides the master, and `sentinels`, each with these further lines in its configuration.
    pub(crate) async fn start(replicas: usize, sentinels: usize, lines: &[&str]) -> Self {
        let mut servers = vec![RedisServer::start().await];
        let master = servers[0].port.to_string();
        for _ in 0..replicas {
            let options = ["--save", "", "--replicaof", "127.0.0.1", &master, "--repl-diskless-sync-delay", "0"];
            servers.push(RedisServer::start_with(&options).await);
        }
        // A sentinel asks the master for its replicas once, and then not again for ten seconds.
        let whole = |info: &String| info.matches("state=online").count() == replicas;
        until(&servers[0], &["INFO", "replication"], whole).await;
        let mut set = Self { servers, sentinels: Vec::new() };
        for _ in 0..sentinels {
            set.sentinels.push(sentinel(&master, sentinels / 2 + 1, lines).await);
        }
        for sentinel in &set.sentinels {
            let knows_all = |info: &String| info.contains(&format!("slaves={replicas},sentinels={sentinels}"));
            if lines.is_empty() {
                until(sentinel, &["INFO", "sentinel"], knows_all).await;
            }
        }
        set
    }

    /// As it stands in a configuration.
    pub(crate) fn address(&self) -> String {
        let places: Vec<_> = self.sentinels.iter().map(RedisServer::address).collect();
        format!("redis+sentinel://{}/{MASTER}", places.join(","))
    }

    /// Has the first sentinel replace the master, and waits until it has.
    pub(crate) async fn fail_over(&self) {
        let before = self.master().await;
        until(&self.sentinels[0], &["SENTINEL", "FAILOVER", MASTER], |_: &String| true).await;
        self.until_replaced(before).await;
        let settled = |info: &Vec<String>| info.iter().any(|flags| flags == "master");
        until(&self.sentinels[0], &["SENTINEL", "MASTER", MASTER], settled).await;
    }

    /// Which of the servers the first sentinel takes for the master.
    pub(crate) async fn master(&self) -> usize {
        let (_, port): (String, u16) = self.sentinels[0].run(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]).await;
        self.servers.iter().position(|server| server.port == port).unwrap()
    }

    /// Waits until they have another master than this one, which all of the sentinels agree on.
    pub(crate) async fn until_replaced(&self, before: usize) {
        let before = self.servers[before].port;
        for sentinel in &self.sentinels {
            let command = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER];
            until(sentinel, &command, |(_, port): &(String, u16)| *port != before).await;
        }
    }
}

async fn sentinel(master: &str, quorum: usize, lines: &[&str]) -> RedisServer {
    let dir = tempfile::tempdir().unwrap();
    // Sentinels write into it what they find out.
    let file = dir.path().join("sentinel.conf");
    let own = [
        format!("sentinel monitor {MASTER} 127.0.0.1 {master} {quorum}"),
        format!("sentinel down-after-milliseconds {MASTER} 500"),
        format!("sentinel failover-timeout {MASTER} 3000"),
    ];
    let text = own.iter().map(String::as_str).chain(lines.iter().copied()).collect::<Vec<_>>().join("\n");
    std::fs::write(&file, text + "\n").unwrap();
    let file = file.to_str().unwrap().to_owned();
    RedisServer::start_in(dir, &[&file, "--sentinel"]).await
}
