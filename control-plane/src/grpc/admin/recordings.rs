//! The recordings, in pages.

use super::page::{Wanted, filter};
use crate::state::State;
use b3lb_proto::v1;
use std::ops::Bound;
use std::sync::Arc;
use tonic::Status;

/// One page of the recordings that the request asks for, in the order of their ids.
pub(super) fn page(state: &State, request: &v1::ListRecordingsRequest) -> Result<v1::ListRecordingsResponse, Status> {
    let has_some = |host: &str| state.recordings.values().any(|recording| recording.tenant.as_deref() == Some(host));
    let wanted = Wanted::read(state, &request.tenant, &request.instance, request.page_size, has_some)?;
    let after = filter(&request.page_token, |text| Ok(Arc::from(text)))?;
    let range: (Bound<Arc<str>>, Bound<Arc<str>>) = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
    let recordings = state.recordings.range(range);
    let mut fitting =
        recordings.filter(|(_, recording)| wanted.includes(recording.tenant.as_deref(), &recording.instance));
    let page: Vec<_> = fitting.by_ref().take(wanted.size).collect();
    let next = fitting.next().and_then(|_| page.last()).map(|(id, _)| id.to_string());
    let recordings = page.into_iter().map(|(id, recording)| v1::RecordingEntry {
        record_id: id.to_string(),
        tenant: recording.tenant.as_deref().unwrap_or_default().to_owned(),
        instance: recording.instance.to_string(),
    });
    Ok(v1::ListRecordingsResponse { recordings: recordings.collect(), next_page_token: next.unwrap_or_default() })
}
