//! Why a placement would go where it would go.

use crate::placer::{Explanation, Judged, Placer};
use b3lb_config::settings::Policy;
use b3lb_proto::v1;
use bbb::MeetingKey;
use tonic::Status;

/// Every instance as a placement for the tenant of the request would see it.
pub(super) fn explain(placer: &Placer, request: &v1::ExplainRequest) -> Result<v1::ExplainResponse, Status> {
    let meeting = Some(&request.meeting_id).filter(|id| !id.is_empty()).map(|id| MeetingKey::of(id.as_bytes()));
    let Explanation { policy, existing, instances } = placer
        .explain(&request.tenant, meeting)
        .ok_or_else(|| Status::not_found(format!("tenant: no tenant is called as {:?}", request.tenant)))?;
    Ok(v1::ExplainResponse {
        policy: match policy {
            Policy::Ledger => "ledger".to_owned(),
            Policy::Classic => "classic".to_owned(),
        },
        existing: existing.map(|url| url.to_string()).unwrap_or_default(),
        instances: instances.iter().map(explanation).collect(),
    })
}

fn explanation(judged: &Judged) -> v1::Explanation {
    let term = |&(name, value): &(&str, f64)| v1::Term { name: name.to_owned(), value };
    let score = judged.verdict.as_ref();
    v1::Explanation {
        instance: judged.instance.to_string(),
        score: score.ok().map(|score| score.total),
        terms: score.map(|score| score.terms.iter().map(term).collect()).unwrap_or_default(),
        ineligible: judged.verdict.as_ref().err().map(ToString::to_string).unwrap_or_default(),
        candidate: judged.candidate,
    }
}
