//! Why meetings go where they go.

use super::{number, print, table, timed, yes_no};
use crate::client::Client;
use b3lb_proto::v1::{ExplainRequest, ListPlacementsRequest, PlacementReason, Term};
use std::time::{Duration, UNIX_EPOCH};
use tonic::Status;

/// Every instance as a placement would see it, and why the meeting is where it is, if it is somewhere.
pub(super) async fn explain(client: &mut Client, tenant: String, meeting_id: String) -> Result<(), Status> {
    let answer = client.explain(timed(ExplainRequest { tenant, meeting_id })).await?.into_inner();
    if let Some(placement) = &answer.placement {
        print(format_args!("the meeting is on {} and stays there: {}", placement.instance, why(placement)))?;
    }
    let source = match &*answer.expected_from {
        "past" => "as in the past",
        "hint" => "as its frontend says",
        _ => "as the tenant's others",
    };
    let mut table = table(&["INSTANCE", "SCORE", "CANDIDATE", "TERMS"]);
    for i in answer.instances {
        let terms = if i.ineligible.is_empty() { terms(&i.terms) } else { i.ineligible };
        table.add_row([i.instance, number(i.score), yes_no(i.candidate), terms]);
    }
    let choice = if answer.choice.is_empty() { "no instance takes it" } else { &answer.choice };
    print(format_args!(
        "policy {}; {:.0} users are expected, {source}; a create goes to: {choice}\n{table}",
        answer.policy, answer.expected_users
    ))
}

/// The latest placements, each with its reason.
pub(super) async fn placements(
    client: &mut Client,
    tenant: String,
    instance: String,
    limit: u32,
) -> Result<(), Status> {
    let request = ListPlacementsRequest { tenant, instance, limit };
    let answer = client.list_placements(timed(request)).await?.into_inner();
    let mut table = table(&["PLACED", "TENANT", "MEETING", "INSTANCE", "WHY"]);
    for p in answer.placements {
        let at = UNIX_EPOCH + Duration::from_millis(p.placed_at_ms);
        let at = humantime::format_rfc3339_seconds(at).to_string();
        let why = why(&p);
        table.add_row([at, p.tenant, p.meeting_id, p.instance, why]);
    }
    print(table)
}

fn why(placement: &PlacementReason) -> String {
    match &*placement.reason {
        "parent" => "it is a breakout room of a meeting there".to_owned(),
        "alone" => "a proxy without a control plane put it there".to_owned(),
        "found" => "it was found there".to_owned(),
        _ => format!(
            "score {} ({}) with {:.0} users expected ({}); one of {} out of {}",
            number(placement.score),
            terms(&placement.terms),
            placement.expected_users,
            placement.expected_from,
            placement.candidates,
            placement.eligible,
        ),
    }
}

/// Those that count.
fn terms(terms: &[Term]) -> String {
    let counting = terms.iter().filter(|term| term.value != 0.0);
    let terms: Vec<_> = counting.map(|term| format!("{} {:.1}", term.name, term.value)).collect();
    terms.join(", ")
}
