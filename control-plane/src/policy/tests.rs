//! The policies over numbers: tables for what they mean, properties for what must hold whatever is measured.

use super::*;
use b3lb_config::Settings;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

const NOW: u64 = 1_800_000_000_000;

fn balancer(policy: Policy) -> Balancer {
    Balancer { policy, cpu_limit: 80.0, mem_limit: 90.0, ..Settings::default().balancer }
}

fn measured(cpu: f64, mem: f64) -> Candidate {
    let sample = Sample { cpu_mean: Some(cpu), cpu_recent: Some(cpu), mem_mean: Some(mem), measured_at: Some(NOW) };
    Candidate { capacity: 1.0, expected: 0.0, users: 0.0, meetings: 0, checked_at: NOW, sample }
}

fn silent(meetings: usize) -> Candidate {
    Candidate { meetings, sample: Sample::default(), ..measured(0.0, 0.0) }
}

fn totals(verdicts: &[Verdict]) -> Vec<Option<f64>> {
    verdicts.iter().map(|verdict| verdict.as_ref().ok().map(|score| score.total)).collect()
}

#[test]
fn classic_takes_the_lowest_sum_of_cpu_and_memory_under_the_limits() {
    let candidates = [measured(30.0, 20.0), measured(10.0, 30.0), measured(81.0, 0.0), measured(0.0, 90.1), silent(0)];
    let verdicts = judge(&balancer(Policy::Classic), &candidates, NOW);
    assert_eq!(totals(&verdicts), [Some(50.0), Some(40.0), None, None, None]);
    assert_eq!(verdicts[2], Err(Ineligible::Cpu(81.0, 80.0)));
    assert_eq!(verdicts[3], Err(Ineligible::Memory(90.1, 90.0)));
    assert_eq!(verdicts[4], Err(Ineligible::NotMeasured));
    let picked = pick(&totals(&verdicts), margin(Policy::Classic), &mut SmallRng::seed_from_u64(1));
    assert_eq!(picked, Some(1));
}

#[test]
fn classic_without_any_measurement_takes_the_fewest_meetings() {
    let verdicts = judge(&balancer(Policy::Classic), &[silent(3), silent(1)], NOW);
    assert_eq!(totals(&verdicts), [Some(3.0), Some(1.0)]);
}

#[test]
fn classic_forgets_a_measurement_that_has_left_the_range() {
    let classic = balancer(Policy::Classic);
    let later = NOW + classic.metrics_range.as_millis() as u64 + 1;
    assert_eq!(judge(&classic, &[measured(95.0, 10.0)], later - 1), [Err(Ineligible::Cpu(95.0, 80.0))]);
    assert_eq!(totals(&judge(&classic, &[measured(95.0, 10.0)], later)), [Some(0.0)]);
}

#[test]
fn ledger_counts_expected_users_relative_to_the_capacity() {
    let small = Candidate { expected: 30.0, users: 30.0, ..measured(0.0, 0.0) };
    let large = Candidate { capacity: 2.0, ..small };
    assert_eq!(totals(&judge(&balancer(Policy::Ledger), &[small, large], NOW)), [Some(30.0), Some(15.0)]);
}

#[test]
fn ledger_adds_what_its_users_do_not_explain() {
    let busy = Candidate { expected: 40.0, users: 40.0, ..measured(50.0, 10.0) };
    let verdict = &judge(&balancer(Policy::Ledger), &[busy], NOW)[0];
    let terms = verdict.as_ref().unwrap().terms;
    assert_eq!(terms, [("users", 40.0), ("background", 60.0), ("pessimism", 0.0)]);
}

#[test]
fn ledger_distrusts_old_information_and_lets_old_limits_go() {
    let mut old = measured(95.0, 10.0);
    let ledger = balancer(Policy::Ledger);
    assert_eq!(judge(&ledger, &[old], NOW), [Err(Ineligible::Cpu(95.0, 80.0))]);
    old.sample.measured_at = Some(NOW - 60_000);
    let checked = totals(&judge(&ledger, &[old], NOW));
    old.checked_at = NOW - 1_000_000;
    let unchecked = totals(&judge(&ledger, &[old], NOW));
    assert_eq!(checked, [Some(0.0)]);
    assert!(unchecked[0] > Some(0.0) && unchecked[0] <= Some(EXPECTED_USERS / 2.0), "{unchecked:?}");
}

#[test]
fn an_expectation_fades_into_what_was_seen() {
    let placed = NOW - ledger::RAMP / 3;
    assert_eq!(ledger::expected_users(NOW, None, NOW), EXPECTED_USERS);
    assert_eq!(ledger::expected_users(placed, Some(3), NOW), 3.0 + 12.0 * 2.0 / 3.0);
    assert_eq!(ledger::expected_users(placed, Some(40), NOW), 40.0);
    assert_eq!(ledger::expected_users(NOW - 2 * ledger::RAMP, Some(3), NOW), 3.0);
    assert_eq!(ledger::expected_users(NOW + 5000, Some(3), NOW), EXPECTED_USERS);
}

#[test]
fn every_instance_within_the_margin_is_reachable_and_no_other() {
    let scores = [Some(10.0), None, Some(17.5), Some(17.6), Some(12.0)];
    let mut picked: Vec<usize> =
        (0..200).filter_map(|seed| pick(&scores, MARGIN, &mut SmallRng::seed_from_u64(seed))).collect();
    picked.sort_unstable();
    picked.dedup();
    assert_eq!(picked, [0, 2, 4]);
    assert_eq!(pick(&[None, None], MARGIN, &mut SmallRng::seed_from_u64(0)), None);
    assert_eq!(pick(&[], MARGIN, &mut SmallRng::seed_from_u64(0)), None);
}

fn number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![Just(None), Just(Some(f64::NAN)), Just(Some(f64::INFINITY)), (-1e6..1e6f64).prop_map(Some)]
}

proptest! {
    #[test]
    fn scores_are_finite_whatever_was_measured(
        (cpu_mean, cpu_recent, mem_mean) in (number(), number(), number()),
        measured_at in prop::option::of(0..2 * NOW),
        (expected, users, checked_at) in (-1e3..1e6f64, 0.0..1e6f64, 0..2 * NOW),
        classic in any::<bool>(),
    ) {
        let sample = Sample { cpu_mean, cpu_recent, mem_mean, measured_at };
        let candidate = Candidate { capacity: 0.5, expected, users, meetings: 1, checked_at, sample };
        let policy = if classic { Policy::Classic } else { Policy::Ledger };
        let verdicts = judge(&balancer(policy), &[candidate, silent(2)], NOW);
        prop_assert_eq!(verdicts.len(), 2);
        for score in verdicts.iter().flatten() {
            prop_assert!(score.total.is_finite(), "{:?}", score);
        }
    }
}
