//! From a file and the environment to [`Settings`].

use crate::environment::{Variable, variables};
use crate::error::{ConfigError, Origin, Problem};
use crate::file::{self, Entry, FILE_MAX, Value, entries};
use crate::keys::{Key, Set, names_in};
use crate::redis_address::{RedisAddress, Route};
use crate::settings::{AdminCompat, Redis, Settings, Tls};
use crate::value::{Expected, Parsed};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a configuration is looked for when none is named, below the home directory; the later ones are those of the original systems.
const DEFAULT_PATHS: &[&str] = &[".b3lb/b3lb.yaml", ".b3lb.yaml", ".bigblueswarm/bigblueswarm.yaml"];

/// A configuration, and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub settings: Settings,
    /// The file that was read; `None` if there was none.
    pub file: Option<PathBuf>,
    /// What was accepted and means nothing.
    pub warnings: Vec<Problem>,
}

/// Reads the file, then lets the environment override it. Without a path, the first of the default files that exists is read, or none.
///
/// # Errors
/// A file that cannot be read, and everything in it or in the environment that is not right, all at once.
pub fn load(path: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Loaded, ConfigError> {
    let environment: BTreeMap<String, String> = environment.collect();
    let file = path.map(Path::to_owned).or_else(|| default_file(environment.get("HOME")?));
    let mut loading = Loading::default();
    if let Some(path) = &file {
        let text =
            file::read(path, FILE_MAX).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        loading.read_file(path, &text)?;
    }
    loading.read_environment(environment);
    if loading.problems.is_empty() {
        loading.derive();
        loading.check();
    }
    match loading.problems.is_empty() {
        true => Ok(Loaded { settings: loading.settings, file, warnings: loading.warnings }),
        false => Err(ConfigError::Refused(loading.problems)),
    }
}

/// Reads a text as a file alone would be read, without the environment, and without asking whether a program could begin with it.
///
/// # Errors
/// Everything in it that is not right.
pub fn parse(name: &Path, text: &str) -> Result<Loaded, ConfigError> {
    let mut loading = Loading::default();
    loading.read_file(name, text)?;
    loading.derive();
    match loading.problems.is_empty() {
        true => Ok(Loaded { settings: loading.settings, file: Some(name.to_owned()), warnings: loading.warnings }),
        false => Err(ConfigError::Refused(loading.problems)),
    }
}

fn default_file(home: &String) -> Option<PathBuf> {
    DEFAULT_PATHS.iter().map(|path| Path::new(home).join(path)).find(|path| path.exists())
}

#[derive(Default)]
struct Loading {
    settings: Settings,
    /// The keys that were given, and where.
    given: BTreeMap<&'static str, Origin>,
    /// The origin of what was not given.
    absent: Origin,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Loading {
    fn read_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let place = |line| Origin::File(path.to_owned(), line);
        let whole = |origin, key, reason| ConfigError::Refused(Vec::from([Problem { origin, key, reason }]));
        let entries =
            entries(text).map_err(|malformed| whole(place(malformed.line), malformed.key, malformed.reason))?;
        if entries.is_empty() {
            return Err(whole(place(None), String::new(), "there is nothing in it".to_owned()));
        }
        self.absent = place(None);
        let mut seen: BTreeMap<String, (String, u64)> = BTreeMap::new();
        for Entry { written, name, line, value } in entries {
            let origin = place(Some(line));
            let before = seen.insert(name.clone(), (written.clone(), line));
            let problem = |reason| Problem { origin: origin.clone(), key: written.clone(), reason };
            match (before, value) {
                (_, Value::Unknown) => self.problems.push(problem(unknown(&written, &name))),
                (Some((other, line)), _) => {
                    self.problems
                        .push(problem(format!("stands in line {line} already, as {other}; keep one of the two")));
                }
                (None, Value::Retired(reason)) => self.warnings.push(problem(format!("has no meaning: {reason}"))),
                (None, value) => {
                    self.settings.bigbluebutton.labels_for_swarm |= written == "bigblueswarm";
                    self.set(&name, written.clone(), origin, &value);
                }
            }
        }
        Ok(())
    }

    fn read_environment(&mut self, environment: BTreeMap<String, String>) {
        let (variables, problems) = variables(environment.into_iter());
        self.problems.extend(problems);
        for Variable { key, name, text } in variables {
            let value = match key.set {
                Set::One(_) => Value::One(text),
                Set::Many(_) => Value::Many(file::split(&text)),
            };
            self.set(key.name, String::new(), Origin::Variable(name), &value);
        }
    }

    fn set(&mut self, name: &str, written: String, origin: Origin, value: &Value) {
        let Some(key) = Key::named(name) else { return };
        match apply(key, &mut self.settings, value) {
            Ok(()) if *value == Value::Empty => {}
            Ok(()) => drop(self.given.insert(key.name, origin)),
            Err(Expected(expected)) => {
                let what = match value {
                    Value::One(text) if !key.secret => format!("{text:?}"),
                    Value::Many(texts) if !key.secret => format!("{:?}", texts.join(", ")),
                    _ => "the value (not shown)".to_owned(),
                };
                self.problems.push(Problem { origin, key: written, reason: format!("{what} is not {expected}") });
            }
        }
    }

    /// What was not given and follows from what was.
    fn derive(&mut self) {
        if self.settings.bigbluebutton.labels_for_swarm && !self.given.contains_key("admin.compat") {
            self.settings.admin.compat = AdminCompat::BigBlueSwarm;
        }
    }

    /// What holds between keys.
    fn check(&mut self) {
        let settings = &self.settings;
        let mut wrong: Vec<(&'static str, &str)> = Vec::new();
        if settings.admin.api_key.is_none() && settings.control_plane.proxy_token.is_none() {
            wrong.push(("admin.api_key", "is missing; without it nobody could administer, and no proxy connect"));
        }
        let influx = &settings.influxdb;
        if influx.address.is_some()
            && (influx.token.is_none() || influx.organization.is_empty() || influx.bucket.is_empty())
        {
            wrong.push(("influxdb.address", "needs influxdb.token, influxdb.organization and influxdb.bucket too"));
        }
        wrong.extend(of_redis(&settings.redis, |key| self.given.contains_key(key)));
        let tls = [
            (&settings.control_plane.tls, "control_plane.tls.certificate", "control_plane.tls.key"),
            (&settings.data_plane.tls, "data_plane.tls.certificate", "data_plane.tls.key"),
            (&settings.data_plane.client_tls, "data_plane.client_tls.certificate", "data_plane.client_tls.key"),
        ];
        for (tls, certificate, key) in tls {
            let lacks = |file: fn(&Tls) -> &Path| tls.as_ref().is_some_and(|tls| file(tls).as_os_str().is_empty());
            let files = [(certificate, lacks(|tls| &tls.certificate)), (key, lacks(|tls| &tls.key))];
            let missing = files.into_iter().filter(|(_, lacks)| *lacks);
            wrong.extend(missing.map(|(key, _)| (key, "is missing; TLS needs a certificate and its key")));
        }
        if settings.data_plane.admin_listen.port() == settings.port {
            wrong.push(("data_plane.admin_listen", "has the port that frontends call"));
        }
        if settings.control_plane.listen.port() == settings.port {
            wrong.push(("control_plane.listen", "has the port that frontends call"));
        }
        if settings.control_plane.listen == settings.data_plane.admin_listen {
            wrong.push(("data_plane.admin_listen", "is the address of control_plane.listen"));
        }
        let mut warned: Vec<(&'static str, &str)> = Vec::new();
        if settings.redis.address.is_some() && settings.state_dir.is_some() {
            warned.push(("state_dir", "has no meaning: the state is in Redis"));
        }
        let problem = |(key, reason): (&'static str, &str)| {
            let origin = self.given.get(key).cloned().unwrap_or_else(|| self.absent.clone());
            Problem { origin, key: key.to_owned(), reason: reason.to_owned() }
        };
        self.problems.extend(wrong.into_iter().map(problem));
        self.warnings.extend(warned.into_iter().map(problem));
    }
}

/// What holds between the keys of Redis.
fn of_redis(redis: &Redis, given: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str)> {
    let address = redis.address.as_deref().and_then(RedisAddress::parse);
    let route = address.as_ref().map(|address| &address.route);
    let mut wrong = Vec::new();
    let mut need = |needed: bool, keys: &[&'static str], reason| {
        wrong.extend(keys.iter().filter(|key| needed && given(key)).map(|key| (*key, reason)));
    };
    need(route.is_none(), &["redis.username", "redis.password"], "needs redis.address too");
    let watched = matches!(route, Some(Route::Sentinels { .. }));
    let of_sentinels = ["redis.sentinel_username", "redis.sentinel_password"];
    need(!watched, &of_sentinels, "needs a redis.address of sentinels, such as redis+sentinel://s1:26379/mymaster");
    let tls = address.as_ref().is_some_and(|address| address.tls);
    let files = ["redis.ca_file", "redis.certificate", "redis.certificate_key"];
    need(!tls, &files, "needs a redis.address with TLS, such as rediss://10.0.0.1:6379");
    need(redis.certificate_key.is_none(), &["redis.certificate"], "needs redis.certificate_key too");
    need(redis.certificate.is_none(), &["redis.certificate_key"], "needs redis.certificate too");
    let several = matches!(route, Some(Route::Cluster { .. }));
    let named = address.and_then(|address| address.database).unwrap_or_default();
    if several && (redis.database != 0 || named != 0) {
        wrong.push(("redis.database", "is not 0; a cluster has no other database"));
    }
    wrong
}

fn apply(key: &Key, settings: &mut Settings, value: &Value) -> Parsed<()> {
    match (&key.set, value) {
        (Set::One(set), Value::One(text)) => set(settings, text),
        (Set::Many(set), Value::Many(texts)) => set(settings, texts),
        _ => Ok(()),
    }
}

fn unknown(written: &str, name: &str) -> String {
    let section = name.rsplit_once('.').map(|(section, _)| section);
    let names = names_in(section).join(", ");
    match written.rsplit_once('.') {
        Some((section, _)) => format!("there is no such key; {section} has {names}"),
        None => format!("there is no such key; the file has {names}"),
    }
}

#[cfg(test)]
mod tests;
