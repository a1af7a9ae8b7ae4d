//! One decision over a large pool: a meeting placed on one of 1,000 instances that have 50,000 meetings.
#![allow(missing_docs, reason = "criterion's macros write functions without documentation")]

use b3lb_config::Settings;
use b3lb_control_plane::ledger::Ledger;
use b3lb_control_plane::metrics::Sample;
use b3lb_control_plane::policy::{self, Candidate};
use b3lb_control_plane::state::{Admission, Change, Instance, Meeting, Placement, State};
use bbb::{MeetingKey, Secret};
use criterion::{Criterion, criterion_group, criterion_main};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::hint::black_box;
use std::sync::Arc;

const INSTANCES: usize = 1000;
const MEETINGS: usize = 50_000;
const NOW: u64 = 1_800_000_000_000;

fn url(index: usize) -> Arc<str> {
    format!("https://bbb{index}.example.org/bigbluebutton").into()
}

fn pool() -> State {
    let mut state = State::default();
    for index in 0..INSTANCES {
        let (url, secret) = (url(index), Secret::new("secret"));
        let admission = Admission::Open;
        let instance = Instance { admission, ..Instance::new(&url, secret) };
        state.apply(Change::Instance(instance));
    }
    for index in 0..MEETINGS {
        let meeting = Meeting { key: MeetingKey::of(format!("meeting {index}").as_bytes()), tenant: "*".into() };
        let placement = Placement::new(url(index % INSTANCES), "", NOW);
        state.apply(Change::Placed(meeting, placement));
    }
    state
}

fn decision(c: &mut Criterion) {
    let state = pool();
    let balancer = Settings::default().balancer;
    let mut ledger = Ledger::default();
    ledger.follow(&state, NOW);
    let mut rng = SmallRng::seed_from_u64(1);
    c.bench_function("placement over 1,000 instances", |b| {
        b.iter(|| {
            let accounts = state.instances.values().map(|instance| (instance.capacity, ledger.account(&instance.url)));
            let candidates: Vec<Candidate> = accounts
                .map(|(capacity, account)| Candidate {
                    capacity,
                    expected: account.expected,
                    users: account.users as f64,
                    meetings: account.meetings,
                    checked_at: account.checked_at,
                    sample: Sample::default(),
                })
                .collect();
            let verdicts = policy::judge(&balancer, &candidates, NOW);
            let scores: Vec<_> =
                verdicts.iter().map(|verdict| verdict.as_ref().ok().map(|score| score.total)).collect();
            black_box(policy::pick(&scores, policy::margin(balancer.policy), &mut rng))
        });
    });
}

criterion_group!(benches, decision);
criterion_main!(benches);
