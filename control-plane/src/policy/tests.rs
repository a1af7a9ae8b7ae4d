//! The policies over numbers: tables for what they mean, properties for what must hold whatever is measured.

use super::cpu::{self, Cpu};
use super::expectation::{self, HINT_MAX, Hint, Mean, RAMP, USUAL_USERS, WEIGHT_MAX, left, weight};
use super::*;
use crate::state::{Past, Source};
use b3lb_config::Settings;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

const NOW: u64 = 1_800_000_000_000;
const SECOND: u64 = 1000;

fn balancer(policy: Policy) -> Balancer {
    Balancer { policy, cpu_limit: 80.0, mem_limit: 90.0, ..Settings::default().balancer }
}

fn measured(cpu: f64, mem: f64) -> Candidate {
    let sample = Sample { cpu_mean: Some(cpu), cpu_recent: Some(cpu), mem_mean: Some(mem), measured_at: Some(NOW) };
    Candidate {
        capacity: 1.0,
        cost: 1.0,
        expected: 0.0,
        meetings: 0,
        background: 0.0,
        checked_at: NOW,
        returned_at: 0,
        sample,
    }
}

fn silent(meetings: usize) -> Candidate {
    Candidate { meetings, sample: Sample::default(), ..measured(0.0, 0.0) }
}

fn by_ledger(candidate: &Candidate, now: u64) -> Result<ledger::Terms, Ineligible> {
    match ledger::judge(&balancer(Policy::Ledger), candidate, 15.0, now)? {
        Score::Ledger(terms) => Ok(terms),
        Score::Classic(terms) => panic!("{terms:?}"),
    }
}

fn classic(candidates: &[Candidate], now: u64) -> Vec<Verdict> {
    let classic = balancer(Policy::Classic);
    let any = candidates.iter().any(|candidate| classic::is_measured(&classic, &candidate.sample, now));
    candidates.iter().map(|candidate| classic::judge(&classic, candidate, any, now)).collect()
}

fn totals(verdicts: &[Verdict]) -> Vec<Option<f64>> {
    verdicts.iter().map(|verdict| verdict.as_ref().ok().map(Score::total)).collect()
}

fn scored(totals: &[Option<f64>]) -> Vec<Verdict> {
    let score = |users| Score::Ledger(ledger::Terms { users, ..ledger::Terms::default() });
    totals.iter().map(|total| total.map(score).ok_or(Ineligible::Offline)).collect()
}

#[test]
fn classic_takes_the_lowest_sum_of_cpu_and_memory_under_the_limits() {
    let candidates = [measured(30.0, 20.0), measured(10.0, 30.0), measured(81.0, 0.0), measured(0.0, 90.1), silent(0)];
    let verdicts = classic(&candidates, NOW);
    assert_eq!(totals(&verdicts), [Some(50.0), Some(40.0), None, None, None]);
    assert_eq!(verdicts[2], Err(Ineligible::Cpu(81.0, 80.0)));
    assert_eq!(verdicts[3], Err(Ineligible::Memory(90.1, 90.0)));
    assert_eq!(verdicts[4], Err(Ineligible::NotMeasured));
    let picked = pick(&verdicts, margin(Policy::Classic, 15.0), &mut SmallRng::seed_from_u64(1));
    assert_eq!(picked, Some(1));
}

#[test]
fn classic_without_any_measurement_takes_the_fewest_meetings() {
    assert_eq!(totals(&classic(&[silent(3), silent(1)], NOW)), [Some(3.0), Some(1.0)]);
}

#[test]
fn classic_forgets_a_measurement_that_has_left_the_range() {
    let later = NOW + balancer(Policy::Classic).metrics_range.as_millis() as u64 + 1;
    assert_eq!(classic(&[measured(95.0, 10.0)], later - 1), [Err(Ineligible::Cpu(95.0, 80.0))]);
    assert_eq!(totals(&classic(&[measured(95.0, 10.0)], later)), [Some(0.0)]);
}

#[test]
fn ledger_counts_what_users_cost_with_the_meeting_there() {
    let small = Candidate { expected: 30.0, ..measured(0.0, 0.0) };
    let large = Candidate { capacity: 2.0, cost: 0.5, ..small };
    let terms = by_ledger(&small, NOW).unwrap();
    assert_eq!((terms.users, terms.meeting, terms.total()), (30.0, 15.0, 45.0));
    let terms = by_ledger(&large, NOW).unwrap();
    assert_eq!((terms.users, terms.meeting, terms.total()), (15.0, 7.5, 22.5));
}

