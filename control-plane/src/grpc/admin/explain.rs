//! Why placements go where they go, and why those of late went where they are.

use super::field;
use super::page::filter;
use crate::placer::{Explanation, Judged, Placer};
use crate::policy::Score;
use crate::state::{Chosen, Meeting, Placement, Reason};
use b3lb_config::settings::Policy;
use b3lb_proto::v1;
use bbb::MeetingKey;
use tonic::Status;

/// Every instance as a placement for the tenant of the request would see it.
pub(super) fn explain(placer: &Placer, request: &v1::ExplainRequest) -> Result<v1::ExplainResponse, Status> {
    let key = Some(&request.meeting_id).filter(|id| !id.is_empty()).map(|id| MeetingKey::of(id.as_bytes()));
    let Explanation { policy, meeting, existing, expected: (expected, source), instances } = placer
        .explain(&request.tenant, key)
        .ok_or_else(|| Status::not_found(format!("tenant: no tenant is called as {:?}", request.tenant)))?;
    let best = instances.first().filter(|judged| judged.verdict.is_ok()).map(|judged| &judged.instance);
    let choice = existing.as_ref().map(|placement| &placement.instance).or(best);
    Ok(v1::ExplainResponse {
        choice: choice.map(|url| url.to_string()).unwrap_or_default(),
        policy: match policy {
            Policy::Ledger => "ledger".to_owned(),
            Policy::Classic => "classic".to_owned(),
        },
        existing: existing.as_ref().map(|placement| placement.instance.to_string()).unwrap_or_default(),
        instances: instances.iter().map(explanation).collect(),
        expected_users: expected,
        expected_from: source.name().to_owned(),
        placement: existing.map(|placement| reason(&meeting, &placement)),
    })
}

/// The latest placements that the request asks for.
pub(super) fn recent(
    placer: &Placer,
    request: &v1::ListPlacementsRequest,
) -> Result<v1::ListPlacementsResponse, Status> {
    let tenant = filter(&request.tenant, |text| field::host("tenant", text))?;
    let instance = filter(&request.instance, |text| field::url("instance", text))?;
    let limit = if request.limit == 0 { usize::MAX } else { request.limit as usize };
    let recent = placer.recent();
    let wanted = recent.iter().filter(|(meeting, placement)| {
        tenant.as_deref().is_none_or(|host| *meeting.tenant == *host)
            && instance.as_deref().is_none_or(|url| *placement.instance == *url)
    });
    let placements = wanted.take(limit).map(|(meeting, placement)| reason(meeting, placement)).collect();
    Ok(v1::ListPlacementsResponse { placements })
}

fn explanation(judged: &Judged) -> v1::Explanation {
    let score = judged.verdict.as_ref();
    v1::Explanation {
        instance: judged.instance.to_string(),
        score: score.ok().map(Score::total),
        terms: score.map(terms).unwrap_or_default(),
        ineligible: score.err().map(ToString::to_string).unwrap_or_default(),
        candidate: judged.candidate,
    }
}

fn reason(meeting: &Meeting, placement: &Placement) -> v1::PlacementReason {
    let told = v1::PlacementReason {
        tenant: meeting.tenant.to_string(),
        meeting_id: placement.meeting_id.to_string(),
        instance: placement.instance.to_string(),
        placed_at_ms: placement.placed_at,
        reason: placement.reason.name().to_owned(),
        ..v1::PlacementReason::default()
    };
    let Reason::Chosen(chosen) = &placement.reason else { return told };
    let Chosen { expected, source, score, eligible, candidates } = &**chosen;
    v1::PlacementReason {
        expected_users: *expected,
        expected_from: source.name().to_owned(),
        score: Some(score.total()),
        terms: terms(score),
        eligible: u32::try_from(*eligible).unwrap_or(u32::MAX),
        candidates: u32::try_from(*candidates).unwrap_or(u32::MAX),
        ..told
    }
}

fn terms(score: &Score) -> Vec<v1::Term> {
    score.terms().into_iter().map(|(name, value)| v1::Term { name: name.to_owned(), value }).collect()
}
