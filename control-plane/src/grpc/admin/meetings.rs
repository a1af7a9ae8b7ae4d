//! The placements, in pages.

use super::page::{Wanted, filter};
use crate::state::{Meeting, State};
use b3lb_proto::v1;
use std::ops::Bound;
use tonic::Status;

/// One page of the placements that the request asks for, in the order of their keys.
pub(super) fn page(
    state: &State,
    request: &v1::ListMeetingsRequest,
    users: impl Fn(&Meeting) -> Option<u64>,
) -> Result<v1::ListMeetingsResponse, Status> {
    // Meetings of a tenant who is gone run on, and so do those of the time before the first tenant.
    let has_some = |host: &str| state.placements.keys().any(|meeting| *meeting.tenant == *host);
    let wanted = Wanted::read(state, &request.tenant, &request.instance, request.page_size, has_some)?;
    let after = filter(&request.page_token, parse_token)?;
    let range: (Bound<Meeting>, Bound<Meeting>) = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
    let placements = state.placements.range(range);
    let mut fitting =
        placements.filter(|(meeting, placement)| wanted.includes(Some(&meeting.tenant), &placement.instance));
    let page: Vec<_> = fitting.by_ref().take(wanted.size).collect();
    let next = fitting.next().and_then(|_| page.last()).map(|(meeting, _)| token(meeting));
    let meetings = page.into_iter().map(|(meeting, placement)| v1::Meeting {
        tenant: meeting.tenant.to_string(),
        meeting_id: placement.meeting_id.to_string(),
        instance: placement.instance.to_string(),
        placed_at_ms: placement.placed_at,
        users: users(meeting),
    });
    Ok(v1::ListMeetingsResponse { meetings: meetings.collect(), next_page_token: next.unwrap_or_default() })
}

/// Where the next page goes on.
fn token(last: &Meeting) -> String {
    format!("{}@{}", last.key, last.tenant)
}

fn parse_token(text: &str) -> Result<Meeting, Status> {
    let parse = || {
        let (key, tenant) = text.split_once('@')?;
        Some(Meeting { key: key.parse().ok()?, tenant: tenant.into() })
    };
    let hint = "it would be the next_page_token of the answer before";
    parse().ok_or_else(|| Status::invalid_argument(format!("page_token {text:?} is none; {hint}")))
}
