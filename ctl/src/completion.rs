//! What shells are told: the commands, and the names that the control plane knows at the moment. A control plane that cannot be asked at
//! once has none.

use crate::args::Args;
use crate::client;
use crate::context::{Context, File};
use anyhow::anyhow;
use b3lb_proto::v1::{ListInstancesRequest, ListTenantsRequest};
use clap::{CommandFactory, Parser};
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::time::Duration;

/// Nobody waits longer for a name.
const DEADLINE: Duration = Duration::from_millis(800);

/// The variable by which a shell says that it wants candidates.
const VARIABLE: &str = "COMPLETE";

/// Ends the process if it is a shell that asks.
pub(crate) fn answer() {
    CompleteEnv::with_factory(Args::command).var(VARIABLE).complete();
}

/// Prints what a shell has to read to ask.
///
/// # Errors
/// Nobody reads it.
pub(crate) fn script(shell: &str) -> anyhow::Result<()> {
    let shells = Shells::builtins();
    let shell = shells.completer(shell).ok_or_else(|| anyhow!("nothing is known of the shell {shell:?}"))?;
    if shell.name() == "bash" {
        // Bash takes the colon of a url for the end of a word, and would complete what stands behind it.
        writeln!(io::stdout(), "COMP_WORDBREAKS=${{COMP_WORDBREAKS//:}}")?;
    }
    shell.write_registration(VARIABLE, "b3lbctl", "b3lbctl", "b3lbctl", &mut io::stdout())?;
    if shell.name() == "zsh" {
        // As a file of its own it is read when somebody completes for the first time, and that should not come to nothing.
        writeln!(io::stdout(), "[[ $funcstack[1] != _b3lbctl ]] || _clap_dynamic_completer_b3lbctl")?;
    }
    Ok(())
}

pub(crate) fn instances(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(typed, || {
        ask(async |mut client| {
            let answer = client.list_instances(ListInstancesRequest::default()).await.ok()?.into_inner();
            Some(answer.instances.into_iter().map(|instance| instance.url).collect())
        })
    })
}

pub(crate) fn tenants(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(typed, || {
        ask(async |mut client| {
            let answer = client.list_tenants(ListTenantsRequest::default()).await.ok()?.into_inner();
            Some(answer.tenants.into_iter().map(|tenant| quoted(tenant.host)).collect())
        })
    })
}

/// Bash makes files of a star, whoever says it; other shells quote by themselves.
fn quoted(host: String) -> String {
    let bash = std::env::var_os(VARIABLE).is_some_and(|shell| shell == "bash");
    if bash && host == "*" { "'*'".to_owned() } else { host }
}

pub(crate) fn contexts(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(typed, || {
        let (_, file) = File::find(&typed_so_far()?.global).ok()??;
        Some(file.contexts.into_keys().collect())
    })
}

fn candidates(typed: &OsStr, names: impl Fn() -> Option<Vec<String>>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let names = names().unwrap_or_default().into_iter().filter(|name| name.starts_with(&*typed));
    names.map(CompletionCandidate::new).collect()
}

/// The options of the line that is being typed, as far as they say which control plane is meant.
fn typed_so_far() -> Option<Args> {
    const VALUED: [&str; 11] = [
        "-b",
        "--address",
        "--b3lb",
        "--bbs",
        "-k",
        "--key",
        "--config",
        "--context",
        "--ca-file",
        "--certificate",
        "--certificate-key",
    ];
    let line: Vec<String> = std::env::args().skip_while(|word| word != "--").skip(2).collect();
    let mut kept = vec!["b3lbctl".to_owned()];
    let mut words = line.into_iter();
    while let Some(word) = words.next() {
        if VALUED.contains(&word.as_str()) {
            kept.extend([Some(word), words.next()].into_iter().flatten());
        } else if VALUED.iter().any(|option| word.starts_with(&format!("{option}="))) {
            kept.push(word);
        }
    }
    kept.push("cluster-info".to_owned());
    Args::try_parse_from(kept).ok()
}

fn ask<F>(question: impl FnOnce(client::Client) -> F) -> Option<Vec<String>>
where
    F: Future<Output = Option<Vec<String>>>,
{
    b3lb_config::tls::install_provider();
    let context = Context::resolve(&typed_so_far()?.global).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let asked = async { question(client::connect(&context).await.ok()?).await };
        tokio::time::timeout(DEADLINE, asked).await.ok()?
    })
}
