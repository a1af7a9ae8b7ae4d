//! What each command asks the control plane, and what it prints.

mod add;
mod apply;
mod describe;
mod drain;
mod explain;
mod get;
mod import;
mod init;
mod status;
mod test;
mod top;

use crate::args::{Add, Args, Command, Delete, End, Get};
use crate::client::{Client, connect, refusal};
use crate::completion;
use crate::context::Context;
use crate::output::Format;
use crate::resources::Resource;
use crate::terminal::{harmless, say};
use anyhow::Context as _;
use b3lb_proto::v1::{
    AddInstanceRequest, CordonInstanceRequest, DeleteTenantRequest, DisableInstanceRequest, EndMeetingRequest,
    PutTenantRequest, RemoveInstanceRequest, UncordonInstanceRequest,
};
use clap::CommandFactory;
use std::io::{IsTerminal, Write, stderr, stdin};
use std::time::Duration;
use tonic::{Code, Request, Status};

/// A single question is answered from memory or with one write to the store; only streams may take longer.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Does what the command line says.
///
/// # Errors
/// [`crate::Mistake`] if something in it is wrong; whatever else keeps it from being done.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let Args { global, command } = args;
    // Some have nothing to ask.
    match command {
        Command::Init(what) => return init::init(what, &global),
        Command::Completion { shell } => return completion::script(&shell),
        Command::Man { directory } => {
            let written = std::fs::create_dir_all(&directory);
            let written = written.and_then(|()| clap_mangen::generate_to(Args::command(), &directory));
            return written.with_context(|| format!("{}: manual pages cannot be written", directory.display()));
        }
        Command::Import(import) if import.write_config.is_some() => return import::convert(&import),
        _ => {}
    }
    let context = Context::resolve(&global)?;
    let resources = if let Command::Apply { files, .. } = &command { apply::read(files)? } else { Vec::new() };
    let mut client = connect(&context).await?;
    let done = dispatch(&mut client, &context, global.output, command, resources).await;
    done.map_err(|error| match error.downcast_ref::<Status>() {
        Some(status) => anyhow::anyhow!("{}", refusal(&context.address, status)),
        None => error,
    })
}

/// `resources`: what the files of the command want.
async fn dispatch(
    client: &mut Client,
    context: &Context,
    format: Format,
    command: Command,
    resources: Vec<Resource>,
) -> anyhow::Result<()> {
    match command {
        Command::Apply { dry_run, force, .. } => apply::apply(client, resources, dry_run, force).await,
        Command::Get(Get { what, csv, json }) => {
            let format = match (csv, json) {
                (true, _) => Format::Csv,
                (_, true) => Format::Json,
                _ => format,
            };
            get::get(client, what, format).await
        }
        Command::Describe(what) => describe::describe(client, what, format).await,
        Command::Add(what) => add(client, what).await,
        Command::Delete(what) => delete(client, what).await,
        Command::Status { watch } => status::status(client, watch, format).await,
        Command::ClusterInfo => status::cluster_info(client, format).await,
        Command::Top => top::top(client).await,
        Command::Cordon(instance) => {
            let request = CordonInstanceRequest { url: instance.url };
            let instance = client.cordon_instance(timed(request)).await?.into_inner();
            say(format_args!("{} takes no new meetings; {} still run on it", instance.url, instance.meetings));
            Ok(())
        }
        Command::Uncordon(instance) => {
            let request = UncordonInstanceRequest { url: instance.url };
            let instance = client.uncordon_instance(timed(request)).await?.into_inner();
            say(format_args!("{} takes new meetings", instance.url));
            Ok(())
        }
        Command::Disable(instance) => {
            let request = DisableInstanceRequest { url: instance.url };
            let instance = client.disable_instance(timed(request)).await?.into_inner();
            say(format_args!("{} is out of the pool", instance.url));
            Ok(())
        }
        Command::Drain(drain) => drain::drain(client, drain).await,
        Command::Explain { tenant, meeting_id } => explain::explain(client, tenant, meeting_id, format).await,
        Command::End(End::Meeting { tenant, meeting_id, yes }) => end_meeting(client, tenant, meeting_id, yes).await,
        Command::Test(test) => test::test(client, context, test, format).await,
        Command::Import(import) => import::import(client, &import, format).await,
        // They were done without a control plane.
        Command::Init(_) | Command::Completion { .. } | Command::Man { .. } => Ok(()),
    }
}

async fn add(client: &mut Client, what: Add) -> anyhow::Result<()> {
    match what {
        Add::Instance(new) => {
            let url = new.url.clone();
            let request = timed(AddInstanceRequest { instance: Some(add::instance(new)) });
            let added = client.add_instance(request).await.map_err(|status| match status.code() {
                Code::AlreadyExists => anyhow::anyhow!("{url} is part of the pool already; `b3lbctl apply` changes it"),
                _ => status.into(),
            });
            let added = added?.into_inner();
            say(format_args!("{} is in the pool", added.url));
        }
        Add::Tenant(new) => {
            let request = PutTenantRequest { tenant: Some(add::tenant(*new)), dry_run: false };
            let put = client.put_tenant(timed(request)).await?.into_inner();
            say(format_args!("tenant {} is known", put.host));
        }
    }
    Ok(())
}

async fn delete(client: &mut Client, what: Delete) -> anyhow::Result<()> {
    match what {
        Delete::Instance { url, force } => {
            client.remove_instance(timed(RemoveInstanceRequest { url: url.clone(), force })).await?;
            say(format_args!("{url} is gone from the pool"));
        }
        Delete::Tenant { host } => {
            client.delete_tenant(timed(DeleteTenantRequest { host: host.clone() })).await?;
            say(format_args!("tenant {host} is forgotten"));
        }
    }
    Ok(())
}

async fn end_meeting(client: &mut Client, tenant: String, meeting_id: String, yes: bool) -> anyhow::Result<()> {
    confirm(&format!("End the meeting {meeting_id} of {tenant} for everyone in it?"), yes)?;
    let request = EndMeetingRequest { tenant, meeting_id: meeting_id.clone() };
    let ended = client.end_meeting(timed(request)).await?.into_inner();
    say(format_args!("the meeting {meeting_id} on {} is ended", ended.instance));
    Ok(())
}

/// Asks on the terminal unless the answer is known.
///
/// # Errors
/// The answer is no, or there is nobody to ask.
fn confirm(question: &str, yes: bool) -> anyhow::Result<()> {
    askable(yes)?;
    if yes {
        return Ok(());
    }
    write!(stderr(), "{} [y/N] ", harmless(question))?;
    stderr().flush()?;
    let mut answer = String::new();
    if stdin().read_line(&mut answer)? == 0 {
        // The end of the input, which does not end the line on the screen.
        say("");
    }
    anyhow::ensure!(matches!(answer.trim(), "y" | "Y" | "yes"), "nothing was ended");
    Ok(())
}

/// Before anything is done that somebody has to agree to.
///
/// # Errors
/// There is nobody to ask, and the answer is not known.
fn askable(yes: bool) -> anyhow::Result<()> {
    anyhow::ensure!(yes || stdin().is_terminal(), "nobody can be asked here; --yes says that it is meant");
    Ok(())
}

/// A stream begins as soon as a call is answered; what follows may take hours.
///
/// # Errors
/// It does not, or what the control plane says against it.
async fn begun<T>(beginning: impl Future<Output = Result<T, Status>>, within: Duration) -> Result<T, Status> {
    let begun = tokio::time::timeout(within.min(CALL_TIMEOUT), beginning).await;
    begun.unwrap_or_else(|_| Err(Status::deadline_exceeded("Timeout expired")))
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}
