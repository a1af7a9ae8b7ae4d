//! What the instances say of the meetings that are to be taken over.

use super::instances;
use crate::grpc::Calls;
use crate::grpc::admin::field;
use crate::lists::chain;
use crate::state::Instance;
use b3lb_proto::v1::{self, ImportRequest};
use bbb::MeetingKey;
use bbb::listing::{List, Meeting};
use futures::StreamExt;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long an instance may take to list its meetings.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);

/// Instances that are asked at the same time.
const ASKED_MAX: usize = 256;

/// By instance, the running meetings that it lists; an instance that did not answer is not in here.
pub(in crate::grpc::admin) type Evidence = HashMap<Arc<str>, HashMap<MeetingKey, Meeting>>;

/// The instance that this meeting is on lists it.
pub(in crate::grpc::admin) fn is_listed(meeting: &v1::Meeting, evidence: &Evidence) -> bool {
    let url = field::url("instance", &meeting.instance).ok();
    let listed = url.and_then(|url| evidence.get(&*url));
    listed.is_some_and(|listed| listed.contains_key(&MeetingKey::of(meeting.meeting_id.as_bytes())))
}

/// Asks every instance that a meeting of the request is on.
pub(in crate::grpc::admin) async fn gather(calls: &Calls, request: &ImportRequest) -> Evidence {
    let urls: std::collections::BTreeSet<String> =
        request.meetings.iter().filter_map(|meeting| field::url("instance", &meeting.instance).ok()).collect();
    let state = calls.store.replica().state();
    // With the secrets that they will have.
    let new: BTreeMap<Arc<str>, Instance> = request
        .instances
        .iter()
        .filter_map(|message| instances::parse(message, None).ok())
        .map(|instance| (instance.url.clone(), instance))
        .collect();
    let wanted = urls.iter().filter_map(|url| match new.get(url.as_str()) {
        Some(instance) => Some(instance.clone()),
        None => state.instances.get(url.as_str()).map(|known| Instance::clone(known)),
    });
    let asked = wanted.map(async |instance| {
        let list = calls.lists.ask(&instance, List::Meetings, "", Meeting::read);
        match timeout(LIST_TIMEOUT, list).await {
            Ok(Ok(listed)) => {
                let running = listed.items.into_iter().filter(|meeting| !meeting.ended);
                Some((instance.url, running.map(|meeting| (meeting.key(), meeting)).collect()))
            }
            Ok(Err(error)) => {
                tracing::info!(instance = %instance.url, error = chain(&error), "its meetings cannot be listed");
                None
            }
            Err(_) => {
                tracing::info!(instance = %instance.url, "its meetings cannot be listed: it took too long");
                None
            }
        }
    });
    let asked: Vec<_> = asked.collect();
    futures::stream::iter(asked).buffer_unordered(ASKED_MAX).filter_map(async |found| found).collect().await
}
