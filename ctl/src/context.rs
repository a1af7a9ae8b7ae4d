//! Which control plane is meant, and who we are there: flags and environment first, then the context of a configuration file.

use crate::Mistake;
use crate::args::Global;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a file is looked for when none is named, below the home directory; the originals wrote theirs there.
const DEFAULT_PATHS: [&str; 2] = [".b3lb/.b3lbctl.yml", ".bigblueswarm/.bbsctl.yml"];

/// Where a control plane is unless anything says otherwise.
const DEFAULT_ADDRESS: &str = "http://127.0.0.1:8091";

/// The admin key is read from the file that this variable names.
const KEY_FILE: &str = "B3LB_ADMIN_API_KEY_FILE";

/// A control plane, and how it is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) address: String,
    pub(crate) key: String,
    pub(crate) ca_file: Option<PathBuf>,
    /// A certificate and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// Where frontends of this pool call.
    pub(crate) proxy: Option<String>,
}

/// A configuration file: one control plane, as the originals wrote it, or several contexts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    #[serde(alias = "bbs", alias = "address")]
    b3lb: Option<String>,
    #[serde(rename = "apiKey", alias = "api_key", alias = "key")]
    api_key: Option<String>,
    pub(crate) current_context: Option<String>,
    pub(crate) contexts: BTreeMap<String, Entry>,
}

/// A context as it stands in a file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Entry {
    address: Option<String>,
    key: Option<String>,
    key_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    certificate: Option<PathBuf>,
    certificate_key: Option<PathBuf>,
    proxy: Option<String>,
}

impl Context {
    /// What the command line, the environment and the file say together.
    ///
    /// # Errors
    /// [`Mistake`]: a file that cannot be read, a context that there is not, or no key.
    pub(crate) fn resolve(global: &Global) -> Result<Self, Mistake> {
        let context = given(&global.context);
        let entry = match File::find(global)? {
            Some((path, file)) => file.entry(&path, context.as_deref())?,
            None => match &context {
                Some(name) => {
                    return Err(Mistake(format!("there is no context {name:?}, and no file that could have it")));
                }
                None => Entry::default(),
            },
        };
        let (tls, key) = (&global.tls, key(global, &entry)?);
        let key = key.ok_or_else(|| {
            Mistake(
                "no admin key: give --key, set B3LB_ADMIN_API_KEY or B3LB_ADMIN_API_KEY_FILE, or write one with `b3lbctl \
                 init config`"
                    .to_owned(),
            )
        })?;
        let address = given(&global.address).or(entry.address).unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
        let identity = match (&tls.certificate, &tls.certificate_key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            _ => entry.certificate.zip(entry.certificate_key),
        };
        let ca_file = tls.ca_file.clone().or(entry.ca_file);
        Ok(Self { address: address.trim_end_matches('/').to_owned(), key, ca_file, identity, proxy: entry.proxy })
    }
}

impl File {
    /// The file that is named, or the first default one that exists.
    ///
    /// # Errors
    /// [`Mistake`] if it is not what it should be.
    pub(crate) fn find(global: &Global) -> Result<Option<(PathBuf, Self)>, Mistake> {
        let below = |home: PathBuf| DEFAULT_PATHS.iter().map(|path| home.join(path)).find(|path| path.exists());
        let path = global.config.clone().or_else(|| home().and_then(below));
        let Some(path) = path else { return Ok(None) };
        let text = read(&path)?;
        let file = Self::parse(&text).map_err(|reason| Mistake(format!("{}{reason}", path.display())))?;
        Ok(Some((path, file)))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut files = crate::resources::parse(text)?;
        match files.pop() {
            Some(_) if !files.is_empty() => Err(": has several documents; keep one".to_owned()),
            file => Ok(file.unwrap_or_default()),
        }
    }

    fn entry(mut self, path: &Path, wanted: Option<&str>) -> Result<Entry, Mistake> {
        let Some(name) = wanted.or(self.current_context.as_deref()) else {
            return match (self.contexts.len(), &self.b3lb, &self.api_key) {
                (0, ..) | (_, Some(_), _) | (_, _, Some(_)) => {
                    Ok(Entry { address: self.b3lb, key: self.api_key, ..Entry::default() })
                }
                (1, ..) => match self.contexts.pop_first() {
                    Some((name, only)) => only.checked(path, &name),
                    None => Ok(Entry::default()),
                },
                _ => Err(Mistake(format!(
                    "{}: has several contexts and no current_context: give --context",
                    path.display()
                ))),
            };
        };
        let names: Vec<String> = self.contexts.keys().cloned().collect();
        let (name, among) = (name.to_owned(), if names.is_empty() { "none".to_owned() } else { names.join(", ") });
        let entry = self.contexts.remove(&name);
        let entry = entry
            .ok_or_else(|| Mistake(format!("{}: there is no context {name:?}; it has {among}", path.display())))?;
        entry.checked(path, &name)
    }
}

impl Entry {
    /// With paths that hold wherever the command is called.
    fn checked(mut self, file: &Path, name: &str) -> Result<Self, Mistake> {
        let wrong = |reason: &str| Err(Mistake(format!("{}: context {name:?} {reason}", file.display())));
        if self.key.is_some() && self.key_file.is_some() {
            return wrong("has key and key_file; keep one of the two");
        }
        if self.certificate.is_some() != self.certificate_key.is_some() {
            return wrong("needs certificate and certificate_key, or neither");
        }
        let directory = file.parent().unwrap_or_else(|| Path::new(""));
        let paths = [&mut self.key_file, &mut self.ca_file, &mut self.certificate, &mut self.certificate_key];
        for path in paths.into_iter().flatten() {
            *path = directory.join(&*path);
        }
        Ok(self)
    }
}

/// The admin key; what is said on the command line and in the environment goes before what the file says.
fn key(global: &Global, entry: &Entry) -> Result<Option<String>, Mistake> {
    let from = |path: &Path| Ok(Some(read(path)?.trim_end_matches(['\r', '\n']).to_owned()));
    let file = std::env::var_os(KEY_FILE).filter(|file| !file.is_empty());
    let key = match (given(&global.key), file, &entry.key_file) {
        (Some(key), ..) => Some(key),
        (None, Some(path), _) => from(Path::new(&path))?,
        (None, None, Some(path)) => from(path)?,
        (None, None, None) => entry.key.clone(),
    };
    Ok(key.filter(|key| !key.is_empty()))
}

/// The user's directory; one without a name would be wherever the command is called.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}

/// An environment variable that is empty says nothing.
fn given(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

fn read(path: &Path) -> Result<String, Mistake> {
    std::fs::read_to_string(path).map_err(|error| Mistake(format!("{}: cannot be read: {error}", path.display())))
}
