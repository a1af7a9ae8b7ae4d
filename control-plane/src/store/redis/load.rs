//! Loads the whole state while others change it.

use super::entry;
use super::unavailable;
use crate::state::{Revision, State};
use crate::store::StoreError;
use crate::store::record::{self, Table};
use redis::aio::MultiplexedConnection;
use std::time::Duration;
use tokio::time::timeout;

/// Records that are read at once.
const COUNT: usize = 1000;

/// How long one of these readings may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// The state of `epoch`, which had come to `last` before; `None` if history changed meanwhile.
///
/// The tables are read while others write, and show some of what they write. The stream from `last` on tells all of it, and applying it
/// a second time changes nothing, so that the state at the end of the stream is right.
///
/// # Errors
/// [`StoreError::Unavailable`], or [`StoreError::Damaged`] for records that are not understood.
pub(super) async fn load(
    redis: &mut MultiplexedConnection,
    epoch: &str,
    last: Revision,
) -> Result<Option<State>, StoreError> {
    let mut state = State { epoch: epoch.into(), revision: last, ..State::default() };
    for table in Table::ALL {
        scan(redis, table, &mut state).await?;
    }
    loop {
        let Some(entries) = entry::after(redis, state.revision).await? else { return Ok(None) };
        if entries.is_empty() {
            return Ok(Some(record::without_orphans(state)));
        }
        for entry in entries {
            if !entry.follows(&state) {
                return Ok(None);
            }
            state.revision = entry.revision;
            for change in entry.changes {
                state.apply(change);
            }
        }
    }
}

async fn scan(redis: &mut MultiplexedConnection, table: Table, state: &mut State) -> Result<(), StoreError> {
    let key = format!("{{b3lb}}:{}", table.name());
    let mut cursor = "0".to_owned();
    loop {
        let mut command = redis::cmd("HSCAN");
        command.arg(&key).arg(&cursor).arg("COUNT").arg(COUNT);
        let read = timeout(DEADLINE, command.query_async::<(String, Vec<(String, String)>)>(redis)).await;
        let (next, records) = read.map_err(|_| unavailable("it took too long"))?.map_err(unavailable)?;
        for (field, value) in records {
            state.apply(record::read(table, &field, &value)?);
        }
        if next == "0" {
            return Ok(());
        }
        cursor = next;
    }
}
