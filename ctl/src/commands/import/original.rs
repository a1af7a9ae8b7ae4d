//! What the Redis of an original holds: the keys of all its versions.

use crate::resources::of_original;
use crate::terminal::say;
use anyhow::{Context, anyhow, ensure};
use b3lb_proto::v1::{ChecksumAlgorithm, Instance, Meeting, RecordingEntry, Tenant};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A Redis that does not answer within this is away.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Keys that are asked for at a time, so that the original goes on beside it.
const KEYS_TOGETHER: usize = 500;
/// Instances by url: since 2.0, and before.
const INSTANCES: [&str; 2] = ["instances:list", "b3lb_instances"];

/// What the keys of tenants begin with.
const TENANT: &str = "tenant:";

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Original {
    /// Where, without a password.
    pub(super) address: String,
    pub(super) instances: Vec<Instance>,
    pub(super) tenants: Vec<Tenant>,
    pub(super) meetings: Vec<Meeting>,
    pub(super) recordings: Vec<RecordingEntry>,
}

impl Original {
    /// Reads everything. Nothing is written there.
    ///
    /// # Errors
    /// It cannot be read, or there is nothing of an original in it.
    pub(super) async fn read(info: &ConnectionInfo) -> anyhow::Result<Self> {
        let address = format!("{} (database {})", info.addr(), info.redis_settings().db());
        let mut redis = connect(info).await.with_context(|| format!("the Redis at {address} cannot be read"))?;
        let mut original = Self { address, ..Self::default() };
        original.fill(&mut redis).await.with_context(|| format!("the Redis at {} cannot be read", original.address))?;
        let is_empty = original.instances.is_empty() && original.tenants.is_empty() && original.meetings.is_empty();
        ensure!(!is_empty, "there is nothing of a B3LB or BigBlueSwarm in the Redis at {}", original.address);
        Ok(original)
    }

    /// How much it is.
    pub(super) fn summary(&self) -> String {
        let Self { instances, tenants, meetings, recordings, .. } = self;
        let [i, t, m, r] = [instances.len(), tenants.len(), meetings.len(), recordings.len()];
        format!("{i} instances, {t} tenants, {m} meetings and {r} recordings")
    }

    async fn fill(&mut self, redis: &mut MultiplexedConnection) -> anyhow::Result<()> {
        let mut secrets: BTreeMap<String, String> = BTreeMap::new();
        for key in INSTANCES {
            let found: redis::RedisResult<BTreeMap<Vec<u8>, Vec<u8>>> =
                redis::cmd("HGETALL").arg(key).query_async(redis).await;
            let found = found.map_err(|error| match error.code() {
                Some("WRONGTYPE") => anyhow!("{key} is no hash of secrets by url, as the originals keep it"),
                _ => error.into(),
            })?;
            for (url, secret) in found {
                match (String::from_utf8(url), String::from_utf8(secret)) {
                    (Ok(url), Ok(secret)) => drop(secrets.insert(url, secret)),
                    (Ok(url), Err(_)) => say(format_args!("warning: {key}: the secret of {url} is no text")),
                    (Err(_), _) => say(format_args!("warning: {key}: one of its urls is no text")),
                }
            }
        }
        let instance = |(url, secret): (&String, &String)| Instance {
            url: url.clone(),
            secret: secret.clone(),
            // The originals sign with nothing else, so that every instance of theirs is known to take it.
            checksum: ChecksumAlgorithm::Sha1.into(),
            ..Instance::default()
        };
        self.instances = secrets.iter().map(instance).collect();
        // The oldest version had nothing before its meetingIDs, and other programs may have keys here as well.
        let urls: BTreeSet<&str> = secrets.keys().map(String::as_str).collect();
        let keys = keys(redis).await?;
        for keys in keys.chunks(KEYS_TOGETHER) {
            // What is no string is nil, and what ended meanwhile.
            let values: Vec<Option<Vec<u8>>> = redis::cmd("MGET").arg(keys).query_async(redis).await?;
            for (key, value) in keys.iter().zip(values) {
                match value.map(String::from_utf8) {
                    Some(Ok(value)) => self.take(key, value, &urls),
                    // Other programs may keep anything here.
                    Some(Err(_)) | None if !key.starts_with(TENANT) => {}
                    Some(Err(_)) | None => say(format_args!("warning: {key}: it is no text, or it is gone by now")),
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, key: &str, value: String, urls: &BTreeSet<&str>) {
        let meeting = |id: &str, instance| Meeting { meeting_id: id.to_owned(), instance, ..Meeting::default() };
        if let Some(host) = key.strip_prefix(TENANT) {
            match of_original(&value, host) {
                Ok(tenant) => self.tenants.push(tenant),
                Err(reason) => say(format_args!("warning: {key}{reason}")),
            }
        } else if let Some(id) = key.strip_prefix("recording:") {
            let (record_id, tenant) = (id.to_owned(), String::new());
            self.recordings.push(RecordingEntry { record_id, tenant, instance: value });
        } else if let Some(id) = key.strip_prefix("meeting:") {
            // A create that failed left a key without an id.
            if !id.is_empty() {
                self.meetings.push(meeting(id, value));
            }
        } else if urls.contains(&*value) {
            self.meetings.push(meeting(key, value));
        }
    }
}

async fn connect(info: &ConnectionInfo) -> redis::RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(TIMEOUT)).set_response_timeout(Some(TIMEOUT));
    Client::open(info.clone())?.get_multiplexed_async_connection_with_config(&config).await
}

/// All keys, each once.
async fn keys(redis: &mut MultiplexedConnection) -> redis::RedisResult<Vec<String>> {
    let mut found: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut cursor: u64 = 0;
    loop {
        let (next, keys): (u64, Vec<Vec<u8>>) =
            redis::cmd("SCAN").arg(cursor).arg("COUNT").arg(KEYS_TOGETHER).query_async(redis).await?;
        found.extend(keys);
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    // A key that is no text is none of theirs.
    Ok(found
        .into_iter()
        .filter_map(|key| String::from_utf8(key).ok())
        .filter(|key| !key.starts_with("{b3lb}"))
        .collect())
}
