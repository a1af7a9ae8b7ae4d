//! The part of the command line that all programs share, and how a program begins.

use crate::error::ConfigError;
use crate::load::{Loaded, load};
use crate::settings::Settings;
use crate::{logging, tls};
use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;

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
    /// Loads the configuration and begins to log.
    ///
    /// # Errors
    /// As for [`Args::start_if`].
    pub fn start(&self) -> Result<Settings, ExitCode> {
        self.start_if(|_| Ok(()))
    }

    /// The same for a program that cannot use every configuration.
    ///
    /// # Errors
    /// The exit code with which the program shall end now: the configuration cannot be used, which was said on stderr, or it was only
    /// to be checked.
    pub fn start_if(&self, usable: impl FnOnce(&Settings) -> anyhow::Result<()>) -> Result<Settings, ExitCode> {
        tls::install_provider();
        let Loaded { settings, file, warnings } = self.load().map_err(refuse)?;
        usable(&settings).map_err(refuse)?;
        if self.check {
            tls::client_config(settings.upstream.ca_file.as_deref()).map_err(refuse)?;
            for warning in warnings {
                eprintln!("warning: {warning}");
            }
            let name = file.map_or_else(|| "the environment".to_owned(), |file| file.display().to_string());
            println!("{name}: ok");
            return Err(ExitCode::SUCCESS);
        }
        logging::start(&settings.log);
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        Ok(settings)
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        // A variable that is no UTF-8 is none of ours.
        let environment =
            std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
        load(self.config.as_deref(), environment)
    }
}

fn refuse(reason: impl Display) -> ExitCode {
    eprintln!("{reason}");
    ExitCode::from(REFUSED)
}
