//! Pictures of a comparison, as SVG.

use super::{Policy, Report, Run, Scenario};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::error::Error;
use std::path::{Path, PathBuf};

const SIZE: (u32, u32) = (1000, 420);
/// With room for the names of all scenarios.
const WIDE: (u32, u32) = (2000, 480);
const FONT: (&str, u32) = ("sans-serif", 15);
const TITLE: (&str, u32) = ("sans-serif", 18);

/// Policies whose loads and bursts are drawn beside each other.
const PAIR: [Policy; 2] = [Policy::Original, Policy::Ledger];

/// What can go wrong while drawing.
type Drawn = Result<(), Box<dyn Error>>;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws what the runs allow into a directory that exists; the files that were written.
///
/// # Errors
/// A file that cannot be written.
pub fn draw(runs: &[Run], dir: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let report = Report::new(runs);
    let top = Scenario::TopOfTheHour;
    let has = |scenario: Scenario, policy: Policy| report.of(scenario, policy).next().is_some();
    let mut files = Vec::new();
    let mut draw = |name: &str, size: (u32, u32), draw: &dyn Fn(&Area<'_>) -> Drawn| -> Drawn {
        let path = dir.join(name);
        {
            let area = SVGBackend::new(&path, size).into_drawing_area();
            area.fill(&WHITE)?;
            draw(&area)?;
            area.present()?;
        }
        files.push(path);
        Ok(())
    };
    if PAIR.iter().all(|policy| has(top, *policy)) {
        draw("load-over-time.svg", SIZE, &|area| loads(&report, area))?;
    }
    if report.scenarios().contains(&top) {
        draw("creates-in-a-burst.svg", SIZE, &|area| burst(&report, area))?;
    }
    if report.policies().contains(&Policy::Oracle) {
        draw("regret.svg", WIDE, &|area| regret(&report, area))?;
    }
    Ok(files)
}

/// The load of every instance over time, with each of two policies.
fn loads(report: &Report<'_>, area: &Area<'_>) -> Drawn {
    let firsts =
        PAIR.map(|policy| report.of(Scenario::TopOfTheHour, policy).find(|run| !run.measures.loads.is_empty()));
    let all = || firsts.iter().flatten().flat_map(|run| &run.measures.loads);
    let highest = all().flat_map(|(_, loads)| loads).copied().fold(0.0, f64::max);
    let last = all().map(|(at, _)| *at).fold(0.0, f64::max);
    for (half, run) in area.split_evenly((1, 2)).iter().zip(firsts.iter().flatten()) {
        let caption = format!("{}: users on each instance, 200 creates in the first minute", run.policy);
        let mut chart = ChartBuilder::on(half)
            .caption(caption, TITLE)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(65)
            .build_cartesian_2d(0.0..last, 0.0..highest * 1.05)?;
        chart
            .configure_mesh()
            .x_desc("minutes")
            .y_desc("load in users")
            .label_style(FONT)
            .axis_desc_style(FONT)
            .draw()?;
        for index in 0..run.measures.creates.len() {
            let line = run.measures.loads.iter().map(|(at, loads)| (*at, loads[index]));
            chart.draw_series(LineSeries::new(line, &Palette99::pick(index)))?;
        }
    }
    Ok(())
}

/// How many creates of a burst the instances got, the busiest first, in the mean over all courses.
fn burst(report: &Report<'_>, area: &Area<'_>) -> Drawn {
    let lines: Vec<(Policy, Vec<f64>)> =
        report.policies().iter().map(|policy| (*policy, sorted(report, *policy))).collect();
    let highest = lines.iter().flat_map(|(_, line)| line).copied().fold(0.0, f64::max);
    let count = lines.iter().map(|(_, line)| line.len()).max().unwrap_or_default();
    let mut chart = ChartBuilder::on(area)
        .caption("Creates on each of 22 instances after the top of the hour, the busiest first", TITLE)
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(1.0..count as f64, (1.0..highest.max(2.0)).log_scale())?;
    chart.configure_mesh().x_desc("instance").y_desc("creates").label_style(FONT).axis_desc_style(FONT).draw()?;
    for (index, (policy, line)) in lines.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        let points = line.iter().enumerate().map(|(place, creates)| ((place + 1) as f64, creates.max(1.0)));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(policy.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).label_font(FONT).draw()?;
    Ok(())
}

fn sorted(report: &Report<'_>, policy: Policy) -> Vec<f64> {
    let mut sums: Vec<f64> = Vec::new();
    let mut count = 0.0;
    for run in report.of(Scenario::TopOfTheHour, policy) {
        let mut creates = run.measures.creates.clone();
        creates.sort_unstable_by(|a, b| b.cmp(a));
        sums.resize(creates.len(), 0.0);
        for (sum, creates) in sums.iter_mut().zip(creates) {
            *sum += creates as f64;
        }
        count += 1.0;
    }
    sums.iter().map(|sum| sum / count).collect()
}

/// How much worse than the oracle each policy was in each scenario.
fn regret(report: &Report<'_>, area: &Area<'_>) -> Drawn {
    let policies: Vec<Policy> = report.policies().iter().copied().filter(|policy| *policy != Policy::Oracle).collect();
    let scenarios = report.scenarios();
    let (groups, bars) = (scenarios.len() as f64, policies.len() as f64 + 1.0);
    let of = |scenario: &Scenario, policy: &Policy| report.regret(*scenario, *policy).map_or(1.0, |e| e.mean);
    let all = scenarios.iter().flat_map(|scenario| policies.iter().map(move |policy| of(scenario, policy)));
    let highest = all.fold(1.5, f64::max).min(4.0);
    let mut chart = ChartBuilder::on(area)
        .caption("Regret: time mean of the largest load over that of the oracle (cut at 4)", TITLE)
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..groups, 0.8..highest)?;
    // One name for each group, none between two.
    let name = |at: &f64| {
        let scenario = scenarios.get(*at as usize).filter(|_| at.fract() < 1e-9);
        scenario.map(|scenario| scenario.name().to_owned()).unwrap_or_default()
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(2 * scenarios.len())
        .x_label_formatter(&name)
        .x_label_style(("sans-serif", 11))
        .y_label_style(FONT)
        .draw()?;
    for (index, policy) in policies.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        let bar = |(group, scenario): (usize, &Scenario)| {
            let left = group as f64 + (index as f64 + 0.5) / bars;
            Rectangle::new([(left, 1.0), (left + 1.0 / bars, of(scenario, policy).min(highest))], colour.filled())
        };
        chart
            .draw_series(scenarios.iter().enumerate().map(bar))?
            .label(policy.name())
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled()));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).label_font(FONT).draw()?;
    Ok(())
}
