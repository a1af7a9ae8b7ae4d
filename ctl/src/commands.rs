//! What each command asks the control plane, and what it prints.

mod add;
mod explain;

use crate::args::{Add, Args, Command, Delete, Get};
use crate::client::{Client, connect};
use anyhow::anyhow;
use b3lb_proto::v1::{
    AddInstanceRequest, Admission, CordonInstanceRequest, DeleteTenantRequest, DisableInstanceRequest,
    DrainInstanceRequest, ListInstancesRequest, ListMeetingsRequest, ListTenantsRequest, PoolStatus, PutTenantRequest,
    RemoveInstanceRequest, StatusRequest, UncordonInstanceRequest,
};
use comfy_table::{Table, presets};
use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;
use tonic::{Code, Request, Status};

/// A single question is answered from memory or with one write to the store; only streams may take longer.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let mut client = connect(&args.address, &args.key, &args.tls).await?;
    dispatch(&mut client, args.command).await.map_err(|status| explain_failure(&status))
}

async fn dispatch(client: &mut Client, command: Command) -> Result<(), Status> {
    match command {
        Command::Status { watch: false } => {
            print_status(&client.status(timed(StatusRequest {})).await?.into_inner())?;
        }
        Command::Status { watch: true } => watch_status(client).await?,
        Command::Get(what) => get(client, what).await?,
        Command::Add(what) => add(client, what).await?,
        Command::Delete(what) => delete(client, what).await?,
        Command::Cordon { url } => {
            let instance = client.cordon_instance(timed(CordonInstanceRequest { url })).await?.into_inner();
            eprintln!("{} takes no new meetings; {} still run on it", instance.url, instance.meetings);
        }
        Command::Uncordon { url } => {
            let instance = client.uncordon_instance(timed(UncordonInstanceRequest { url })).await?.into_inner();
            eprintln!("{} takes new meetings", instance.url);
        }
        Command::Disable { url } => {
            let instance = client.disable_instance(timed(DisableInstanceRequest { url })).await?.into_inner();
            eprintln!("{} is out of the pool", instance.url);
        }
        Command::Drain { url } => drain(client, url).await?,
        Command::Explain { tenant, meeting_id } => explain::explain(client, tenant, meeting_id).await?,
    }
    Ok(())
}

async fn watch_status(client: &mut Client) -> Result<(), Status> {
    let mut stream = client.watch_status(StatusRequest {}).await?.into_inner();
    while let Some(status) = stream.message().await? {
        print_status(&status)?;
        print("")?;
    }
    Err(Status::unavailable("the control plane ended the stream"))
}

async fn get(client: &mut Client, what: Get) -> Result<(), Status> {
    match what {
        Get::Instances { secrets } => {
            let answer =
                client.list_instances(timed(ListInstancesRequest { with_secrets: secrets })).await?.into_inner();
            let mut table = table(&["URL", "ADMISSION", "ONLINE", "CAPACITY", "MEETINGS", "SECRET"]);
            for i in answer.instances {
                let admission = admission(i.admission());
                let online = yes_no(i.online);
                table.add_row([i.url, admission, online, i.capacity.to_string(), i.meetings.to_string(), i.secret]);
            }
            print(table)?;
        }
        Get::Tenants { secrets } => {
            let answer = client.list_tenants(timed(ListTenantsRequest { with_secrets: secrets })).await?.into_inner();
            let mut table = table(&["HOST", "INSTANCES", "MEETINGS", "MOST MEETINGS", "MOST USERS", "SECRETS"]);
            for t in answer.tenants {
                let tags = t.tags.iter().map(|tag| format!("tag:{tag}"));
                let instances: Vec<String> = t.instances.into_iter().chain(tags).collect();
                let instances = if instances.is_empty() { "all".to_owned() } else { instances.join(" ") };
                let [meetings, users] =
                    [t.meeting_pool, t.user_pool].map(|most| most.map_or_else(|| "-".to_owned(), |m| m.to_string()));
                let secrets = t.secret_ids.iter().enumerate().map(|(i, id)| match t.secrets.get(i) {
                    Some(secret) => format!("{id}={secret}"),
                    None => id.clone(),
                });
                let secrets = secrets.collect::<Vec<_>>().join(" ");
                table.add_row([t.host, instances, t.meetings.to_string(), meetings, users, secrets]);
            }
            print(table)?;
        }
        Get::Meetings { tenant, instance } => list_meetings(client, tenant, instance).await?,
        Get::Placements { tenant, instance, limit } => explain::placements(client, tenant, instance, limit).await?,
    }
    Ok(())
}

