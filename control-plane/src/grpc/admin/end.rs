//! Ending a meeting, as one of its moderators would.

use super::commit::Operator;
use super::field;
use crate::grpc::Calls;
use crate::lists::chain;
use crate::state::{Instance, Meeting};
use b3lb_proto::v1::{EndMeetingRequest, EndMeetingResponse};
use bbb::MeetingKey;
use bbb::document::{Outcome, child};
use bbb::query::encode;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;

/// How long the instance may take for each of two calls; the caller waits for ten seconds.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);

/// Has the instance end the meeting.
pub(super) async fn end(
    calls: &Calls,
    operator: Operator,
    request: &EndMeetingRequest,
) -> Result<EndMeetingResponse, Status> {
    let tenant = field::host("tenant", &request.tenant)?;
    let id = &request.meeting_id;
    if id.is_empty() {
        return Err(Status::invalid_argument("meeting_id is empty"));
    }
    let meeting = Meeting { key: MeetingKey::of(id.as_bytes()), tenant: tenant.as_str().into() };
    let state = calls.store.replica().state();
    let instance = state.placements.get(&meeting).and_then(|placement| state.instances.get(&placement.instance));
    let Some(instance) = instance else {
        return Err(Status::not_found(format!("{tenant} has no meeting {id:?}")));
    };
    let query = format!("meetingID={}", encode(id));
    let known = ask(calls, instance, "getMeetingInfo", &query).await?;
    // Before 2.5, only who knows this password may end a meeting; later nobody asks for it.
    let password = child(&known, "moderatorPW").unwrap_or_default();
    ask(calls, instance, "end", &format!("{query}&password={}", encode(&password))).await?;
    calls.placer.ended(&meeting);
    tracing::info!(%operator, %tenant, meeting_id = ?id, instance = %instance.url, "the meeting is ended");
    Ok(EndMeetingResponse { instance: instance.url.to_string() })
}

/// What the instance answers, if it does as it is told.
async fn ask(calls: &Calls, instance: &Instance, call: &str, query: &str) -> Result<String, Status> {
    let url = &instance.url;
    let answer = match timeout(CALL_TIMEOUT, calls.lists.text(instance, call, query)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(Status::unavailable(format!("{url}: {call}: {}", chain(&error)))),
        Err(_) => return Err(Status::unavailable(format!("{url}: {call}: no answer within {CALL_TIMEOUT:?}"))),
    };
    match Outcome::of(answer.as_bytes()) {
        Some(Outcome::Success) => Ok(answer),
        Some(Outcome::Failed) => {
            let told = |name| child(&answer, name).unwrap_or_default();
            let (key, message) = (told("messageKey"), told("message"));
            Err(Status::failed_precondition(format!("{url} refuses {call}: {key}: {message}")))
        }
        None => Err(Status::unavailable(format!("{url}: {call}: it does not answer as a BigBlueButton"))),
    }
}
