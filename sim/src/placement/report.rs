//! What is told of all runs: a table for each scenario, what was reached, and every run as a line of CSV.

use super::{Policy, Run, Scenario};
use comfy_table::{CellAlignment, Table, presets};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// All runs, by scenario and policy.
pub struct Report<'a> {
    runs: &'a [Run],
    scenarios: Vec<Scenario>,
    policies: Vec<Policy>,
}

/// A mean, and how far the true one may be from it in 95 of 100 cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) mean: f64,
    pub(super) interval: f64,
}

impl<'a> Report<'a> {
    /// Of these runs.
    pub fn new(runs: &'a [Run]) -> Self {
        let (mut scenarios, mut policies) = (Vec::new(), Vec::new());
        for run in runs {
            if !scenarios.contains(&run.scenario) {
                scenarios.push(run.scenario);
            }
            if !policies.contains(&run.policy) {
                policies.push(run.policy);
            }
        }
        Self { runs, scenarios, policies }
    }

    pub(super) fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    pub(super) fn policies(&self) -> &[Policy] {
        &self.policies
    }

    pub(super) fn of(&self, scenario: Scenario, policy: Policy) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(move |run| run.scenario == scenario && run.policy == policy)
    }

    fn estimate(&self, scenario: Scenario, policy: Policy, of: impl Fn(&Run) -> f64) -> Option<Estimate> {
        Estimate::of(&self.of(scenario, policy).map(of).collect::<Vec<_>>())
    }

    /// How much worse than the oracle a policy was over the same courses.
    pub(super) fn regret(&self, scenario: Scenario, policy: Policy) -> Option<Estimate> {
        let oracle: BTreeMap<u64, f64> =
            self.of(scenario, Policy::Oracle).map(|run| (run.seed, run.measures.rho)).collect();
        let regrets = self.of(scenario, policy).map(|run| Some(run.measures.rho / oracle.get(&run.seed)?));
        Estimate::of(&regrets.collect::<Option<Vec<_>>>()?)
    }

    /// Every run as a line of CSV.
    pub fn csv(&self) -> String {
        let mut text = String::from(
            "scenario,policy,seed,rho_mean,rho_peak,overload_user_minutes,most_creates_in_60s,refused_creates\n",
        );
        for Run { scenario, policy, seed, measures: m } in self.runs {
            // Writing to a text does not fail.
            let _ = writeln!(
                text,
                "{scenario},{policy},{seed},{:.6},{:.6},{:.3},{},{}",
                m.rho, m.rho_peak, m.overload, m.most_creates, m.refused
            );
        }
        text
    }

    fn table(&self, scenario: Scenario) -> Table {
        let mut table = Table::new();
        let header = ["policy", "ρ mean", "ρ peak", "overload", "most creates", "refused", "regret"];
        table.load_style(presets::NOTHING).set_header(header);
        for policy in &self.policies {
            let cell = |digits: usize, of: &dyn Fn(&Run) -> f64| show(self.estimate(scenario, *policy, of), digits);
            table.add_row([
                policy.to_string(),
                cell(3, &|run| run.measures.rho),
                cell(2, &|run| run.measures.rho_peak),
                cell(0, &|run| run.measures.overload),
                cell(1, &|run| run.measures.most_creates as f64),
                cell(1, &|run| run.measures.refused as f64),
                show(self.regret(scenario, *policy), 3),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// Overload in all scenarios together, in user minutes.
    fn overload(&self, policy: Policy) -> Option<f64> {
        let all = self.scenarios.iter().map(|s| Some(self.estimate(*s, policy, |run| run.measures.overload)?.mean));
        all.sum()
    }

    /// What was to be reached, what was, and what the oracle and one who knows the future would have reached.
    fn goals(&self) -> Vec<String> {
        let (top, with_past) = (Scenario::TopOfTheHour, Scenario::TopOfTheHourWithPast);
        let mean = |scenario, policy, of: fn(&Run) -> f64| Some(self.estimate(scenario, policy, of)?.mean);
        let peak = |run: &Run| run.measures.rho_peak;
        let rho = |run: &Run| run.measures.rho;
        let most = |run: &Run| run.measures.most_creates as f64;
        let share = |policy, other| Some(self.overload(policy)? / self.overload(other)? * 100.0);
        let ratio = |one, other, policy| Some(mean(one, policy, rho)? / mean(other, policy, rho)?);
        let regrets = |policy| -> Option<Vec<f64>> {
            self.scenarios.iter().map(|scenario| Some(self.regret(*scenario, policy)?.mean)).collect()
        };
        let all = [
            self.goal("top of the hour: most creates on one of 22, mean", "12, better 10", 12.0, |p| {
                mean(top, p, most)
            }),
            self.goal("top of the hour: most creates on one of 22, worst course", "12", 12.0, |p| {
                self.of(top, p).map(most).reduce(f64::max)
            }),
            self.goal("top of the hour: peak ρ", "1.75", 1.75, |p| mean(top, p, peak)),
            self.goal("top of the hour: peak ρ with what is known of the rooms", "1.45", 1.45, |p| {
                mean(with_past, p, peak)
            }),
            self.goal("overload in all scenarios, % of the original's", "10, better 2", 10.0, |p| {
                share(p, Policy::Original)
            }),
            self.goal("overload in all scenarios, % of DE-IBH's", "70, better 50", 70.0, |p| share(p, Policy::DeIbh)),
            self.goal("regret, mean of the scenarios", "1.10, better 1.05", 1.10, |p| {
                let regrets = regrets(p)?;
                Some(regrets.iter().sum::<f64>() / regrets.len() as f64)
            }),
            self.goal("regret, worst scenario", "1.10, better 1.05", 1.10, |p| {
                regrets(p)?.into_iter().reduce(f64::max)
            }),
            self.goal("ρ in a blackout, against none", "1.15", 1.15, |p| {
                ratio(Scenario::Blackout, Scenario::NoBlackout, p)
            }),
            self.goal("ρ of two control planes, against one", "1.10", 1.10, |p| {
                ratio(Scenario::TwoControlPlanes, with_past, p)
            }),
        ];
        all.into_iter().flatten().collect()
    }

    fn goal(&self, what: &str, goal: &str, limit: f64, of: impl Fn(Policy) -> Option<f64>) -> Option<String> {
        let measured = of(Policy::Ledger).filter(|measured| measured.is_finite())?;
        let reached = if measured <= limit { "reached" } else { "not reached" };
        let others = [Policy::Oracle, Policy::Clairvoyant].map(|policy| match of(policy) {
            Some(measured) if measured.is_finite() => format!("; {policy} {measured:.3}"),
            _ => String::new(),
        });
        Some(format!("{what}: {measured:.3} (goal {goal}: {reached}{})", others.concat()))
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for scenario in &self.scenarios {
            writeln!(f, "## {scenario}\n\n{}\n", self.table(*scenario))?;
        }
        let goals = self.goals();
        if !goals.is_empty() {
            writeln!(f, "## goals\n\n{}", goals.join("\n"))?;
        }
        Ok(())
    }
}

impl Estimate {
    /// `None` of no values.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count;
        let freedom = count - 1.0;
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / freedom.max(1.0)).sqrt();
        // Student's t for 95 %, to the first digits.
        let t = if freedom > 0.0 { 1.96 + 2.37 / freedom + 2.8 / freedom.powi(2) } else { 0.0 };
        Some(Self { mean, interval: t * deviation / count.sqrt() })
    }
}

fn show(estimate: Option<Estimate>, digits: usize) -> String {
    match estimate {
        Some(Estimate { mean, interval }) => format!("{mean:.digits$} ± {interval:.digits$}"),
        None => "-".to_owned(),
    }
}