#[test]
fn ledger_distrusts_old_information_and_lets_old_limits_go() {
    let mut old = Candidate { background: 40.0, ..measured(95.0, 10.0) };
    assert_eq!(by_ledger(&old, NOW), Err(Ineligible::Cpu(95.0, 80.0)));
    old.checked_at = NOW + 400 * SECOND;
    let terms = |seconds: u64| by_ledger(&old, NOW + seconds * SECOND).unwrap();
    assert_eq!((terms(41).background.round(), terms(41).pessimism), (40.0, 0.0));
    assert!(terms(200).background < 20.0 && terms(341).background == 0.0);
    old.checked_at = NOW - 1000 * SECOND;
    assert_eq!(by_ledger(&old, NOW + 41 * SECOND).map(|terms| terms.pessimism.round()), Ok(0.0));
    assert_eq!(by_ledger(&old, NOW + 1000 * SECOND).map(|terms| terms.pessimism), Ok(USUAL_USERS / 2.0));
}

#[test]
fn an_instance_that_is_back_gets_its_share_and_catches_up_evenly() {
    let added = |users, seconds: u64| {
        let mut terms = ledger::Terms { users, ..ledger::Terms::default() };
        ledger::warm_up(&mut terms, ledger::warming(NOW, NOW + seconds * SECOND), 60.0);
        terms.warming
    };
    assert_eq!([added(0.0, 0), added(20.0, 0), added(70.0, 0)], [60.0, 40.0, 0.0]);
    assert_eq!([added(0.0, 300), added(20.0, 300), added(40.0, 300)], [30.0, 10.0, 0.0]);
    assert_eq!([added(0.0, 600), added(0.0, 6000)], [0.0, 0.0]);
}

#[test]
fn a_meeting_is_expected_as_it_was_or_as_is_said_or_as_others_are() {
    let past = Past { peak: 40.0, at: NOW };
    let mut mean = Mean::default();
    let none = Hint::default();
    let says = |users, limit| Hint { users, limit };
    assert_eq!(expectation::of(None, mean, none), (USUAL_USERS, Source::Tenant));
    assert_eq!(expectation::of(Some(&past), mean, says(Some(3), None)), (40.0, Source::Past));
    assert_eq!(expectation::of(Some(&past), mean, says(None, Some(20))), (20.0, Source::Past));
    assert_eq!(expectation::of(None, mean, says(Some(60), None)), (60.0, Source::Hint));
    assert_eq!(expectation::of(None, mean, says(Some(u32::MAX), None)), (HINT_MAX, Source::Hint));
    assert_eq!(expectation::of(None, mean, says(None, Some(60))), (30.0, Source::Hint));
    assert_eq!(expectation::of(None, mean, says(None, Some(6))), (6.0, Source::Hint));
    assert_eq!(expectation::of(None, mean, says(None, Some(u32::MAX))), (HINT_MAX, Source::Hint));
    assert_eq!(expectation::of(None, mean, says(Some(0), Some(0))), (USUAL_USERS, Source::Tenant));
    for _ in 0..5 {
        mean.add(&past);
    }
    assert_eq!(expectation::of(None, mean, none), (f64::midpoint(USUAL_USERS, 40.0), Source::Tenant));
    for _ in 0..5 {
        mean.remove(&past);
    }
    assert_eq!(mean, Mean::default());
}

#[test]
fn an_expectation_fades_into_what_is_seen_and_not_without_that() {
    assert_eq!(left(15.0, NOW, None, NOW + 9 * RAMP), 15.0);
    assert_eq!(left(15.0, NOW, Some(3.0), NOW + RAMP / 3), 3.0 + 12.0 * 2.0 / 3.0);
    assert_eq!(left(15.0, NOW, Some(40.0), NOW + RAMP / 3), 40.0);
    assert_eq!(left(15.0, NOW, Some(3.0), NOW + 2 * RAMP), 3.0);
    assert_eq!(left(15.0, NOW, Some(3.0), NOW - 5 * SECOND), 15.0);
    assert_eq!(weight(u64::MAX, u64::MAX, false), WEIGHT_MAX);
    assert_eq!([weight(10, 0, false), weight(10, 4, false), weight(10, 4, true)], [10.0, 18.0, 13.0]);
}

/// An instance on which users come and go, and each costs so much.
fn watched(per_user: f64, background: impl Fn(u64) -> f64) -> Cpu {
    let mut cpu = Cpu::default();
    for tick in 0..720 {
        let users = 60.0 + 50.0 * (tick as f64 / 60.0).sin();
        cpu.observe(users, per_user * users + background(tick), NOW + tick * 10 * SECOND);
    }
    cpu
}

