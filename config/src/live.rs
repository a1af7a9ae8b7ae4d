//! The configuration while a program runs: read again on SIGHUP and whenever a file of it has changed.
//!
//! A configuration that cannot be used changes nothing. What cannot change while the program runs, such as the addresses it listens on,
//! keeps its value until the next start.

use crate::settings::Settings;
use crate::{ConfigError, Loaded, shutdown, tls};
use ring::digest::{SHA256, digest};
use rustls_pki_types::UnixTime;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often the files are looked at. Their contents are compared, because links that an orchestrator swaps and network file systems
/// tell nobody of a change.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The configuration as it is at the moment. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Live {
    settings: watch::Receiver<Arc<Settings>>,
    file: Option<Arc<Path>>,
    seen: Arc<Seen>,
}

/// What was found out about the files when they were last read.
#[derive(Debug)]
struct Seen {
    /// What they say is in force.
    current: AtomicBool,
    /// When each certificate ends that is in force, in seconds since 1970. What lies on the disk by now may be another one.
    ends: Mutex<BTreeMap<PathBuf, i64>>,
}

/// Reads the configuration again, as long as it runs.
#[derive(Debug)]
pub struct Reload {
    settings: watch::Sender<Arc<Settings>>,
    seen: Arc<Seen>,
    /// The file that was named on the command line.
    path: Option<PathBuf>,
    usable: fn(&Settings) -> anyhow::Result<()>,
    /// What the certificates and keys were made of when they were last published.
    fingerprint: Vec<u8>,
    /// What was wrong at the last look, so that it is said once.
    complaint: String,
}

/// What became of a look at the files.
struct Look {
    /// There was something new, which is in force.
    published: bool,
    /// The keys that are in force with the next start only.
    waiting: Vec<&'static str>,
}

impl Live {
    /// One that changes when the second part runs.
    pub(crate) fn new(
        loaded: Loaded,
        path: Option<PathBuf>,
        usable: fn(&Settings) -> anyhow::Result<()>,
    ) -> (Self, Reload) {
        let fingerprint = fingerprint(&loaded.settings);
        let (sender, receiver) = watch::channel(Arc::new(loaded.settings));
        let seen = Arc::new(Seen::of(&receiver.borrow()));
        let live = Self { settings: receiver, file: loaded.file.map(Arc::from), seen: seen.clone() };
        (live, Reload { settings: sender, seen, path, usable, fingerprint, complaint: String::new() })
    }

    /// What it is now.
    pub fn now(&self) -> Arc<Settings> {
        self.settings.borrow().clone()
    }

