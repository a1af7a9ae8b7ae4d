//! The command line.

use b3lb_sim::placement::{Policy, Scenario};
use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Simulated BigBlueButton instances, and load.
#[derive(Debug, Parser)]
#[command(name = "b3lb-sim", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Instance(InstanceArgs),
    Load(LoadArgs),
    Placement(PlacementArgs),
}

/// Compare placement policies over the same simulated meetings.
///
/// `ledger` and `classic` are the control plane's own code. Prints a table for each scenario, and what was reached.
#[derive(Debug, Parser)]
pub(crate) struct PlacementArgs {
    /// Only in this scenario; may be given several times.
    #[arg(long = "scenario", value_name = "NAME")]
    pub(crate) scenarios: Vec<Scenario>,
    /// Only this policy; may be given several times.
    #[arg(long = "policy", value_name = "NAME")]
    pub(crate) policies: Vec<Policy>,
    /// Over so many different courses of each scenario.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) seeds: u64,
    /// What the first course is drawn from; the others count up from it.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..1 << 32))]
    pub(crate) seed: u64,
    /// Write every run into this file, as CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Draw pictures into this directory, as SVG.
    #[arg(long, value_name = "DIR")]
    pub(crate) plots: Option<PathBuf>,
}

/// Run simulated instances, and print the url of each.
///
/// What goes on at one is shown by GET /sim; its faults are switched by POST /sim/fault?kind=slow&ms=200 and the like.
#[derive(Debug, Parser)]
pub(crate) struct InstanceArgs {
    /// Where the first listens; the others take the ports after it.
    #[arg(long, default_value = "127.0.0.1:8001")]
    pub(crate) listen: SocketAddr,
    /// The name or address that others reach this machine by, unless it is the one to listen on.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// How many to run.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) count: u16,
    /// The shared secret of each.
    #[arg(long, env = "B3LB_SIM_SECRET", hide_env_values = true)]
    pub(crate) secret: String,
    /// The mean number of people who come to a meeting by themselves.
    #[arg(long, default_value_t = 15.0)]
    pub(crate) users: f64,
    /// Decides everything that looks random; the instances count up from it.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Check a form that comes without a query over its fields, as BigBlueButton did before 2.6.18 and 2.7.8.
    #[arg(long)]
    pub(crate) signs_forms: bool,
    /// How long after the end of a meeting its recording is there.
    #[arg(long, default_value = "30s", value_parser = interval)]
    pub(crate) processing: Duration,
    /// Where each writes its load, as telegraf does: InfluxDB or a control plane, without TLS.
    #[arg(long)]
    pub(crate) influx_url: Option<Url>,
    /// The API token for that.
    #[arg(long, env = "B3LB_SIM_TOKEN", hide_env_values = true, default_value = "", hide_default_value = true)]
    pub(crate) token: String,
    /// The organization to write for.
    #[arg(long, default_value = "b3lb")]
    pub(crate) organization: String,
    /// The bucket to write into.
    #[arg(long, default_value = "bucket")]
    pub(crate) bucket: String,
    /// How often the load is written.
    #[arg(long, default_value = "10s", value_parser = interval)]
    pub(crate) interval: Duration,
}

/// Create meetings, many at a time, and print how that went.
#[derive(Debug, Parser)]
pub(crate) struct LoadArgs {
    /// Where to call; given several times, they are called in turn.
    #[arg(long, required = true)]
    pub(crate) url: Vec<String>,
    /// The secret that is shared with them.
    #[arg(long, env = "B3LB_SIM_SECRET", hide_env_values = true)]
    pub(crate) secret: String,
    /// How many meetings to create.
    #[arg(long, default_value_t = 200)]
    pub(crate) creates: usize,
    /// How many at the same time.
    #[arg(long, default_value_t = 64)]
    pub(crate) concurrency: usize,
    /// Instances to ask afterwards how many of the meetings they have.
    #[arg(long)]
    pub(crate) instance: Vec<String>,
    /// The shared secret of each of these.
    #[arg(
        long,
        env = "B3LB_SIM_INSTANCE_SECRET",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) instance_secret: String,
}

fn interval(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("is no time at all".to_owned()),
        Ok(interval) => Ok(interval),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_in_a_panic_is_no_argument() {
        let parse = |more: &[&str]| {
            let arguments = ["b3lb-sim", "instance", "--secret", "s"];
            Args::try_parse_from(arguments.iter().chain(more)).map(drop).is_ok()
        };
        assert!(parse(&["--count", "2", "--interval", "1s"]));
        assert!(!parse(&["--count", "0"]));
        assert!(!parse(&["--interval", "0s"]));
    }
}
