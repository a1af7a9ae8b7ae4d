//! A cluster of three masters, one of which has a replica.

use super::until;
use crate::redis_server::RedisServer;

/// The slot of every key with the hash tag `{b3lb}`.
pub(crate) const SLOT: &str = "10988";

/// The server that owns [`SLOT`] to begin with.
pub(crate) const OWNER: usize = 0;

/// One that owns all slots around it, and its replica.
pub(crate) const NEXT: usize = 2;
pub(crate) const REPLICA: usize = 3;

/// Servers that know each other.
pub(crate) struct Cluster {
    pub(crate) servers: Vec<RedisServer>,
    ids: Vec<String>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let mut cluster = Self { servers: Vec::new(), ids: Vec::new() };
        let options = [
            "--save",
            "",
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "1000",
            "--repl-diskless-sync-delay",
            "0",
        ];
        for _ in 0..=REPLICA {
            let server = RedisServer::start_with(&options).await;
            cluster.ids.push(server.run(&["CLUSTER", "MYID"]).await);
            cluster.servers.push(server);
        }
        let slots: [&[&str]; 3] =
            [&["0", "5460", SLOT, SLOT], &["5461", "10922"], &["10923", "10987", "10989", "16383"]];
        for (i, (server, slots)) in cluster.servers.iter().zip(slots).enumerate() {
            server.run::<()>(&[&["CLUSTER", "ADDSLOTSRANGE"], slots].concat()).await;
            // Nobody may have the same epoch as another, or they would have to find out who goes first.
            server.run::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(i + 1).to_string()]).await;
        }
        for server in &cluster.servers[1..] {
            let port = cluster.servers[0].port.to_string();
            server.run::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port]).await;
        }
        let replica = &cluster.servers[REPLICA];
        let known = |nodes: &String| nodes.lines().count() == cluster.ids.len() && nodes.contains("10989-16383");
        until(replica, &["CLUSTER", "NODES"], known).await;
        cluster.replicate(REPLICA, NEXT).await;
        for server in &cluster.servers {
            until(server, &["CLUSTER", "INFO"], |info: &String| info.contains("cluster_state:ok")).await;
        }
        cluster
    }

    /// As it stands in a configuration.
    pub(crate) fn address(&self) -> String {
        let places: Vec<_> = self.servers.iter().map(RedisServer::address).collect();
        format!("redis+cluster://{}", places.join(","))
    }

    /// Waits until all who still `run` know that one server owns our keys and all slots around them.
    pub(crate) async fn until_owned_by(&self, owner: usize, run: &[usize]) {
        for &asked in run {
            let owned = |nodes: &String| {
                nodes.lines().any(|node| node.starts_with(&self.ids[owner]) && node.contains("10923-16383"))
            };
            until(&self.servers[asked], &["CLUSTER", "NODES"], owned).await;
        }
    }

    /// Makes a server the replica of another, and waits until it has all that the other has.
    pub(crate) async fn replicate(&self, replica: usize, master: usize) {
        self.servers[replica].run::<()>(&["CLUSTER", "REPLICATE", &self.ids[master]]).await;
        self.until_replica(replica).await;
    }

    /// Waits until a server is a replica that has all that its master has.
    pub(crate) async fn until_replica(&self, replica: usize) {
        let whole = |info: &String| info.contains("role:slave") && info.contains("master_link_status:up");
        until(&self.servers[replica], &["INFO", "replication"], whole).await;
    }

    /// Moves our keys from one master to another, as `redis-cli --cluster reshard` does.
    pub(crate) async fn migrate(&self, from: usize, to: usize) {
        let setslot = async |server: usize, word: &str, node: usize| {
            self.servers[server].run::<()>(&["CLUSTER", "SETSLOT", SLOT, word, &self.ids[node]]).await;
        };
        setslot(to, "IMPORTING", from).await;
        setslot(from, "MIGRATING", to).await;
        let port = self.servers[to].port.to_string();
        loop {
            let keys: Vec<String> = self.servers[from].run(&["CLUSTER", "GETKEYSINSLOT", SLOT, "1"]).await;
            let Some(key) = keys.first() else { break };
            self.servers[from].run::<()>(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]).await;
        }
        setslot(to, "NODE", to).await;
        setslot(from, "NODE", to).await;
    }
}