#[test]
fn what_a_user_costs_is_learned_and_the_rest_is_background() {
    for cost in [0.3, 0.5, 0.8] {
        let cpu = watched(cost, |_| 0.0);
        assert!((cpu.per_user(1.0) - cost).abs() < 0.05, "{cost}: {}", cpu.per_user(1.0));
        assert!(cpu.background(1.0) < 3.0, "{}", cpu.background(1.0));
        let cpu = watched(cost, |_| 10.0);
        assert!((cpu.per_user(1.0) - cost).abs() < 0.1, "{cost}: {}", cpu.per_user(1.0));
        assert!((cpu.background(1.0) - 10.0).abs() < 4.0, "{}", cpu.background(1.0));
    }
    let surprised = watched(0.4, |tick| if tick < 700 { 0.0 } else { 30.0 });
    assert!(surprised.background(1.0) > 20.0, "{surprised:?}");
    assert_eq!(Cpu::default().per_user(2.0), cpu::USUAL / 2.0);
}

#[test]
fn every_instance_within_the_margin_is_reachable_and_no_other() {
    let verdicts = scored(&[Some(10.0), None, Some(17.5), Some(17.6), Some(12.0)]);
    let all = |picks: &dyn Fn(&mut SmallRng) -> Option<usize>| {
        let mut picked: Vec<usize> = (0..400).filter_map(|seed| picks(&mut SmallRng::seed_from_u64(seed))).collect();
        picked.sort_unstable();
        picked.dedup();
        picked
    };
    assert_eq!(all(&|rng| pick(&verdicts, margin(Policy::Ledger, 15.0), rng)), [0, 2, 4]);
    assert_eq!(all(&|rng| pick(&verdicts, margin(Policy::Ledger, 4.0), rng)), [0, 4]);
    assert_eq!(all(&|rng| pick(&verdicts, margin(Policy::Ledger, 900.0), rng)), [0, 2, 4]);
    assert_eq!(candidates(&verdicts, 7.5), (4, 3));
    // Also the worst, if it is drawn twice.
    assert_eq!(all(&|rng| pick_of_two(&verdicts, rng)), [0, 2, 3, 4]);
    for none in [scored(&[None, None]), Vec::new()] {
        assert_eq!(pick(&none, 7.5, &mut SmallRng::seed_from_u64(0)), None);
        assert_eq!(pick_of_two(&none, &mut SmallRng::seed_from_u64(0)), None);
    }
}

fn number() -> impl Strategy<Value = Option<f64>> {
    let odd = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0), Just(f64::MAX)];
    prop_oneof![Just(None), odd.prop_map(Some), (-1e6..1e6f64).prop_map(Some)]
}

proptest! {
    #[test]
    fn scores_are_finite_whatever_was_measured(
        (cpu_mean, cpu_recent, mem_mean) in (number(), number(), number()),
        measured_at in prop::option::of(0..2 * NOW),
        (expected, background) in (number(), number()),
        (checked_at, returned_at) in (0..2 * NOW, 0..2 * NOW),
    ) {
        let sample = Sample { cpu_mean, cpu_recent, mem_mean, measured_at };
        let (expected, background) = (expected.unwrap_or(0.0), background.unwrap_or(0.0));
        let candidate =
            Candidate { cost: 2.0, expected, background, checked_at, returned_at, sample, ..silent(1) };
        if let Ok(mut terms) = by_ledger(&candidate, NOW) {
            ledger::warm_up(&mut terms, ledger::warming(returned_at, NOW), 40.0);
            let odd = terms.named().iter().any(|(_, term)| !term.is_finite());
            prop_assert!(!odd, "{:?}", terms);
        }
        for score in classic(&[candidate, silent(2)], NOW).iter().flatten() {
            prop_assert!(score.total().is_finite(), "{:?}", score);
        }
    }

    #[test]
    fn nothing_that_is_measured_breaks_what_is_learned(
        readings in prop::collection::vec((number(), number(), 0..2 * NOW), 0..50),
        capacity in 0.01..100.0f64,
    ) {
        let mut cpu = Cpu::default();
        for (load, busy, at) in readings {
            cpu.observe(load.unwrap_or(0.0), busy.unwrap_or(0.0), at);
        }
        let (per_user, background) = (cpu.per_user(capacity), cpu.background(capacity));
        prop_assert!(per_user.is_finite() && per_user > 0.0, "{}", per_user);
        prop_assert!((0.0..=100.0).contains(&background), "{}", background);
    }

    #[test]
    fn expectations_are_bounded_whatever_is_said(
        peak in prop::option::of(number()),
        users in any::<Option<u32>>(),
        limit in any::<Option<u32>>(),
    ) {
        let past = peak.map(|peak| Past { peak: peak.unwrap_or(0.0), at: NOW });
        let (expected, _) = expectation::of(past.as_ref(), Mean::default(), Hint { users, limit });
        prop_assert!(expected.is_finite() && expected >= 1.0);
        prop_assert!(past.is_some() || expected <= HINT_MAX);
    }
}
