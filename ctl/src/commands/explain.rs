//! Why meetings go where they go.

use super::get::moment;
use super::timed;
use crate::args::Filter;
use crate::client::Client;
use crate::output::{Column, Format, Listing, document, line};
use b3lb_proto::v1::{ExplainRequest, ExplainResponse, ListPlacementsRequest, PlacementReason, Term};
use serde_json::{Map, Value, json};

const INSTANCES: &[Column] = &[
    Column::text("instance", "INSTANCE"),
    Column::number("score", "SCORE"),
    Column::text("candidate", "CANDIDATE"),
    Column::text("terms", "TERMS"),
];
const PLACEMENTS: &[Column] = &[
    Column::text("placed_at", "PLACED"),
    Column::text("tenant", "TENANT"),
    Column::text("meeting_id", "MEETING"),
    Column::text("instance", "INSTANCE"),
    Column::text("why", "WHY").only_in_tables(),
    Column::field("reason"),
    Column::field("score"),
    Column::field("terms"),
    Column::field("expected_users"),
    Column::field("expected_from"),
    Column::field("eligible"),
    Column::field("candidates"),
];

/// Every instance as a placement would see it, and why the meeting is where it is, if it is somewhere.
pub(super) async fn explain(
    client: &mut Client,
    tenant: String,
    meeting_id: String,
    format: Format,
) -> anyhow::Result<()> {
    let answer = client.explain(timed(ExplainRequest { tenant, meeting_id })).await?.into_inner();
    if matches!(format, Format::Json | Format::Yaml) {
        return document(format, &all(&answer));
    }
    if format != Format::Csv {
        headline(&answer)?;
    }
    let mut listing = Listing::new(INSTANCES);
    for i in answer.instances {
        let terms = if i.ineligible.is_empty() { terms(&i.terms) } else { i.ineligible };
        listing.push([json!(i.instance), json!(i.score), json!(i.candidate), json!(terms)]);
    }
    listing.print(format)
}

fn headline(answer: &ExplainResponse) -> anyhow::Result<()> {
    if let Some(placement) = &answer.placement {
        line(format_args!("the meeting is on {} and stays there: {}", placement.instance, why(placement)))?;
    }
    let source = match &*answer.expected_from {
        "past" => "as in the past",
        "hint" => "as its frontend says",
        _ => "as the tenant's others",
    };
    let choice = if answer.choice.is_empty() { "no instance takes it" } else { &answer.choice };
    line(format_args!(
        "policy {}; {:.0} users are expected, {source}; a create goes to: {choice}",
        answer.policy, answer.expected_users
    ))
}

fn all(answer: &ExplainResponse) -> Value {
    let given = |text: &String| json!(Some(text).filter(|text| !text.is_empty()));
    let instance = |i: &b3lb_proto::v1::Explanation| {
        json!({
            "instance": i.instance, "score": i.score, "candidate": i.candidate, "terms": numbers(&i.terms),
            "takes_none_because": given(&i.ineligible),
        })
    };
    json!({
        "policy": answer.policy,
        "existing": given(&answer.existing),
        "existing_because": answer.placement.as_ref().map(why),
        "expected_users": answer.expected_users,
        "expected_from": answer.expected_from,
        "choice": given(&answer.choice),
        "instances": answer.instances.iter().map(instance).collect::<Vec<_>>(),
    })
}

fn numbers(terms: &[Term]) -> Value {
    Value::Object(terms.iter().map(|term| (term.name.clone(), json!(term.value))).collect::<Map<_, _>>())
}

/// The latest placements, each with its reason.
pub(super) async fn placements(client: &mut Client, filter: Filter, limit: u32, format: Format) -> anyhow::Result<()> {
    let request = ListPlacementsRequest { tenant: filter.tenant, instance: filter.instance, limit };
    let answer = client.list_placements(timed(request)).await?.into_inner();
    let mut listing = Listing::new(PLACEMENTS);
    for p in answer.placements {
        // The rest was only thought of where there was a choice.
        let chosen = |value: Value| if p.reason == "chosen" { value } else { Value::Null };
        listing.push([
            moment(p.placed_at_ms),
            json!(p.tenant),
            json!(p.meeting_id),
            json!(p.instance),
            json!(why(&p)),
            json!(p.reason),
            json!(p.score),
            chosen(numbers(&p.terms)),
            chosen(json!(p.expected_users)),
            chosen(json!(p.expected_from)),
            chosen(json!(p.eligible)),
            chosen(json!(p.candidates)),
        ]);
    }
    listing.print(format)
}

fn why(placement: &PlacementReason) -> String {
    match &*placement.reason {
        "parent" => "it is a breakout room of a meeting there".to_owned(),
        "alone" => "a proxy without a control plane put it there".to_owned(),
        "found" => "it was found there".to_owned(),
        _ => format!(
            "score {:.2} ({}) with {:.0} users expected ({}); one of {} out of {}",
            placement.score.unwrap_or_default(),
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
