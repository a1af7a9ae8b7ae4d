//! The cost of one decision in a large pool.
#![allow(missing_docs, reason = "criterion's macros write functions without documentation")]

use b3lb_config::Settings;
use b3lb_control_plane::ledger::{Ledger, Question, Seen};
use b3lb_control_plane::metrics::{Readings, Sample};
use b3lb_control_plane::policy::expectation::Hint;
use b3lb_control_plane::state::{Change, Instance, Meeting, Placement, State, Tenant};
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

fn meeting(index: usize) -> Meeting {
    Meeting { key: MeetingKey::of(format!("meeting {index}").as_bytes()), tenant: "*".into() }
}

fn pool() -> State {
    let mut state = State::default();
    for index in 0..INSTANCES {
        state.apply(Change::Instance(Instance::new(&url(index), Secret::new("secret"))));
    }
    for index in 0..MEETINGS {
        state.apply(Change::Placed(meeting(index), Placement::new(url(index % INSTANCES), "", NOW)));
    }
    state
}

/// The books of a pool that was checked and measured.
fn books(state: &State) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.follow(state, NOW);
    let seen = Seen { users: 12, webcams: 3, is_room: false };
    for index in 0..INSTANCES {
        let meetings: Vec<_> = (index..MEETINGS).step_by(INSTANCES).map(|index| (meeting(index), seen)).collect();
        ledger.seen(&url(index), &meetings, NOW);
    }
    let sample =
        Sample { cpu_mean: Some(40.0), cpu_recent: Some(45.0), mem_mean: Some(30.0), measured_at: Some(NOW - 5000) };
    let samples = (0..INSTANCES).map(|index| (url(index), sample)).collect();
    ledger.measured(&Readings { read_at: NOW, samples, ..Readings::default() }, NOW);
    ledger
}

/// Chooses, books, and lets go again, so that the books stay as they are.
fn decision(c: &mut Criterion) {
    let state = pool();
    let balancer = Settings::default().balancer;
    let mut ledger = books(&state);
    let mut rng = SmallRng::seed_from_u64(1);
    let meeting = meeting(MEETINGS);
    let whole = Tenant::new("*", []);
    let half = Tenant { instances: (0..INSTANCES).step_by(2).map(url).collect(), ..Tenant::new("half", []) };
    for (name, tenant) in [("the whole pool", &whole), ("half of it", &half)] {
        let question = Question { tenant, meeting: &meeting, hint: Hint::default(), against: &[] };
        c.bench_function(&format!("a decision over {INSTANCES} instances and {MEETINGS} meetings, {name}"), |b| {
            b.iter(|| {
                ledger.follow(&state, NOW);
                let choice = ledger.choose(&balancer, &question, NOW, &mut rng);
                ledger.settle(&meeting);
                black_box(choice)
            });
        });
    }
}

/// Every half minute, all expectations are computed anew.
fn revaluation(c: &mut Criterion) {
    let state = pool();
    let mut ledger = books(&state);
    let mut now = NOW;
    c.bench_function(&format!("revaluation of {MEETINGS} meetings"), |b| {
        b.iter(|| {
            now += 30_000;
            ledger.follow(&state, now);
        });
    });
}

criterion_group!(benches, decision, revaluation);
criterion_main!(benches);
