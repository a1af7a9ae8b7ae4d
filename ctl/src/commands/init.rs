//! Files to begin with. None that exists is overwritten, and only their owner can read them.

use crate::Mistake;
use crate::args::{Global, Init};
use crate::context::home;
use crate::terminal::say;
use anyhow::Context;
use serde_json::{Map, Value, json};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes one.
///
/// # Errors
/// It exists already, or cannot be written.
pub(super) fn init(what: Init, global: &Global) -> anyhow::Result<()> {
    match what {
        Init::Config { dest } => config(dest, global),
        Init::Instances { dest } => {
            let text = "kind: InstanceList\n# Secrets by url, such as\n#   https://bbb1.example.org/bigbluebutton: 8cd8ef52e8e1\n\
                        instances: {}\n";
            write(&directory(dest)?.join("instances.yml"), text)
        }
        Init::Tenant { host, secret, meeting_pool, user_pool, dest } => {
            let mut spec = Map::from_iter([("host".to_owned(), json!(host))]);
            spec.extend(secret.map(|secret| ("secret".to_owned(), json!(secret))));
            for (name, limit) in [("meeting_pool", meeting_pool), ("user_pool", user_pool)] {
                spec.extend((limit >= 0).then(|| (name.to_owned(), json!(limit))));
            }
            let tenant = json!({ "kind": "Tenant", "spec": spec, "instances": [] });
            let name = format!("{}.tenant.yml", host.replace('/', "_"));
            write(&directory(dest)?.join(name), &serde_saphyr::to_string(&tenant)?)
        }
    }
}

fn config(dest: Option<PathBuf>, global: &Global) -> anyhow::Result<()> {
    let path = directory(dest)?.join(".b3lbctl.yml");
    let given = |value: &Option<String>, flag: &str| {
        value.clone().ok_or_else(|| Mistake(format!("{flag} is missing: it is written into the file")))
    };
    let (address, key) = (given(&global.address, "--b3lb")?, given(&global.key, "--key")?);
    let Some(name) = &global.context else {
        return write(&path, &serde_saphyr::to_string(&json!({ "b3lb": address, "apiKey": key }))?);
    };
    let mut file: Value = match std::fs::read_to_string(&path) {
        Ok(text) => serde_saphyr::from_str(&text)
            .map_err(|_| Mistake(format!("{}: is no configuration file", path.display())))?,
        Err(error) if error.kind() == ErrorKind::NotFound => json!({}),
        Err(error) => anyhow::bail!("{}: cannot be read: {error}", path.display()),
    };
    if !file["contexts"][name].is_null() {
        return Err(Mistake(format!("{}: has a context {name:?} already", path.display())).into());
    }
    if file["current_context"].is_null() {
        file["current_context"] = json!(name);
    }
    file["contexts"][name] = json!({ "address": address, "key": key });
    let text = serde_saphyr::to_string(&file)?;
    // Written beside it and then put in its place, so that there is always a whole one.
    let beside = path.with_extension("yml.new");
    create(&beside, &text)?;
    std::fs::rename(&beside, &path).with_context(|| format!("{}: cannot be replaced", path.display()))?;
    say(format_args!("{}: has the context {name}", path.display()));
    Ok(())
}

/// Where to write; made if it is not there.
fn directory(dest: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let home = || home().map(|home| home.join(".b3lb"));
    let directory = dest.or_else(home).ok_or_else(|| Mistake("there is no HOME: give --dest".to_owned()))?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .with_context(|| format!("{}: cannot be made", directory.display()))?;
    Ok(directory)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    create(path, text)?;
    say(format_args!("{} is written", path.display()));
    Ok(())
}

pub(super) fn create(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(|error| anyhow::anyhow!("{}: cannot be written: {error}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("{}: cannot be written", path.display()))
}
