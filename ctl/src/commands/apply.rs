//! Makes the pool what files say. Everything is checked, and listed, before anything is done.

use super::timed;
use crate::Mistake;
use crate::client::Client;
use crate::output::line;
use crate::resources::{self, Resource, tenant_document};
use crate::terminal::say;
use b3lb_proto::v1::{
    GetTenantRequest, Instance, ListInstancesRequest, PutInstancesRequest, PutInstancesResponse, PutTenantRequest,
    Tenant,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use tonic::{Code, Response, Status};

/// A pool of a hundred thousand instances; a file that never ends is none.
const FILE_MAX: u64 = 32 * 1024 * 1024;

/// A document whose changes are listed, and can be made.
enum Step {
    Instances(Vec<Instance>),
    Tenant(Box<Tenant>),
    /// It may list an instance that has to be added first, and cannot be checked before.
    Unlisted(Box<Tenant>, Option<Box<Tenant>>),
}

/// What all files want.
///
/// # Errors
/// What is wrong with one of them.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Resource>, Mistake> {
    let mut resources = Vec::new();
    for file in files {
        resources.extend(resources::read(file, &text(file)?)?);
    }
    if resources.iter().filter(|resource| matches!(resource, Resource::Instances(_))).count() > 1 {
        return Err(Mistake(
            "there are several documents of kind InstanceList, of which each would be the whole pool".to_owned(),
        ));
    }
    // A tenant may list an instance that is added with it.
    resources.sort_by_key(|resource| matches!(resource, Resource::Tenant { .. }));
    Ok(resources)
}

/// Lists what changes, and does it unless that was all that was wanted.
///
/// # Errors
/// What the control plane refuses: then nothing is done, unless it was refused only for tenants of instances that are new, or because
/// others changed something meanwhile.
pub(super) async fn apply(
    client: &mut Client,
    resources: Vec<Resource>,
    dry_run: bool,
    force: bool,
) -> anyhow::Result<()> {
    let mut steps = Vec::new();
    if let Err(refusal) = list(client, resources, dry_run, force, &mut steps).await {
        if !steps.is_empty() {
            say("nothing was changed");
        }
        return Err(refusal);
    }
    if dry_run {
        say("nothing was changed: this was a dry run");
        return Ok(());
    }
    for step in steps {
        take(client, step, force).await?;
    }
    Ok(())
}

/// Lists what all of them change, and checks it as far as it can be.
async fn list(
    client: &mut Client,
    resources: Vec<Resource>,
    dry_run: bool,
    force: bool,
    steps: &mut Vec<Step>,
) -> anyhow::Result<()> {
    let mut pool_grows = false;
    for resource in resources {
        steps.push(match resource {
            Resource::Instances(instances) => {
                let (instances, added) = list_instances(client, instances, force).await?;
                pool_grows = added;
                Step::Instances(instances)
            }
            Resource::Tenant { tenant, keeps_secrets } => {
                list_tenant(client, tenant, keeps_secrets, pool_grows, dry_run).await?
            }
        });
    }
    Ok(())
}

/// Does what was listed.
async fn take(client: &mut Client, step: Step, force: bool) -> anyhow::Result<()> {
    let tenant = match step {
        Step::Instances(instances) => {
            client.put_instances(timed(PutInstancesRequest { instances, dry_run: false, force })).await?;
            say("InstanceList applied");
            return Ok(());
        }
        Step::Tenant(tenant) => tenant,
        Step::Unlisted(tenant, known) => {
            let would_be = put(client, &tenant, true).await?;
            print_tenant(&tenant, would_be, known.as_deref())?;
            tenant
        }
    };
    let host = put(client, &tenant, false).await?.host;
    say(format_args!("Tenant {host} applied"));
    Ok(())
}

fn text(file: &Path) -> Result<String, Mistake> {
    let mut text = String::new();
    let mut read = |source: &mut dyn Read| source.take(FILE_MAX + 1).read_to_string(&mut text);
    let read = match file.as_os_str() == "-" {
        true => read(&mut std::io::stdin()),
        false => File::open(file).and_then(|mut file| read(&mut file)),
    };
    let wrong = |reason: String| Mistake(format!("{}: {reason}", file.display()));
    match read {
        Ok(bytes) if bytes as u64 > FILE_MAX => Err(wrong(format!("has more than {FILE_MAX} bytes"))),
        Ok(_) => Ok(text),
        Err(error) => Err(wrong(format!("cannot be read: {error}"))),
    }
}

/// The instances with the secrets that they keep, and whether one of them is new.
async fn list_instances(
    client: &mut Client,
    mut instances: Vec<Instance>,
    force: bool,
) -> anyhow::Result<(Vec<Instance>, bool)> {
    let known = client.list_instances(timed(ListInstancesRequest { with_secrets: true })).await?.into_inner().instances;
    let known: BTreeMap<String, Instance> = known.into_iter().map(|known| (known.url.clone(), known)).collect();
    for instance in instances.iter_mut().filter(|instance| instance.secret.is_empty()) {
        let known = known.get(&canonical(&instance.url));
        let known = known.ok_or_else(|| Mistake(format!("instance {} has no secret, and is new", instance.url)))?;
        instance.secret.clone_from(&known.secret);
    }
    let wanted: BTreeMap<String, Instance> = instances.iter().map(|i| (canonical(&i.url), i.clone())).collect();
    let request = PutInstancesRequest { instances: instances.clone(), dry_run: true, force };
    let PutInstancesResponse { added, changed, removed, unchanged } =
        client.put_instances(timed(request)).await?.into_inner();
    for url in &added {
        line(format_args!("+ instance {url}"))?;
    }
    for url in &changed {
        let differences = match (known.get(url), wanted.get(url)) {
            (Some(old), Some(new)) => instance_differences(old, new).join(", "),
            _ => String::new(),
        };
        line(format_args!("~ instance {url}: {differences}"))?;
    }
    for url in &removed {
        line(format_args!("- instance {url}"))?;
    }
    for url in &unchanged {
        line(format_args!("= instance {url}"))?;
    }
    Ok((instances, !added.is_empty()))
}

