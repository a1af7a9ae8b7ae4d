//! `b3lb-sim`: simulated instances to try B3LB on, load to try it with, and a comparison of placement policies.

mod args;

use anyhow::{Context, anyhow, ensure};
use args::{Args, Command, InstanceArgs, LoadArgs, PlacementArgs};
use b3lb_config::shutdown;
use b3lb_sim::load::Load;
use b3lb_sim::options::Rules;
use b3lb_sim::placement::{Comparison, Policy, Report, Scenario, draw};
use b3lb_sim::users::Crowd;
use b3lb_sim::{Frontend, Instance, Options, Telegraf};
use bbb::Secret;
use clap::Parser;
use futures::future::select_all;
use indicatif::ProgressBar;
use std::net::SocketAddr;
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_env_filter("info").with_writer(std::io::stderr).init();
    match Args::parse().command {
        Command::Instance(args) => shutdown::run(|shutdown| instances(args, shutdown)),
        Command::Load(args) => {
            shutdown::run(
                |shutdown| async move { shutdown.run_until_cancelled(load(args)).await.context("interrupted")? },
            )
        }
        // It never waits, so that nothing has to be told when a signal ends it.
        Command::Placement(args) => match placement(args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

/// Runs instances until one ends or the user ends them.
async fn instances(args: InstanceArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let plain = args.influx_url.iter().all(|url| url.scheme() == "http");
    ensure!(plain, "--influx-url: simulated telegrafs write without TLS, to a url of http://");
    let mut instances = Vec::new();
    for number in 0..args.count {
        let instance = start(&args, number).await?;
        println!("{}", instance.url());
        instances.push(instance);
    }
    let ended = select_all(instances.iter_mut().map(|instance| Box::pin(instance.ended())));
    tokio::select! {
        (ended, ..) = ended => ended.context("an instance ended"),
        () = shutdown.cancelled() => Ok(()),
    }
}

async fn start(args: &InstanceArgs, number: u16) -> anyhow::Result<Instance> {
    let port = match args.listen.port() {
        0 => 0,
        first => first.checked_add(number).context("there are not as many ports")?,
    };
    let listen = SocketAddr::new(args.listen.ip(), port);
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let origin = match &args.host {
        Some(host) => Some(format!("http://{host}:{}", listener.local_addr()?.port())),
        None => None,
    };
    let telegraf = args.influx_url.clone().map(|url| Telegraf {
        organization: args.organization.clone(),
        bucket: args.bucket.clone(),
        interval: args.interval,
        ..Telegraf::new(url, Secret::new(&args.token))
    });
    let crowd = (args.users > 0.0).then(|| Crowd { users: args.users, ..Crowd::default() });
    let seed = args.seed.wrapping_add(u64::from(number));
    let rules = Rules { processing: args.processing, ..Rules::default() };
    let (secret, signs_forms) = (Secret::new(&args.secret), args.signs_forms);
    let options = Options { secret, signs_forms, crowd, seed, origin, telegraf, rules, ..Options::default() };
    Instance::start(listener, options).context("cannot start")
}

/// Creates meetings and says how that went, and where they are if it may ask the instances.
async fn load(args: LoadArgs) -> anyhow::Result<()> {
    let frontends = args.url.iter().map(|url| Frontend::new(url, Secret::new(&args.secret)));
    let frontends: Vec<_> = frontends.collect::<Result<_, _>>()?;
    let prefix = format!("load-{:08x}-", rand::random::<u32>());
    let load = Load { creates: args.creates, concurrency: args.concurrency, prefix };
    let report = load.run(&frontends).await;
    print!("{report}");
    for url in &args.instance {
        let instance = Frontend::new(url, Secret::new(&args.instance_secret))?;
        let listed = instance.meetings().await.with_context(|| format!("{url} lists no meetings"))?;
        let ours = listed.elements("meetingID").into_iter().filter(|id| id.starts_with(&load.prefix)).count();
        println!("{ours:6} on {url}");
    }
    ensure!(report.failed == 0, "{} creates failed", report.failed);
    Ok(())
}

/// Compares placement policies, with a progress bar on a terminal.
fn placement(args: PlacementArgs) -> anyhow::Result<()> {
    let comparison = Comparison {
        scenarios: if args.scenarios.is_empty() { Scenario::ALL.to_vec() } else { args.scenarios },
        policies: if args.policies.is_empty() { Policy::ALL.to_vec() } else { args.policies },
        seeds: args.seeds,
        seed: args.seed,
    };
    if let Some(dir) = &args.plots {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    let bar = ProgressBar::new(comparison.runs());
    let runs = comparison.run(|| bar.inc(1));
    bar.finish_and_clear();
    let report = Report::new(&runs);
    print!("{report}");
    if let Some(file) = &args.csv {
        std::fs::write(file, report.csv()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if let Some(dir) = &args.plots {
        let drawn = draw(&runs, dir).map_err(|error| anyhow!("cannot draw into {}: {error}", dir.display()))?;
        for file in drawn {
            eprintln!("{}", file.display());
        }
    }
    Ok(())
}
