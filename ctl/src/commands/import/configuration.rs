//! Configuration files of the originals, and exports of what they kept in Consul.

use crate::Mistake;
use crate::terminal::say;
use anyhow::Context;
use b3lb_config::Settings;
use b3lb_config::settings::Redis;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use serde::Deserialize;
use std::path::Path;

/// What the originals' keys in Consul begin with.
const CONSUL: &str = "configuration/";

/// A key of an export, as `consul kv export` writes it.
#[derive(Deserialize)]
struct Exported {
    key: String,
    /// Base64.
    value: String,
}

/// The Redis that a url names, or a configuration.
///
/// # Errors
/// [`Mistake`] if it is none, or names none.
pub(super) fn redis(source: &str) -> anyhow::Result<ConnectionInfo> {
    if source.contains("://") {
        return source.into_connection_info().map_err(|_| {
            // It may hold a password.
            let right = "redis://:PASSWORD@127.0.0.1:6379/0, with characters such as / @ # % in the password as %2F %40 %23 %25";
            Mistake(format!("the source is no url of a Redis; it would be like {right}")).into()
        });
    }
    let Redis { address, username, password, database, .. } = settings(source)?.redis;
    let address = address.ok_or_else(|| Mistake(format!("{source}: names no redis.address to import from")))?;
    let info = match address.contains("://") {
        true => address.into_connection_info().map_err(|_| {
            let right = "name one Redis by its url instead, such as redis://:PASSWORD@127.0.0.1:6379/0";
            Mistake(format!("{source}: redis.address is none of an original's; {right}"))
        })?,
        false => {
            let (host, port) = address.rsplit_once(':').unwrap_or((&address, "6379"));
            let port = port.parse().map_err(|_| Mistake(format!("{source}: redis.address has no port")))?;
            // As the address of a socket, an IPv6 address has no brackets.
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            ConnectionAddr::Tcp(host, port)
                .into_connection_info()
                .with_context(|| format!("{source}: redis.address"))?
        }
    };
    let mut redis = info.redis_settings().clone().set_db(database);
    if let Some(username) = username {
        redis = redis.set_username(&username);
    }
    if let Some(password) = password {
        redis = redis.set_password(password.reveal());
    }
    Ok(info.set_redis_settings(redis))
}

/// The configuration as a file of this B3LB, with its secrets.
///
/// # Errors
/// [`Mistake`] if it cannot be read.
pub(super) fn converted(source: &str) -> Result<String, Mistake> {
    Ok(b3lb_config::shown::yaml(&settings(source)?, true))
}

fn settings(source: &str) -> Result<Settings, Mistake> {
    let path = Path::new(source);
    let text = std::fs::read_to_string(path)
        .map_err(|error| Mistake(format!("{source}: is no url of a Redis, and cannot be read as a file: {error}")))?;
    let text = if text.trim_start().starts_with('[') { of_consul(source, &text)? } else { text };
    let loaded = b3lb_config::load::parse(path, &text).map_err(|error| Mistake(error.to_string()))?;
    for warning in loaded.warnings {
        say(format_args!("warning: {warning}"));
    }
    Ok(loaded.settings)
}

/// The file that the keys of an export would make up.
fn of_consul(source: &str, text: &str) -> Result<String, Mistake> {
    let wrong = || Mistake(format!("{source}: is no export as `consul kv export {CONSUL}` writes it"));
    let exported: Vec<Exported> = serde_json::from_str(text).map_err(|_| wrong())?;
    let mut file = String::new();
    for Exported { key, value } in exported {
        let Some((_, name)) = key.split_once(CONSUL) else { continue };
        let value = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
        match name {
            "" => {}
            "port" => file.push_str(&format!("port: {}\n", value.trim())),
            _ => {
                // A document of its own may begin as one.
                let lines = value.lines().filter(|line| line.trim_end() != "---").map(|line| format!("  {line}\n"));
                file.push_str(&format!("{name}:\n{}", lines.collect::<String>()));
            }
        }
    }
    if file.is_empty() {
        return Err(Mistake(format!("{source}: has no keys that begin with {CONSUL}")));
    }
    Ok(file)
}