    /// Waits until it, or a certificate that it names, is another one; for ever if nothing reads it again.
    pub async fn changed(&mut self) {
        if self.settings.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// It has changed since this was asked last.
    pub fn has_changed(&mut self) -> bool {
        let changed = self.settings.has_changed().unwrap_or(false);
        if changed {
            self.settings.mark_unchanged();
        }
        changed
    }

    /// The file that it was read from; `None` if there was none.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The files say what is in force; false while what they say cannot be used, or waits for the next start.
    pub fn is_current(&self) -> bool {
        self.seen.current.load(Ordering::Relaxed)
    }

    /// When the certificate of a file ends that is in force, in seconds since 1970; `None` if it has none that can be read.
    pub(crate) fn ends_at(&self, certificate: &Path) -> Option<i64> {
        self.seen.ends.lock().unwrap_or_else(PoisonError::into_inner).get(certificate).copied()
    }
}

impl Seen {
    fn of(settings: &Settings) -> Self {
        Self { current: AtomicBool::new(true), ends: Mutex::new(ends(settings)) }
    }
}

impl From<Settings> for Live {
    /// One that never changes.
    fn from(settings: Settings) -> Self {
        let seen = Arc::new(Seen::of(&settings));
        Self { settings: watch::channel(Arc::new(settings)).1, file: None, seen }
    }
}

impl From<&Settings> for Live {
    fn from(settings: &Settings) -> Self {
        settings.clone().into()
    }
}

impl Reload {
    /// Runs a program, and reads the configuration again beside it.
    ///
    /// # Errors
    /// Those of the program; and if the process cannot be told of signals.
    pub async fn beside<T>(mut self, program: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let mut told = signal(SignalKind::hangup())?;
        let look = async {
            let mut ticks = interval(LOOK_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick is at once, when nothing can have changed yet.
            ticks.tick().await;
            loop {
                let asked = tokio::select! {
                    signal = told.recv() => signal.is_some(),
                    _ = ticks.tick() => false,
                };
                self = match tokio::task::spawn_blocking(move || self.look(asked)).await {
                    Ok(reload) => reload,
                    Err(error) => return tracing::error!(%error, "the configuration is not read again any more"),
                };
            }
        };
        tokio::select! {
            ended = program => ended,
            () = async { look.await; std::future::pending().await } => unreachable!("it is pending"),
        }
    }

    /// Reads everything; publishes what is new and can be used. `asked`: somebody waits to hear what became of it.
    fn look(mut self, asked: bool) -> Self {
        let looked = self.read();
        let published = looked.as_ref().is_ok_and(|look| look.published);
        if published {
            tracing::info!("the configuration was read again and is in force");
        }
        let complaint = match &looked {
            Ok(look) if look.waiting.is_empty() => String::new(),
            Ok(look) => format!("{} can only change with the next start", look.waiting.join(", ")),
            Err(reason) => {
                let reason = shutdown::told(reason);
                format!("the configuration stays as it is, because the new one cannot be used: {reason}")
            }
        };
        if complaint.is_empty() {
            match (published, self.complaint.is_empty()) {
                (false, false) => tracing::info!("the configuration says again what is in force"),
                (false, true) if asked => tracing::info!("the configuration has not changed"),
                _ => {}
            }
        } else if asked || complaint != self.complaint {
            match looked {
                Ok(_) => tracing::warn!("{complaint}"),
                Err(_) => tracing::error!("{complaint}"),
            }
        }
        self.seen.current.store(complaint.is_empty(), Ordering::Relaxed);
        self.complaint = complaint;
        self
    }

    fn read(&mut self) -> anyhow::Result<Look> {
        let Loaded { settings, warnings, .. } = reload(self.path.as_deref())?;
        let old = self.settings.borrow().clone();
        let fingerprint = fingerprint(&settings);
        if *old == settings && fingerprint == self.fingerprint {
            return Ok(Look { published: false, waiting: Vec::new() });
        }
        (self.usable)(&settings)?;
        let (settings, waiting) = settings.kept_from(&old);
        if *old == settings && fingerprint == self.fingerprint {
            return Ok(Look { published: false, waiting });
        }
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        for ended in ended(&settings) {
            tracing::warn!("{ended}");
        }
        self.fingerprint = fingerprint;
        *self.seen.ends.lock().unwrap_or_else(PoisonError::into_inner) = ends(&settings);
        crate::logging::set_level(&settings.log.level);
        self.settings.send_replace(Arc::new(settings));
        Ok(Look { published: true, waiting })
    }
}

fn reload(path: Option<&Path>) -> Result<Loaded, ConfigError> {
    crate::load(path, crate::args::environment())
}

/// What the files that the settings name are made of. A certificate may be replaced without any setting changing.
fn fingerprint(settings: &Settings) -> Vec<u8> {
    let mut all = Vec::new();
    for path in settings.files() {
        // A file that cannot be read has another fingerprint, so that it is noticed and refused.
        let content = std::fs::read(path).unwrap_or_default();
        all.extend_from_slice(digest(&SHA256, &content).as_ref());
    }
    all
}

/// When each certificate ends that the settings name, in seconds since 1970.
fn ends(settings: &Settings) -> BTreeMap<PathBuf, i64> {
    let shown = settings.certificates();
    shown.into_iter().filter_map(|file| Some((file.to_owned(), tls::ends_at(file)?))).collect()
}

/// What is to be said of certificates that have ended. They are used all the same: not everybody looks.
pub(crate) fn ended(settings: &Settings) -> Vec<String> {
    let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
    let ended = ends(settings).into_iter().filter(|(_, end)| *end < now);
    ended
        .map(|(file, _)| format!("{}: the certificate has ended; who verifies it does not connect", file.display()))
        .collect()
}
