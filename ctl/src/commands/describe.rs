//! All there is to say of one thing.

use super::get::moment;
use super::timed;
use crate::args::Describe;
use crate::client::Client;
use crate::output::{Format, document, print};
use crate::resources::{instances_document, tenant_document};
use crate::terminal::say;
use b3lb_proto::v1::{
    GetConfigurationRequest, GetInstanceRequest, GetTenantRequest, ListInstancesRequest, ListMeetingsRequest,
    ListTenantsRequest, StatusRequest,
};
use serde_json::{Value, json};

/// Meetings of an instance that are shown; `get meetings` has all.
const MEETINGS_MAX: u32 = 100;

pub(super) async fn describe(client: &mut Client, what: Describe, format: Format) -> anyhow::Result<()> {
    match what {
        Describe::Instance { url, secrets } => instance(client, url, secrets, format).await,
        Describe::Instances { secrets } => {
            let request = ListInstancesRequest { with_secrets: secrets };
            let instances = client.list_instances(timed(request)).await?.into_inner().instances;
            document(format, &instances_document(&instances))
        }
        Describe::Tenants { secrets } => {
            let request = ListTenantsRequest { with_secrets: secrets };
            let tenants = client.list_tenants(timed(request)).await?.into_inner().tenants;
            let documents: Vec<Value> = tenants.iter().map(tenant_document).collect();
            if format == Format::Json {
                return document(format, &Value::Array(documents));
            }
            for (number, tenant) in documents.iter().enumerate() {
                if number > 0 {
                    print("---")?;
                }
                document(format, tenant)?;
            }
            Ok(())
        }
        Describe::Tenant { host, secrets } => {
            let request = GetTenantRequest { host, with_secrets: secrets };
            let tenant = client.get_tenant(timed(request)).await?.into_inner();
            document(format, &tenant_document(&tenant))
        }
        Describe::Config { secrets } => {
            let request = GetConfigurationRequest { with_secrets: secrets };
            let configuration = client.get_configuration(timed(request)).await?.into_inner();
            if !configuration.file.is_empty() {
                say(format_args!("from {} and the environment of the control plane", configuration.file));
            }
            match format {
                Format::Json => document(format, &serde_saphyr::from_str::<Value>(&configuration.yaml)?),
                _ => print(configuration.yaml.trim_end_matches('\n')),
            }
        }
    }
}

async fn instance(client: &mut Client, url: String, secrets: bool, format: Format) -> anyhow::Result<()> {
    let request = GetInstanceRequest { url, with_secrets: secrets };
    let instance = client.get_instance(timed(request)).await?.into_inner();
    let pool = client.status(timed(StatusRequest {})).await?.into_inner();
    let status = pool.instances.into_iter().find(|status| status.url == instance.url).unwrap_or_default();
    let request = ListMeetingsRequest { instance: instance.url.clone(), page_size: MEETINGS_MAX, ..Default::default() };
    let meetings = client.list_meetings(timed(request)).await?.into_inner().meetings;
    let meetings: Vec<Value> = meetings
        .into_iter()
        .map(|m| {
            json!({ "tenant": m.tenant, "meeting_id": m.meeting_id, "users": m.users, "placed_at": moment(m.placed_at_ms) })
        })
        .collect();
    let mut told = json!({
        "url": instance.url,
        "admission": instance.admission().as_str_name().to_lowercase(),
        "online": instance.online,
        "capacity": instance.capacity,
        "checksum": instance.checksum().as_str_name().to_lowercase(),
        "tags": instance.tags,
        "signs_forms": instance.signs_forms,
        "cpu": status.cpu,
        "mem": status.mem,
        "score": status.score,
        "takes_none_because": Some(status.ineligible).filter(|reason| !reason.is_empty()),
        "meetings": status.meetings,
        "users": status.users,
        "running": meetings,
    });
    if secrets {
        told["secret"] = json!(instance.secret);
    }
    document(format, &told)
}
