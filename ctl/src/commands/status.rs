//! The pool at this moment.

use super::{CALL_TIMEOUT, begun, timed};
use crate::client::Client;
use crate::output::{Column, Format, Listing, document, line, plain, print};
use b3lb_proto::v1::{PoolStatus, StatusRequest};
use comfy_table::{Attribute, Cell};
use serde_json::{Value, json};
use tonic::Status;

const INSTANCES: &[Column] = &[
    Column::text("url", "INSTANCE"),
    Column::text("admission", "ADMISSION"),
    Column::text("online", "ONLINE"),
    Column::number("meetings", "MEETINGS"),
    Column::number("users", "USERS"),
    Column::number("cpu", "CPU %"),
    Column::number("mem", "MEM %"),
    Column::number("score", "SCORE"),
    Column::text("takes_none_because", "TAKES NONE BECAUSE"),
];
const CLUSTER: &[Column] = &[
    Column::text("api", "API"),
    Column::text("host", "Host"),
    Column::number("cpu", "CPU"),
    Column::number("mem", "Mem"),
    Column::number("meetings", "Active Meetings"),
    Column::number("participants", "Active Participants"),
];

pub(super) async fn status(client: &mut Client, watch: bool, format: Format) -> anyhow::Result<()> {
    if !watch {
        return print_status(client.status(timed(StatusRequest {})).await?.into_inner(), format);
    }
    let mut stream = begun(client.watch_status(StatusRequest {}), CALL_TIMEOUT).await?.into_inner();
    while let Some(status) = stream.message().await? {
        print_status(status, format)?;
        if matches!(format, Format::Table | Format::Wide) {
            print("")?;
        }
    }
    Err(Status::unavailable("the control plane ended the stream").into())
}

/// What the original's `cluster-info` showed.
pub(super) async fn cluster_info(client: &mut Client, format: Format) -> anyhow::Result<()> {
    let status = client.status(timed(StatusRequest {})).await?.into_inner();
    let percent = |value: Option<f64>| match (value, format) {
        (Some(value), Format::Table | Format::Wide) => json!(format!("{value:.2} %")),
        (value, _) => json!(value),
    };
    let mut listing = Listing::new(CLUSTER);
    for i in &status.instances {
        let api = if i.online { "Up" } else { "Down" };
        listing.push([json!(api), json!(i.url), percent(i.cpu), percent(i.mem), json!(i.meetings), json!(i.users)]);
    }
    if matches!(format, Format::Table | Format::Wide) {
        let mut table = plain();
        for (name, value) in [
            ("B3LB API", "Up".to_owned()),
            ("Active tenants", status.tenants.to_string()),
            ("Active meetings", status.meetings.to_string()),
            ("Active participants", status.users.to_string()),
        ] {
            table.add_row([Cell::new(name).add_attribute(Attribute::Bold), Cell::new(value)]);
        }
        print(table)?;
        print("")?;
    }
    listing.print(format)
}

fn print_status(status: PoolStatus, format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(INSTANCES);
    for i in &status.instances {
        listing.push([
            json!(i.url),
            json!(i.admission().as_str_name().to_lowercase()),
            json!(i.online),
            json!(i.meetings),
            json!(i.users),
            json!(i.cpu),
            json!(i.mem),
            json!(i.score),
            json!(Some(&i.ineligible).filter(|reason| !reason.is_empty())),
        ]);
    }
    if matches!(format, Format::Json | Format::Yaml) {
        return document(format, &all(&status, listing));
    }
    if format != Format::Csv {
        headline(&status)?;
    }
    listing.print(format)
}

fn all(status: &PoolStatus, instances: Listing) -> Value {
    json!({
        "version": status.version,
        "tenants": status.tenants,
        "meetings": status.meetings,
        "users": status.users,
        "proxies": status.proxies,
        "store": status.store,
        "store_ok": status.store_ok,
        "metrics": status.metrics,
        "metrics_ok": status.metrics_ok,
        "placed_alone": status.placed_alone,
        "epoch": status.epoch,
        "revision": status.revision,
        "instances": instances.objects(),
    })
}

fn headline(status: &PoolStatus) -> anyhow::Result<()> {
    line(format_args!(
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
        line(format_args!("{} meetings were placed by proxies while no control plane answered", status.placed_alone))?;
    }
    Ok(())
}
