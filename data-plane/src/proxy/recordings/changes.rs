//! Changes of recordings: each instance is told of its own.

use super::super::Proxy;
use super::On;
use crate::body::Body;
use crate::call::{Load, Received};
use crate::control::Report;
use crate::failure::Failure;
use crate::upstream::Repeat;
use bbb::document::Outcome;
use bbb::{Call, Query};
use bytes::Bytes;
use futures::future::join_all;
use http::Response;
use http::response::Parts;
use std::sync::Arc;
use tokio::time::timeout_at;

/// The most bytes of an answer to a change; BigBlueButton needs a hundred.
const ANSWER_MAX: usize = 64 << 10;

/// What would say of a recording that it is somebody else's.
const LABELS: [&str; 2] = ["meta_b3lb-tenant", "meta_bigblueswarm-tenant"];

/// What an instance answered to a change.
struct Answered {
    head: Parts,
    body: Bytes,
    outcome: Outcome,
}

impl Proxy {
    /// Answers `publishRecordings`, `deleteRecordings` and `updateRecordings`.
    pub(super) async fn change_recordings(
        &self,
        received: &Received<'_>,
        load: Load,
    ) -> Result<Response<Body>, Failure> {
        let ids = received.query().list("recordID").map_err(|_| Failure::AmbiguousRecordId)?;
        if ids.is_empty() {
            return Err(Failure::MissingRecordId);
        }
        let publish = || received.query().first("publish").is_some_and(|value| !value.is_empty());
        if received.call == Call::PublishRecordings && !publish() {
            return Err(Failure::MissingPublish);
        }
        let told = self.whereabouts(received, &ids).await?;
        if told.is_empty() {
            return Err(Failure::UnknownRecordings);
        }
        let answers = join_all(told.iter().map(|on| self.change_on(received, &load, on))).await;
        // One that did not answer has some of them all the same: nobody can be told that all is done, and even less that there are none.
        let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        // BigBlueButton succeeds if it has any of them.
        let success = answers.iter().position(|answered| answered.outcome == Outcome::Success).unwrap_or(0);
        let answered = answers.into_iter().nth(success).ok_or(Failure::UnknownRecordings)?;
        Ok(Response::from_parts(answered.head, Body::Whole(answered.body)))
    }

    /// Changes the recordings of one instance.
    async fn change_on(&self, received: &Received<'_>, load: &Load, (instance, ids): &On) -> Result<Answered, Failure> {
        let query = received.query().narrowed("recordID", |id| ids.iter().any(|own| own == id));
        let query = match received.call {
            Call::UpdateRecordings => Query::new(&query).without(is_label),
            _ => query,
        };
        let edited = received.with_query(query);
        let response =
            self.forward(&received.over(&edited)?, instance, load.copy_without_body(), Repeat::Unsent).await?;
        let (head, mut answer) = response.into_parts();
        let body = timeout_at(received.deadline, answer.begin(ANSWER_MAX)).await;
        let body = body.map_err(|_| Failure::Timeout)?.map_err(|_| Failure::Broken)?;
        let outcome = Outcome::of(&body).filter(|_| head.status.is_success() && body.len() < ANSWER_MAX);
        let Some(outcome) = outcome else {
            self.upstream.garbage(&instance.url);
            return Err(Failure::Broken);
        };
        if outcome == Outcome::Success && received.call == Call::DeleteRecordings {
            let (tenant, ids) = (Arc::clone(&received.caller.tenant.host), ids.clone());
            self.reports.tell(Report::Deleted { tenant, ids });
        }
        Ok(Answered { head, body, outcome })
    }
}

fn is_label(name: &[u8]) -> bool {
    LABELS.iter().any(|label| name.eq_ignore_ascii_case(label.as_bytes()))
}
