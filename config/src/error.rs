//! Why a configuration is refused.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A configuration that cannot be used. No message shows a secret or a line of the file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// All that is wrong, one line each.
    #[error("{}", Lines(.0))]
    Refused(Vec<Problem>),
}

/// One thing that is wrong, or only worth a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub origin: Origin,
    /// The key as it is written there; empty if it is about no key.
    pub key: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// Where a value comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file; without one, the file as a whole.
    File(PathBuf, Option<u64>),
    /// An environment variable.
    Variable(String),
    /// It was not given, and there is no file that lacks it.
    #[default]
    Nowhere,
}

struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File(path, Some(line)) => write!(f, "{}:{line}: ", path.display())?,
            Origin::File(path, None) => write!(f, "{}: ", path.display())?,
            // A variable is named after its key, which need not be said twice.
            Origin::Variable(name) => return write!(f, "{name}: {}", self.reason),
            Origin::Nowhere => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}
