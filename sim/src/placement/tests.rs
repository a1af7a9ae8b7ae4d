//! What the simulation has to keep to, so that its numbers mean anything.

use super::workload::WEBCAM;
use super::world::World;
use super::*;

fn comparison(scenarios: &[Scenario], policies: &[Policy], seeds: u64) -> Comparison {
    Comparison { scenarios: scenarios.to_vec(), policies: policies.to_vec(), seeds, seed: 1 }
}

#[test]
fn the_same_seed_has_the_same_outcome() {
    let comparison = comparison(&[Scenario::ThreeInstances], &Policy::ALL, 2);
    let (one, two) = (comparison.run(|| {}), comparison.run(|| {}));
    assert_eq!(Report::new(&one).csv(), Report::new(&two).csv());
    assert_eq!(one.len() as u64, comparison.runs());
    let other = Comparison { seed: 7, ..comparison };
    assert_ne!(Report::new(&other.run(|| {})).csv(), Report::new(&one).csv());
}

#[test]
fn the_pool_is_used_as_the_scenario_says() {
    for scenario in [Scenario::Steady, Scenario::HeavyTail, Scenario::ThreeInstances] {
        let setup = scenario.setup();
        let (mut mean, seeds) = (0.0, 8);
        for seed in 0..seeds {
            let workload = Workload::draw(&setup, seed);
            let hours = setup.from..setup.end;
            let present = |visit: &workload::Visit| {
                let (from, until) = (visit.from.max(hours.start), visit.until.min(hours.end));
                until.saturating_sub(from) as f64 * if visit.webcam { 1.0 + WEBCAM } else { 1.0 }
            };
            let total: f64 = workload.meetings.iter().flat_map(|meeting| &meeting.visits).map(present).sum();
            let capacity = setup.capacities.iter().sum::<f64>() * world::CAPACITY;
            mean += total / (hours.end - hours.start) as f64 / capacity / seeds as f64;
        }
        // The first hour fills the pool, but not wholly: some meetings last longer.
        assert!((0.85..1.1).contains(&(mean / setup.base)), "{scenario}: {mean}");
    }
}

#[test]
fn everybody_is_somewhere() {
    let setup = Scenario::ThreeInstances.setup();
    let workload = Workload::draw(&setup, 3);
    let mut world = World::new(&setup, &workload, 3);
    for (number, meeting) in workload.meetings.iter().enumerate().take(50) {
        for visit in &meeting.visits {
            world.visit(number, true, visit.webcam, visit.load());
        }
        world.place(number, number % 3, 0);
    }
    let users = |world: &World| world.instances.iter().map(|instance| instance.users).sum::<usize>();
    let all: usize = workload.meetings.iter().take(50).map(|meeting| meeting.visits.len()).sum();
    assert_eq!(users(&world), all);
    let lost = world.crash(0);
    let waiting: usize = lost.iter().map(|number| world.meetings[*number].users).sum();
    assert_eq!(users(&world) + waiting, all);
    for number in lost {
        world.place(number, 1, 0);
    }
    assert_eq!(users(&world), all);
    for number in 0..50 {
        world.remove(number);
    }
    assert_eq!(users(&world), 0);
}

#[test]
fn a_burst_goes_where_each_policy_would_send_it() {
    let policies = [Policy::Ledger, Policy::Original, Policy::Random, Policy::Clairvoyant];
    let runs = comparison(&[Scenario::TopOfTheHour], &policies, 3).run(|| {});
    let most =
        |policy: Policy| runs.iter().filter(|run| run.policy == policy).map(|run| run.measures.most_creates).max();
    assert!(most(Policy::Ledger) <= Some(12), "{:?}", most(Policy::Ledger));
    assert!(most(Policy::Original) >= Some(60), "{:?}", most(Policy::Original));
    let rho = |policy: Policy| runs.iter().filter(|run| run.policy == policy).map(|run| run.measures.rho).sum::<f64>();
    assert!(rho(Policy::Clairvoyant) < rho(Policy::Ledger) && rho(Policy::Ledger) < rho(Policy::Random));
}

#[test]
fn an_estimate_is_the_mean_and_how_sure_it_is() {
    use super::report::Estimate;
    assert_eq!(Estimate::of(&[]), None);
    assert_eq!(Estimate::of(&[3.0]), Some(Estimate { mean: 3.0, interval: 0.0 }));
    let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    // By the tables: 2.776 × 1.5811 / √5.
    assert!((estimate.mean - 3.0).abs() < 1e-9 && (estimate.interval - 1.963).abs() < 0.05, "{estimate:?}");
}

#[test]
fn names_are_read_as_they_are_told() {
    for scenario in Scenario::ALL {
        assert_eq!(scenario.name().parse(), Ok(scenario));
    }
    for policy in Policy::ALL {
        assert_eq!(policy.name().parse(), Ok(policy));
    }
    let error = "noon".parse::<Scenario>().unwrap_err();
    assert!(error.starts_with("there is no scenario \"noon\", but steady, top-of-the-hour"), "{error}");
}

#[test]
fn pictures_are_drawn_of_what_there_is() {
    let dir = std::env::temp_dir().join(format!("b3lb-plots-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let policies = [Policy::Ledger, Policy::Original, Policy::Oracle];
    let runs = comparison(&[Scenario::TopOfTheHour], &policies, 1).run(|| {});
    let files = draw(&runs, &dir).unwrap();
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["load-over-time.svg", "creates-in-a-burst.svg", "regret.svg"]);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>") && text.len() > 2000, "{file:?}");
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
