//! One policy in one scenario: events in the order of time.

use super::balancer::{Lists, Policy};
use super::measure::{Measures, Meter};
use super::scenario::Setup;
use super::workload::Workload;
use super::world::{SAMPLING, World};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How often InfluxDB is asked, and how often loads are measured.
const TICK: u64 = 10_000;
/// A create that was refused is tried again after this.
const AGAIN: u64 = 10_000;
/// Instances that a create is taken to which cannot be connected.
const FAILED_MAX: usize = 3;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Crash,
    Return,
    ForeignLoad,
    ForeignLoadEnds,
    FailOver,
    Sample,
    Query,
    Poll,
    Leave(usize, usize),
    End(usize),
    Create(usize),
    Join(usize, usize),
    Measure,
}

/// Runs a scenario to its end.
pub(super) fn run(setup: &Setup, workload: &Workload, policy: Policy, seed: u64) -> Measures {
    let mut events = BinaryHeap::new();
    for (number, meeting) in workload.meetings.iter().enumerate() {
        events.push(Reverse((meeting.create, Event::Create(number))));
        events.push(Reverse((meeting.end, Event::End(number))));
        for (visitor, visit) in meeting.visits.iter().enumerate() {
            events.push(Reverse((visit.from, Event::Join(number, visitor))));
            events.push(Reverse((visit.until, Event::Leave(number, visitor))));
        }
    }
    events.extend([Event::Sample, Event::Query, Event::Poll].map(|event| Reverse((0, event))));
    events.push(Reverse((setup.from, Event::Measure)));
    for (from, until, begin, end) in [
        setup.crash.map(|(from, until)| (from, until, Event::Crash, Event::Return)),
        setup.foreign.map(|load| (load.from, load.until, Event::ForeignLoad, Event::ForeignLoadEnds)),
    ]
    .into_iter()
    .flatten()
    {
        events.extend([Reverse((from, begin)), Reverse((until, end))]);
    }
    events.extend(setup.failover.map(|at| Reverse((at, Event::FailOver))));

    let mut world = World::new(setup, workload, seed);
    let mut balancer = policy.balancer(setup, workload, seed);
    let mut meter = Meter::new(setup);
    while let Some(Reverse((now, event))) = events.pop() {
        if now >= setup.end {
            break;
        }
        match event {
            Event::Create(number) => {
                let meeting = &workload.meetings[number];
                if now >= meeting.end || world.meetings[number].instance.is_some() {
                    continue;
                }
                let mut failed = Vec::new();
                let found = loop {
                    match balancer.choose(number, &failed, &world, now) {
                        Some(chosen) if world.instances[chosen].up => break Some(chosen),
                        Some(chosen) if balancer.tries_others() && failed.len() < FAILED_MAX => failed.push(chosen),
                        _ => break None,
                    }
                };
                let Some(chosen) = found else {
                    meter.refused(now);
                    events.push(Reverse((now + AGAIN, Event::Create(number))));
                    continue;
                };
                world.place(number, chosen, now);
                balancer.created(number, chosen, now);
                for _ in 0..world.meetings[number].users {
                    balancer.joined(chosen);
                }
                meter.created(chosen, now);
            }
            Event::End(number) => {
                world.remove(number);
            }
            Event::Join(number, visitor) => {
                let visit = &workload.meetings[number].visits[visitor];
                world.visit(number, true, visit.webcam, visit.load());
                if let Some(instance) = world.meetings[number].instance {
                    balancer.joined(instance);
                }
            }
            Event::Leave(number, visitor) => {
                let visit = &workload.meetings[number].visits[visitor];
                world.visit(number, false, visit.webcam, visit.load());
            }
            Event::Poll => {
                let lists: Lists = (0..world.instances.len()).map(|index| world.list(index)).collect();
                balancer.polled(&lists, now);
                events.push(Reverse((now + balancer.poll_interval(), Event::Poll)));
            }
            Event::Sample => {
                world.sample(now);
                events.push(Reverse((now + SAMPLING, Event::Sample)));
            }
            Event::Query => {
                if setup.blackout.is_none_or(|(from, until)| now < from || now >= until) {
                    let measured = (0..world.instances.len()).map(|index| world.measured(index, now, setup.delay));
                    balancer.measured(&measured.collect::<Vec<_>>(), now);
                }
                events.push(Reverse((now + TICK, Event::Query)));
            }
            Event::Measure => {
                meter.measure(&world, now);
                events.push(Reverse((now + TICK, Event::Measure)));
            }
            Event::Crash => {
                for number in world.crash(0) {
                    let comeback = now + workload.meetings[number].comeback;
                    events.push(Reverse((comeback, Event::Create(number))));
                }
            }
            Event::Return => world.instances[0].up = true,
            Event::ForeignLoad | Event::ForeignLoadEnds => {
                if let Some(load) = setup.foreign {
                    for instance in &mut world.instances[..load.instances] {
                        instance.foreign = if event == Event::ForeignLoad { load.cpu } else { 0.0 };
                    }
                }
            }
            Event::FailOver => balancer.fail_over(now),
        }
    }
    meter.finish()
}
