//! What it costs to follow the state: changes of a large pool, and their difference to what a proxy knows.
#![allow(missing_docs, reason = "criterion's macros write functions without documentation")]

use b3lb_control_plane::state::{Admission, Change, Instance, Meeting, Placement, State};
use bbb::{MeetingKey, Secret};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;

const INSTANCES: usize = 1000;
const SIZES: [usize; 2] = [50_000, 1_000_000];

/// Changes between two updates of a proxy.
const CHANGES: usize = 10;

fn url(index: usize) -> Arc<str> {
    format!("https://bbb{}.example.org/bigbluebutton", index % INSTANCES).into()
}

fn placed(index: usize) -> Change {
    let meeting = Meeting { key: MeetingKey::of(format!("meeting {index}").as_bytes()), tenant: "*".into() };
    let placement = Placement::new(url(index), "a meeting", 0);
    Change::Placed(meeting, placement)
}

fn pool(meetings: usize) -> State {
    let mut state = State::default();
    for index in 0..INSTANCES {
        let (url, secret) = (url(index), Secret::new("secret"));
        let admission = Admission::Open;
        let instance = Instance { admission, ..Instance::new(&url, secret) };
        state.apply(Change::Instance(instance));
    }
    for index in 0..meetings {
        state.apply(placed(index));
    }
    state
}

fn following(c: &mut Criterion) {
    for size in SIZES {
        let old = pool(size);
        let changes: Vec<Change> = (size..size + CHANGES).map(placed).collect();
        let apply = |mut state: State, changes: Vec<Change>| {
            for change in changes {
                state.apply(change);
            }
            state
        };
        let new = apply(old.clone(), changes.clone());
        assert_eq!(new.since(&old).placed.len(), CHANGES);
        c.bench_function(&format!("since, {CHANGES} changes of {size} meetings"), |b| {
            b.iter(|| black_box(&new).since(black_box(&old)));
        });
        c.bench_function(&format!("apply, {CHANGES} changes of {size} meetings"), |b| {
            let setup = || (old.clone(), changes.clone());
            b.iter_batched(setup, |(state, changes)| apply(state, changes), BatchSize::SmallInput);
        });
    }
}

fn snapshot(c: &mut Criterion) {
    let state = pool(SIZES[0]);
    c.bench_function(&format!("since nothing, {} meetings", SIZES[0]), |b| {
        b.iter(|| black_box(&state).since(&State::default()));
    });
}

criterion_group!(benches, following, snapshot);
criterion_main!(benches);
