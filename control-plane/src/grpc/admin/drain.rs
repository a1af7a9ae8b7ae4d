//! Waiting for an instance to be empty.

use crate::grpc::Calls;
use crate::grpc::changes::changes;
use crate::state::Admission;
use b3lb_proto::v1::DrainProgress;
use futures::{Stream, StreamExt};
use std::sync::Arc;
use tonic::Status;

/// What is left on an instance that takes no new meetings, whenever it has changed, until nothing is. Ends with an error if somebody
/// opens the instance again or removes it.
pub(super) fn progress(calls: Calls, url: Arc<str>) -> impl Stream<Item = Result<DrainProgress, Status>> + Send {
    let shutdown = calls.shutdown.clone();
    let left = changes(move || left(&calls, &url), shutdown).boxed();
    futures::stream::unfold(Some(left), async |left| {
        let mut left = left?;
        let progress = left.next().await?;
        let more = progress.as_ref().is_ok_and(|progress| !progress.drained);
        Some((progress, more.then_some(left)))
    })
}

fn left(calls: &Calls, url: &str) -> Result<DrainProgress, Status> {
    let state = calls.store.replica().state();
    match state.instances.get(url) {
        None => return Err(Status::aborted(format!("{url} was removed from the pool meanwhile"))),
        Some(instance) if instance.admission == Admission::Open => {
            return Err(Status::aborted(format!("{url} was opened again meanwhile")));
        }
        Some(_) => {}
    }
    let meetings = state.placements.values().filter(|placement| &*placement.instance == url).count() as u64;
    Ok(DrainProgress { meetings, users: calls.placer.view(url).account.users, drained: meetings == 0 })
}
