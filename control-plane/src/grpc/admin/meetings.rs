//! The placements, in pages.

use super::{field, instances, tenants};
use crate::grpc::view::CATCH_ALL;
use crate::state::{Meeting, State};
use b3lb_proto::v1;
use std::ops::Bound;
use tonic::Status;

/// Meetings in a page unless the request says otherwise.
const PAGE_SIZE: u32 = 1000;
/// Some hundred bytes each: far below the size of messages that clients accept.
const PAGE_SIZE_MAX: u32 = 10_000;

/// One page of the placements that the request asks for, in the order of their keys.
pub(super) fn page(
    state: &State,
    request: &v1::ListMeetingsRequest,
    users: impl Fn(&Meeting) -> Option<u64>,
) -> Result<v1::ListMeetingsResponse, Status> {
    let tenant = filter(&request.tenant, |text| {
        let host = field::host("tenant", text)?;
        // Meetings of a tenant who is gone run on, and so do those of the time before the first tenant.
        let known = host == CATCH_ALL || state.placements.keys().any(|meeting| *meeting.tenant == *host);
        if known { Ok(host) } else { tenants::find(state, &host).map(|_| host) }
    })?;
    let instance = filter(&request.instance, |text| {
        let url = field::url("instance", text)?;
        instances::find(state, &url).map(|_| url)
    })?;
    let size = match request.page_size {
        0 => PAGE_SIZE,
        size => size.min(PAGE_SIZE_MAX),
    };
    let after = filter(&request.page_token, parse_token)?;
    let range: (Bound<Meeting>, Bound<Meeting>) = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
    let mut wanted = state.placements.range(range).filter(|(meeting, placement)| {
        tenant.as_deref().is_none_or(|host| *meeting.tenant == *host)
            && instance.as_deref().is_none_or(|url| *placement.instance == *url)
    });
    let page: Vec<_> = wanted.by_ref().take(size as usize).collect();
    let next = wanted.next().and_then(|_| page.last()).map(|(meeting, _)| token(meeting));
    let meetings = page.into_iter().map(|(meeting, placement)| v1::Meeting {
        tenant: meeting.tenant.to_string(),
        meeting_id: placement.meeting_id.to_string(),
        instance: placement.instance.to_string(),
        placed_at_ms: placement.placed_at,
        users: users(meeting),
    });
    Ok(v1::ListMeetingsResponse { meetings: meetings.collect(), next_page_token: next.unwrap_or_default() })
}

/// What is not given filters nothing.
fn filter<T>(text: &str, parse: impl Fn(&str) -> Result<T, Status>) -> Result<Option<T>, Status> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
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
