//! Environment variables as keys and texts.

use crate::error::{Origin, Problem};
use crate::file;
use crate::keys::{KEYS, Key};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Bytes of a secret in a file: more than any header carries that shows one.
const SECRET_MAX: u64 = 8 * 1024;

/// Variables that begin like ours and are read by others: our command lines, and telegraf in the original's documentation.
const OTHERS: &[&str] = &[
    "B3LB_CONFIG",
    "B3LB_ADDRESS",
    "B3LB_CA_FILE",
    "B3LB_CERTIFICATE",
    "B3LB_CERTIFICATE_KEY",
    "B3LB_INSTANCE_SECRET",
    "B3LB_TENANT_SECRET",
    "B3LB_CONTEXT",
    "B3LB_PROXY",
    "B3LB_HOST",
];
/// Likewise, and all that follow them: the simulator's, and what our tests are told.
const OTHERS_BEGIN: &[&str] = &["B3LB_SIM_", "B3LB_TEST_"];

/// A key that a variable sets.
pub(crate) struct Variable {
    pub(crate) key: &'static Key,
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The keys that the environment sets, in the order of the table of keys. An empty variable sets nothing, as in the file.
pub(crate) fn variables(environment: impl Iterator<Item = (String, String)>) -> (Vec<Variable>, Vec<Problem>) {
    let mut ours: BTreeMap<String, String> = environment
        .filter(|(name, text)| name.starts_with("B3LB_") && !is_from_kubernetes(name, text))
        .filter(|(name, _)| {
            !OTHERS.contains(&name.as_str()) && !OTHERS_BEGIN.iter().any(|begin| name.starts_with(begin))
        })
        .collect();
    let (mut variables, mut problems) = (Vec::new(), Vec::new());
    for key in KEYS {
        let name = key.variable();
        let given = ours.remove(&name).filter(|text| !text.is_empty());
        let file_name = format!("{name}_FILE");
        let file = key.secret.then(|| ours.remove(&file_name)).flatten().filter(|path| !path.is_empty());
        match (given, file) {
            (Some(_), Some(_)) => {
                problems.push(problem(file_name, format!("{name} is set as well; keep one of the two")));
            }
            (Some(text), None) => variables.push(Variable { key, name, text }),
            (None, Some(path)) => match read(Path::new(&path)) {
                // Somebody meant to set it: to go on without a key or password would be to do something else.
                Ok(text) if text.is_empty() => problems.push(problem(file_name, "the file is empty".to_owned())),
                Ok(text) => variables.push(Variable { key, name: file_name, text }),
                Err(error) => problems.push(problem(file_name, format!("{path}: cannot be read: {error}"))),
            },
            (None, None) => {}
        }
    }
    problems.extend(ours.into_keys().map(|name| problem(name, "no key of the configuration has this name".to_owned())));
    (variables, problems)
}

/// The content of a file that holds one secret; editors end it with a newline. It is read again and again, which a pipe cannot be.
fn read(path: &Path) -> io::Result<String> {
    let kind = std::fs::metadata(path)?;
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = file::read(path, SECRET_MAX)?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

/// Kubernetes tells every pod about services in variables named after them; a service named `b3lb` sets `B3LB_PORT` to a url.
fn is_from_kubernetes(name: &str, text: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP")))
        || (name.ends_with("_PORT") && (text.starts_with("tcp://") || text.starts_with("udp://")))
}

fn problem(name: String, reason: String) -> Problem {
    Problem { origin: Origin::Variable(name), key: String::new(), reason }
}
