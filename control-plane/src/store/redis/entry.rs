//! Entries of the stream of changes.

use super::script::CHANGES;
use super::{damaged, unavailable};
use crate::state::{Change, Revision, State};
use crate::store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamRangeReply, StreamReadReply};
use std::time::Duration;
use tokio::time::timeout;

/// Entries that are read at once.
const COUNT: usize = 1000;

/// How long Redis waits for a new entry before it answers that there is none.
const BLOCK: Duration = Duration::from_secs(5);

/// How long it may take beyond that.
const DEADLINE: Duration = Duration::from_secs(2);

/// One step of the history.
pub(super) struct Entry {
    pub(super) revision: Revision,
    pub(super) changes: Vec<Change>,
    epoch: String,
    /// The revision of the entry before.
    after: Revision,
}

impl Entry {
    /// Nothing is missing between the state and this entry.
    pub(super) fn follows(&self, state: &State) -> bool {
        *self.epoch == *state.epoch && self.after == state.revision
    }

    /// # Errors
    /// [`StoreError::Damaged`] if it is none of ours, or that of a newer version.
    fn parse(entry: &StreamId) -> Result<Self, StoreError> {
        let parse = || -> Result<Self, String> {
            let text = |field: &str| entry.get::<String>(field).ok_or_else(|| format!("{field} is missing"));
            let revision = |text: &str| text.parse::<Revision>().map_err(|error| error.to_string());
            let changes = text("changes")?;
            Ok(Self {
                revision: revision(&entry.id)?,
                // The entry may hold secrets, which a whole message would show.
                changes: serde_json::from_str(&changes).map_err(|error| format!("{:?} error", error.classify()))?,
                epoch: text("epoch")?,
                after: revision(&text("after")?)?,
            })
        };
        parse().map_err(|reason| damaged(format!("{CHANGES}[{}]", entry.id), reason))
    }
}

/// The entries after that of `revision`; `None` if that is not there any more, so that some after it may be missing too.
pub(super) async fn after(
    redis: &mut MultiplexedConnection,
    revision: Revision,
) -> Result<Option<Vec<Entry>>, StoreError> {
    let mut command = redis::cmd("XRANGE");
    command.arg(CHANGES).arg(revision.to_string()).arg("+").arg("COUNT").arg(COUNT);
    let read = timeout(DEADLINE, command.query_async::<StreamRangeReply>(redis)).await;
    let reply = read.map_err(|_| unavailable("it took too long"))?.map_err(unavailable)?;
    match &reply.ids[..] {
        [known, after @ ..] if known.id == revision.to_string() => {
            after.iter().map(Entry::parse).collect::<Result<_, _>>().map(Some)
        }
        _ => Ok(None),
    }
}

/// The entries after `revision`, as soon as there are any; none if none came for some seconds. Occupies the connection.
pub(super) async fn next(redis: &mut MultiplexedConnection, revision: Revision) -> Result<Vec<Entry>, StoreError> {
    let mut command = redis::cmd("XREAD");
    command.arg("BLOCK").arg(BLOCK.as_millis().to_string()).arg("COUNT").arg(COUNT);
    command.arg("STREAMS").arg(CHANGES).arg(revision.to_string());
    let read = timeout(BLOCK + DEADLINE, command.query_async::<Option<StreamReadReply>>(redis)).await;
    let reply = read.map_err(|_| unavailable("it took too long"))?.map_err(unavailable)?;
    reply.iter().flat_map(|reply| &reply.keys).flat_map(|key| &key.ids).map(Entry::parse).collect()
}
