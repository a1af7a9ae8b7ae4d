//! Lists of what there is.

use super::{explain, timed};
use crate::args::{Filter, GetWhat};
use crate::client::Client;
use crate::output::{Column, Format, Listing};
use b3lb_proto::v1::{
    GetInstanceRequest, GetTenantRequest, Instance, ListInstancesRequest, ListMeetingsRequest, ListRecordingsRequest,
    ListTenantsRequest, Tenant,
};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

const INSTANCES: &[Column] = &[
    Column::text("url", "URL"),
    Column::text("admission", "ADMISSION"),
    Column::text("online", "ONLINE"),
    Column::number("capacity", "CAPACITY"),
    Column::number("meetings", "MEETINGS"),
    Column::text("checksum", "CHECKSUM").wide(),
    Column::text("tags", "TAGS").wide(),
    Column::text("signs_forms", "SIGNS FORMS").wide(),
    Column::text("secret", "SECRET").secret(),
];
const TENANTS: &[Column] = &[
    Column::text("host", "HOST"),
    Column::text("instances", "INSTANCES").only_in_tables(),
    Column::field("instances"),
    Column::field("tags"),
    Column::number("meetings", "MEETINGS"),
    Column::number("meeting_pool", "MOST MEETINGS"),
    Column::number("user_pool", "MOST USERS"),
    Column::text("secrets", "SECRETS").only_in_tables(),
    Column::field("secret_ids"),
    Column::field("secrets").secret(),
    Column::text("algorithms", "ALGORITHMS").wide(),
    Column::text("voice_bridges", "VOICE BRIDGES").wide(),
    Column::text("owns_unlabelled", "OWNS UNLABELLED").wide(),
    Column::text("metadata", "METADATA").wide(),
];
const MEETINGS: &[Column] = &[
    Column::text("tenant", "TENANT"),
    Column::text("meeting_id", "MEETING"),
    Column::text("instance", "INSTANCE"),
    Column::number("users", "USERS"),
    Column::text("placed_at", "PLACED").wide(),
];
const RECORDINGS: &[Column] =
    &[Column::text("record_id", "RECORDING"), Column::text("tenant", "TENANT"), Column::text("instance", "INSTANCE")];

pub(super) async fn get(client: &mut Client, what: GetWhat, format: Format) -> anyhow::Result<()> {
    match what {
        GetWhat::Instances { url, secrets } => {
            let instances = match url {
                Some(url) => {
                    let request = GetInstanceRequest { url, with_secrets: secrets };
                    vec![client.get_instance(timed(request)).await?.into_inner()]
                }
                None => {
                    let request = ListInstancesRequest { with_secrets: secrets };
                    client.list_instances(timed(request)).await?.into_inner().instances
                }
            };
            let mut listing = Listing::new(INSTANCES).with_secrets(secrets);
            instances.iter().for_each(|instance| listing.push(instance_row(instance)));
            listing.print(format)
        }
        GetWhat::Tenants { host, secrets } => {
            let tenants = match host {
                Some(host) => {
                    let request = GetTenantRequest { host, with_secrets: secrets };
                    vec![client.get_tenant(timed(request)).await?.into_inner()]
                }
                None => {
                    let request = ListTenantsRequest { with_secrets: secrets };
                    client.list_tenants(timed(request)).await?.into_inner().tenants
                }
            };
            let mut listing = Listing::new(TENANTS).with_secrets(secrets);
            tenants.iter().for_each(|tenant| listing.push(tenant_row(tenant)));
            listing.print(format)
        }
        GetWhat::Meetings(filter) => meetings(client, filter, format).await,
        GetWhat::Recordings(filter) => recordings(client, filter, format).await,
        GetWhat::Placements { filter, limit } => explain::placements(client, filter, limit, format).await,
    }
}

/// A moment as it is printed.
pub(super) fn moment(milliseconds: u64) -> Value {
    let at = UNIX_EPOCH + Duration::from_millis(milliseconds);
    json!(humantime::format_rfc3339_seconds(at).to_string())
}

fn instance_row(instance: &Instance) -> [Value; 9] {
    [
        json!(instance.url),
        json!(instance.admission().as_str_name().to_lowercase()),
        json!(instance.online),
        number(instance.capacity),
        json!(instance.meetings),
        json!(instance.checksum().as_str_name().to_lowercase()),
        json!(instance.tags),
        json!(instance.signs_forms),
        json!(instance.secret),
    ]
}

/// Without a fraction that is none.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e9 { json!(value as i64) } else { json!(value) }
}

fn tenant_row(tenant: &Tenant) -> [Value; 14] {
    let tags = tenant.tags.iter().map(|tag| format!("tag:{tag}"));
    let pool: Vec<String> = tenant.instances.iter().cloned().chain(tags).collect();
    let secrets = tenant.secret_ids.iter().enumerate().map(|(i, id)| match tenant.secrets.get(i) {
        Some(secret) => format!("{id}={secret}"),
        None => id.clone(),
    });
    [
        json!(tenant.host),
        if pool.is_empty() { json!("all") } else { json!(pool) },
        json!(tenant.instances),
        json!(tenant.tags),
        json!(tenant.meetings),
        json!(tenant.meeting_pool),
        json!(tenant.user_pool),
        secrets.collect(),
        json!(tenant.secret_ids),
        Value::Object(tenant.secret_ids.iter().cloned().zip(tenant.secrets.iter().map(|s| json!(s))).collect()),
        tenant.algorithms().map(|known| known.as_str_name().to_lowercase()).collect(),
        json!(tenant.voice_bridges.map(|bridges| format!("{}-{}", bridges.first, bridges.last))),
        json!(tenant.owns_unlabelled),
        json!(tenant.metadata.iter().collect::<std::collections::BTreeMap<_, _>>()),
    ]
}

async fn meetings(client: &mut Client, filter: Filter, format: Format) -> anyhow::Result<()> {
    let Filter { tenant, instance } = filter;
    let mut request = ListMeetingsRequest { tenant, instance, ..ListMeetingsRequest::default() };
    let mut listing = Listing::new(MEETINGS);
    loop {
        let page = client.list_meetings(timed(request.clone())).await?.into_inner();
        for m in page.meetings {
            let placed_at = moment(m.placed_at_ms);
            listing.push([nobody(&m.tenant), json!(m.meeting_id), json!(m.instance), json!(m.users), placed_at]);
        }
        if page.next_page_token.is_empty() {
            return listing.print(format);
        }
        request.page_token = page.next_page_token;
    }
}

async fn recordings(client: &mut Client, filter: Filter, format: Format) -> anyhow::Result<()> {
    let Filter { tenant, instance } = filter;
    let mut request = ListRecordingsRequest { tenant, instance, ..ListRecordingsRequest::default() };
    let mut listing = Listing::new(RECORDINGS);
    loop {
        let page = client.list_recordings(timed(request.clone())).await?.into_inner();
        for r in page.recordings {
            listing.push([json!(r.record_id), nobody(&r.tenant), json!(r.instance)]);
        }
        if page.next_page_token.is_empty() {
            return listing.print(format);
        }
        request.page_token = page.next_page_token;
    }
}

/// A tenant that is not known yet.
fn nobody(tenant: &str) -> Value {
    json!(Some(tenant).filter(|tenant| !tenant.is_empty()))
}