async fn list_meetings(client: &mut Client, tenant: String, instance: String) -> Result<(), Status> {
    let mut request = ListMeetingsRequest { tenant, instance, ..Default::default() };
    let mut table = table(&["TENANT", "MEETING", "INSTANCE", "USERS"]);
    loop {
        let page = client.list_meetings(timed(request.clone())).await?.into_inner();
        for m in page.meetings {
            let users = m.users.map_or_else(|| "?".to_owned(), |users| users.to_string());
            table.add_row([m.tenant, m.meeting_id, m.instance, users]);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    print(table)
}

async fn add(client: &mut Client, what: Add) -> Result<(), Status> {
    match what {
        Add::Instance(new) => {
            let instance = add::instance(new);
            let request = timed(AddInstanceRequest { instance: Some(instance) });
            let added = client.add_instance(request).await?.into_inner();
            eprintln!("{} is in the pool", added.url);
        }
        Add::Tenant(new) => {
            let tenant = add::tenant(*new);
            let put =
                client.put_tenant(timed(PutTenantRequest { tenant: Some(tenant), dry_run: false })).await?.into_inner();
            eprintln!("tenant {} is known", put.host);
        }
    }
    Ok(())
}

async fn delete(client: &mut Client, what: Delete) -> Result<(), Status> {
    match what {
        Delete::Instance { url, force } => {
            client.remove_instance(timed(RemoveInstanceRequest { url: url.clone(), force })).await?;
            eprintln!("{url} is gone from the pool");
        }
        Delete::Tenant { host } => {
            client.delete_tenant(timed(DeleteTenantRequest { host: host.clone() })).await?;
            eprintln!("tenant {host} is forgotten");
        }
    }
    Ok(())
}

async fn drain(client: &mut Client, url: String) -> Result<(), Status> {
    let mut stream = client.drain_instance(DrainInstanceRequest { url: url.clone() }).await?.into_inner();
    while let Some(progress) = stream.message().await? {
        if progress.drained {
            eprintln!("{url} is empty");
            return Ok(());
        }
        eprintln!("{url}: {} meetings with {} users left", progress.meetings, progress.users);
    }
    Err(Status::unavailable("the control plane ended the stream; the instance stays cordoned"))
}

fn print_status(status: &PoolStatus) -> Result<(), Status> {
    print(format_args!(
        "{} tenants, {} meetings, {} users, {} proxies; store {} {}, metrics {} {}; revision {} of {}",
        status.tenants,
        status.meetings,
        status.users,
        status.proxies,
        status.store,
        if status.store_ok { "answers" } else { "does not answer" },
        status.metrics,
        if status.metrics_ok { "are read" } else { "cannot be read" },
        status.revision,
        status.epoch,
    ))?;
    if status.placed_alone > 0 {
        print(format_args!("{} meetings were placed by proxies while no control plane answered", status.placed_alone))?;
    }
    let mut table = table(&[
        "INSTANCE",
        "ADMISSION",
        "ONLINE",
        "MEETINGS",
        "USERS",
        "CPU %",
        "MEM %",
        "SCORE",
        "TAKES NONE BECAUSE",
    ]);
    for i in &status.instances {
        table.add_row([
            i.url.clone(),
            admission(i.admission()),
            yes_no(i.online),
            i.meetings.to_string(),
            i.users.to_string(),
            number(i.cpu),
            number(i.mem),
            number(i.score),
            i.ineligible.clone(),
        ]);
    }
    print(table)
}

/// Writes to stdout, which whoever reads it may close before the end.
fn print(text: impl Display) -> Result<(), Status> {
    writeln!(io::stdout(), "{text}").map_err(|error| Status::cancelled(format!("stdout: {error}")))
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    table
}

fn admission(admission: Admission) -> String {
    admission.as_str_name().to_lowercase()
}

fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}

fn explain_failure(status: &Status) -> anyhow::Error {
    match status.code() {
        Code::Unauthenticated => anyhow!("the control plane does not accept this key: {}", status.message()),
        _ => anyhow!("{}", status.message()),
    }
}
