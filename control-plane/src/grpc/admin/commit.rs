//! How what an operator wants becomes part of the state.

use crate::state::{Change, State};
use crate::store::{Store, StoreError};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;
use tonic::Status;

/// Somebody else may change the same record meanwhile, but hardly this often.
const ATTEMPTS: u32 = 5;
/// Until this control plane has heard of what the other one changed.
const CONFLICT_PAUSE: Duration = Duration::from_millis(50);

/// Changes to make, and what to answer once they are made.
pub(super) struct Plan<A> {
    pub(super) changes: Vec<Change>,
    pub(super) answer: A,
}

/// Who wants it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator {
    /// Where the call came from.
    pub(crate) peer: Option<SocketAddr>,
}

/// What must not change while a commit is planned.
#[derive(Clone, Copy)]
enum Scope {
    /// What it changes.
    Records,
    /// Which instances there are, too.
    Pool,
}

/// Makes the changes that `plan` derives from the state; it is asked again if somebody else changed the same at the same moment.
pub(super) async fn commit<A>(
    store: &Store,
    operator: Operator,
    plan: impl Fn(&State) -> Result<Plan<A>, Status>,
) -> Result<A, Status> {
    committed(store, operator, Scope::Records, plan).await
}

/// As [`commit`], for a plan that says what the whole pool is: of two at once, the pool is as one of them says, and not as both.
pub(super) async fn commit_pool<A>(
    store: &Store,
    operator: Operator,
    plan: impl Fn(&State) -> Result<Plan<A>, Status>,
) -> Result<A, Status> {
    committed(store, operator, Scope::Pool, plan).await
}

async fn committed<A>(
    store: &Store,
    operator: Operator,
    scope: Scope,
    plan: impl Fn(&State) -> Result<Plan<A>, Status>,
) -> Result<A, Status> {
    let mut attempts = 1;
    loop {
        let seen = store.replica().state();
        let Plan { changes, answer } = plan(&seen)?;
        if changes.is_empty() {
            return Ok(answer);
        }
        let lines: Vec<String> = changes.iter().map(|change| Line(change).to_string()).collect();
        let written = match scope {
            Scope::Records => store.commit(&seen, changes, None).await,
            Scope::Pool => store.commit_pool(&seen, changes).await,
        };
        match written {
            Ok(revision) => {
                for line in lines {
                    tracing::info!(%operator, %revision, "{line}");
                }
                return Ok(answer);
            }
            Err(StoreError::Conflict(_)) if attempts < ATTEMPTS => {
                attempts += 1;
                tokio::time::sleep(CONFLICT_PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A change as the log tells it.
struct Line<'a>(&'a Change);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Change::Instance(i) => write!(f, "instance {} is {:?}, capacity {}", i.url, i.admission, i.capacity),
            Change::InstanceRemoved(url) => write!(f, "instance {url} is removed"),
            Change::Tenant(t) => {
                write!(f, "tenant {} has {} secrets and {} instances", t.host, t.secrets.len(), t.instances.len())
            }
            Change::TenantRemoved(host) => write!(f, "tenant {host} is deleted"),
            Change::Placed(meeting, placement) => write!(f, "meeting {} is on {}", meeting.key, placement.instance),
            Change::Released(meeting) => write!(f, "meeting {} is released", meeting.key),
            Change::Recorded(id, recording) => write!(f, "recording {id} is on {}", recording.instance),
            Change::RecordingRemoved(id) => write!(f, "recording {id} is gone"),
            Change::Hook(hook) => write!(f, "hook {} of {} is known", hook.id, hook.tenant),
            Change::HookRemoved(id) => write!(f, "hook {id} is gone"),
            change @ (Change::Remembered(..) | Change::Forgotten(_)) => f.write_str(&change.subject()),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "admin key from {peer}"),
            None => f.write_str("admin key"),
        }
    }
}
