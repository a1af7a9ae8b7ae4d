//! The part of the command line that all programs share, and how a program begins.

use crate::live::{self, Live, Reload};
use crate::load::load;
use crate::settings::Settings;
use crate::{logging, tls, traces};
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// The exit code of a program whose configuration cannot be used.
const REFUSED: u8 = 2;

/// Where the configuration is. To be flattened into a program's own arguments.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Args {
    /// The configuration file; without it ~/.b3lb/b3lb.yaml if there is one. Every key can be overridden by an environment variable
    /// such as B3LB_BALANCER_CPU_LIMIT.
    #[arg(long, value_name = "FILE", env = "B3LB_CONFIG")]
    config: Option<PathBuf>,
    /// Check the configuration and end: exit code 0 if it can be used, 2 if not.
    #[arg(long)]
    check: bool,
}

/// Parses the command line; ends the process where that is all there is to do (`--help`, `--version`, a wrong argument).
pub fn parse<P: clap::Parser>() -> P {
    P::parse_from(std::env::args_os().map(long))
}

/// The original system's flags have one dash.
fn long(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(text) if text == "-config" || text.starts_with("-config=") => format!("-{text}").into(),
        _ => argument,
    }
}

impl Args {
    /// Loads the configuration and begins to log. Whether a configuration is `usable` by the program is asked now and whenever another
    /// one is read.
    ///
    /// # Errors
    /// The exit code with which the program shall end now: the configuration cannot be used, which was said on stderr, or it was only
    /// to be checked.
    pub fn start(&self, usable: fn(&Settings) -> anyhow::Result<()>) -> Result<(Live, Reload), ExitCode> {
        await_hangups().map_err(refuse)?;
        tls::install_provider();
        let loaded = load(self.config.as_deref(), environment()).map_err(refuse)?;
        usable(&loaded.settings).map_err(refuse)?;
        let mut warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        warnings.extend(live::ended(&loaded.settings));
        if self.check {
            tls::client_config(loaded.settings.upstream.ca_file.as_deref()).map_err(refuse)?;
            for warning in &warnings {
                logging::say(&format!("warning: {warning}"));
            }
            let name = loaded.file.map_or_else(|| "the environment".to_owned(), |file| file.display().to_string());
            // The exit code tells as well, should nobody read this.
            let _ = writeln!(stdout(), "{name}: ok");
            return Err(ExitCode::SUCCESS);
        }
        traces::start(&loaded.settings).map_err(refuse)?;
        logging::start(&loaded.settings.log).map_err(refuse)?;
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        Ok(Live::new(loaded, self.config.clone(), usable))
    }
}

/// From now on SIGHUP does not end the process, as it would until somebody waits for it: one that comes while the program starts asks
/// for nothing that is not about to be done.
fn await_hangups() -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let _within = runtime.enter();
    // The handler is that of the process, and stays when nobody waits any more.
    signal(SignalKind::hangup()).map(drop)
}

/// The environment. A variable that is no UTF-8 is none of ours.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}

fn refuse(reason: impl Display) -> ExitCode {
    logging::say(&reason.to_string());
    logging::finish();
    ExitCode::from(REFUSED)
}
