//! Calls about recordings, which may be on any of a tenant's instances.
//!
//! - `pages`: `getRecordings` a page at a time;
//! - `changes`: `publishRecordings`, `deleteRecordings` and `updateRecordings`;
//! - `tracks`: text tracks, which are asked for and answered differently.
//!
//! Whose a recording is and where, the table knows of most, and a control plane finds out of the rest. What is somebody else's does not
//! exist.

mod changes;
mod pages;
mod tracks;

use super::{Proxy, Served};
use crate::call::{Load, Received};
use crate::failure::Failure;
use crate::table::{Instance, Whereabouts};
use crate::tally::Outcome;
use bbb::listing::{List, Page};
use bbb::{Call, MeetingKey};
use std::rc::Rc;
use std::sync::Arc;

/// Some recordings, by their ids, and the instance that they are on.
type On = (Arc<Instance>, Vec<String>);

impl Proxy {
    /// Answers a call about recordings. None of its parameters is in a body.
    pub(super) async fn recordings(self: &Rc<Self>, received: &Received<'_>, load: Load) -> Result<Served, Failure> {
        match received.call {
            Call::GetRecordings => Ok((self.list_recordings(received, load).await?, Outcome::Answered)),
            Call::GetRecordingTextTracks | Call::PutRecordingTextTrack => self.text_track(received, load).await,
            _ => Ok((self.change_recordings(received, load).await?, Outcome::Answered)),
        }
    }

    async fn list_recordings(
        self: &Rc<Self>,
        received: &Received<'_>,
        load: Load,
    ) -> Result<http::Response<crate::body::Body>, Failure> {
        let instances = self.instances_with_recordings(received)?;
        if let Some(page) = Page::of(received.query()) {
            return self.page(received, &load, &instances, page).await;
        }
        // Paging that makes no sense to us must make none to an instance either.
        let edited = received.with_query(Page::remove_from(received.query()));
        self.merge(List::Recordings, &received.over(&edited)?, &load, instances).await
    }

    /// The instances that may have what `getRecordings` asks for.
    fn instances_with_recordings(&self, received: &Received<'_>) -> Result<Vec<Arc<Instance>>, Failure> {
        let ids = received.query().list("recordID").map_err(|_| Failure::AmbiguousRecordId)?;
        let mut table = self.table.borrow_mut();
        let table = table.load();
        let mut instances: Vec<Arc<Instance>> = Vec::new();
        // What is no whole id stands for all that begin so.
        let mut anywhere = ids.is_empty() || ids.iter().any(|id| MeetingKey::of_internal(id.as_bytes()).is_none());
        for id in &ids {
            match table.recording(&received.caller, id) {
                Whereabouts::On(instance) => instances.push(instance),
                Whereabouts::OfAnother => {}
                Whereabouts::Unknown => anywhere = true,
            }
        }
        if anywhere {
            instances.extend(table.instances_with_recordings(&received.caller));
        }
        instances.sort_by(|one, other| one.url.cmp(&other.url));
        instances.dedup_by(|one, other| one.url == other.url);
        Ok(instances)
    }

    /// The instances of those recordings that the tenant has, and which of them each has.
    async fn whereabouts(&self, received: &Received<'_>, ids: &[String]) -> Result<Vec<On>, Failure> {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        {
            let mut table = self.table.borrow_mut();
            let table = table.load();
            for id in ids {
                match table.recording(&received.caller, id) {
                    Whereabouts::On(instance) => known.push((instance, vec![id.clone()])),
                    Whereabouts::OfAnother => {}
                    Whereabouts::Unknown => unknown.push(id.clone()),
                }
            }
        }
        if !unknown.is_empty() {
            let located = Box::pin(self.control.locate(&received.caller.tenant, unknown)).await;
            known.extend(located.map_err(|_| Failure::RecordingAway)?);
        }
        known.sort_by(|(one, _), (other, _)| one.url.cmp(&other.url));
        known.dedup_by(|(one, ids), (other, others)| {
            let same = one.url == other.url;
            if same {
                others.append(ids);
            }
            same
        });
        Ok(known)
    }
}