/// As the control plane knows it.
fn canonical(url: &str) -> String {
    bbb::instance_url(url).unwrap_or_else(|_| url.to_owned())
}

fn instance_differences(old: &Instance, new: &Instance) -> Vec<String> {
    let mut found = Vec::new();
    if old.secret != new.secret {
        found.push("secret".to_owned());
    }
    let algorithm = if new.checksum == 0 { b3lb_proto::v1::ChecksumAlgorithm::Sha256 } else { new.checksum() };
    let capacity = if new.capacity == 0.0 { 1.0 } else { new.capacity };
    let mut compare = |name: &str, old: String, new: String| {
        if old != new {
            found.push(format!("{name}: {old} → {new}"));
        }
    };
    compare("checksum", old.checksum().as_str_name().to_lowercase(), algorithm.as_str_name().to_lowercase());
    compare("capacity", old.capacity.to_string(), capacity.to_string());
    if new.admission != 0 {
        let name = |instance: &Instance| instance.admission().as_str_name().to_lowercase();
        compare("admission", name(old), name(new));
    }
    let tags = |tags: &[String]| if tags.is_empty() { "none".to_owned() } else { tags.join(" ") };
    compare("tags", tags(&old.tags), tags(&new.tags));
    compare("signs_forms", old.signs_forms.to_string(), new.signs_forms.to_string());
    found
}

/// The tenant as it is.
async fn known(client: &mut Client, host: &str) -> anyhow::Result<Option<Tenant>> {
    let request = GetTenantRequest { host: host.to_owned(), with_secrets: true };
    match client.get_tenant(timed(request)).await {
        Ok(known) => Ok(Some(known.into_inner())),
        // What is wrong with the host is told when the tenant is put.
        Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// `pool_grows`: there are instances that will be added before the tenant.
async fn list_tenant(
    client: &mut Client,
    mut tenant: Box<Tenant>,
    keeps_secrets: bool,
    pool_grows: bool,
    dry_run: bool,
) -> anyhow::Result<Step> {
    let known = known(client, &tenant.host).await?;
    if let (Some(known), true) = (&known, keeps_secrets) {
        tenant.secrets.clone_from(&known.secrets);
        tenant.secret_ids.clone_from(&known.secret_ids);
    }
    match put(client, &tenant, true).await {
        Ok(would_be) => print_tenant(&tenant, would_be, known.as_ref())?,
        Err(refusal) if pool_grows && refusal.message().contains("is not part of the pool") => {
            if dry_run {
                line(format_args!("? tenant {}: cannot be checked before the instances are there", tenant.host))?;
            }
            return Ok(Step::Unlisted(tenant, known.map(Box::new)));
        }
        Err(refusal) => return Err(refusal.into()),
    }
    Ok(Step::Tenant(tenant))
}

async fn put(client: &mut Client, tenant: &Tenant, dry_run: bool) -> Result<Tenant, Status> {
    let request = PutTenantRequest { tenant: Some(tenant.clone()), dry_run };
    client.put_tenant(timed(request)).await.map(Response::into_inner)
}

fn print_tenant(wanted: &Tenant, would_be: Tenant, known: Option<&Tenant>) -> anyhow::Result<()> {
    let host = would_be.host.clone();
    let Some(known) = known else { return line(format_args!("+ tenant {host}")) };
    let new = Tenant { secrets: wanted.secrets.clone(), ..would_be };
    let differences = tenant_differences(known, &new);
    match differences.is_empty() {
        true => line(format_args!("= tenant {host}")),
        false => line(format_args!("~ tenant {host}: {}", differences.join(", "))),
    }
}

/// Where two tenants differ, field by field. Of secrets only that they do is told; their order counts, as the first one signs callbacks.
fn tenant_differences(old: &Tenant, new: &Tenant) -> Vec<String> {
    let fields = |tenant: &Tenant| {
        let mut fields = BTreeMap::new();
        flatten("", &tenant_document(&Tenant { secrets: Vec::new(), ..tenant.clone() }), &mut fields);
        fields
    };
    let (before, after) = (fields(old), fields(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let told = |value: Option<&String>| value.cloned().unwrap_or_else(|| "none".to_owned());
    let mut found: Vec<String> = names
        .into_iter()
        .map(|name| (name, before.get(name), after.get(name)))
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| format!("{}: {} → {}", name.trim_start_matches("spec."), told(old), told(new)))
        .collect();
    if (&old.secrets, &old.secret_ids) != (&new.secrets, &new.secret_ids) {
        found.push("secrets".to_owned());
    }
    found
}

fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, into);
            }
        }
        Value::Array(values) if values.is_empty() => {}
        Value::Array(values) => {
            let texts: Vec<String> =
                values.iter().map(|value| value.to_string().trim_matches('"').to_owned()).collect();
            into.insert(path.to_owned(), texts.join(" "));
        }
        Value::Null => {}
        value => drop(into.insert(path.to_owned(), value.to_string().trim_matches('"').to_owned())),
    }
}
