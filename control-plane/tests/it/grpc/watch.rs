//! What a proxy is told, from the first word to the last.

use super::table::Table;
use super::{instance, program_with, simulated};
use crate::program::{GLOBAL_SECRET, PATIENCE, Program, settings};
use b3lb_proto::v1::{
    AddInstanceRequest, Admission, ChecksumAlgorithm, CordonInstanceRequest, DeleteTenantRequest, Instance,
    InstanceRoute, PutInstancesRequest, PutTenantRequest, RemoveInstanceRequest, Tenant, TenantRoute, Update,
    WatchRequest,
};
use b3lb_sim::instance::Instance as Simulated;
use prost::Message;
use std::collections::BTreeMap;
use tokio::time::timeout;
use tonic::{Code, Streaming};

/// A proxy that follows a control plane.
pub(super) struct Proxy {
    table: Table,
    updates: Streaming<Update>,
}

impl Proxy {
    /// Follows from what it knows.
    pub(super) async fn follow(program: &Program, table: Table) -> Self {
        let request =
            WatchRequest { proxy: "test".to_owned(), epoch: table.epoch.clone(), revision: table.revision.clone() };
        Self { table, updates: program.placement().watch(request).await.unwrap().into_inner() }
    }

    /// The parts of the next step.
    async fn step(&mut self) -> Vec<Update> {
        let mut parts = Vec::new();
        loop {
            let part = timeout(PATIENCE, self.updates.message()).await.expect("no update").unwrap().unwrap();
            let last = part.last;
            parts.push(part);
            if last {
                return parts;
            }
        }
    }

    async fn apply_next(&mut self) {
        let step = self.step().await;
        self.table.apply(step);
    }

    /// Applies what comes until it is as wanted.
    pub(super) async fn until(&mut self, wanted: impl Fn(&Table) -> bool) {
        while !wanted(&self.table) {
            self.apply_next().await;
        }
    }
}

fn route(simulated: &Simulated) -> InstanceRoute {
    InstanceRoute {
        url: simulated.url(),
        secret: simulated.secret().reveal().to_owned(),
        checksum: ChecksumAlgorithm::Sha256.into(),
        admission: Admission::Open.into(),
        online: true,
        ..InstanceRoute::default()
    }
}

fn tenant(host: &str, secrets: &[&str]) -> Tenant {
    Tenant { host: host.to_owned(), secrets: secrets.iter().map(|s| s.to_string()).collect(), ..Tenant::default() }
}

fn tenant_route(host: &str, secret: &str) -> TenantRoute {
    TenantRoute { host: host.to_owned(), secrets: vec![secret.to_owned()], ..TenantRoute::default() }
}

fn by<T>(values: impl IntoIterator<Item = T>, name: impl Fn(&T) -> &String) -> BTreeMap<String, T> {
    values.into_iter().map(|value| (name(&value).clone(), value)).collect()
}

#[tokio::test]
async fn a_proxy_is_told_everything_and_then_every_change() {
    let [a, b] = &simulated().await;
    let program = program_with([a]).await;
    let mut admin = program.admin();
    let mut proxy = Proxy::follow(&program, Table::default()).await;
    proxy.apply_next().await;
    assert_eq!(proxy.table.instances, by([route(a)], |r| &r.url));
    assert_eq!(proxy.table.tenants, by([tenant_route("*", GLOBAL_SECRET)], |t| &t.host));

    admin.add_instance(AddInstanceRequest { instance: Some(instance(b)) }).await.unwrap();
    admin.cordon_instance(CordonInstanceRequest { url: a.url() }).await.unwrap();
    let cordoned = InstanceRoute { admission: Admission::Cordoned.into(), ..route(a) };
    proxy.until(|table| table.instances == by([cordoned.clone(), route(b)], |r| &r.url)).await;

    admin.put_tenant(PutTenantRequest { tenant: Some(tenant("t.example", &["own"])), dry_run: false }).await.unwrap();
    proxy.until(|table| table.tenants == by([tenant_route("t.example", "own")], |t| &t.host)).await;

    admin.delete_tenant(DeleteTenantRequest { host: "t.example".to_owned() }).await.unwrap();
    admin.remove_instance(RemoveInstanceRequest { url: a.url(), force: false }).await.unwrap();
    proxy
        .until(|table| {
            table.tenants == by([tenant_route("*", GLOBAL_SECRET)], |t| &t.host)
                && table.instances == by([route(b)], |r| &r.url)
        })
        .await;
    let mut fresh = Proxy::follow(&program, Table::default()).await;
    fresh.apply_next().await;
    assert_eq!(fresh.table, proxy.table);
}

#[tokio::test]
async fn a_proxy_that_comes_back_is_told_only_what_it_missed() {
    let [a, b] = &simulated().await;
    let program = program_with([a]).await;
    let mut proxy = Proxy::follow(&program, Table::default()).await;
    proxy.apply_next().await;
    let known = proxy.table;
    program.admin().add_instance(AddInstanceRequest { instance: Some(instance(b)) }).await.unwrap();

    let mut again = Proxy::follow(&program, known.clone()).await;
    let step = again.step().await;
    assert_eq!(step[0].base, known.revision);
    assert_eq!(step[0].changes.as_ref().unwrap().instances, [route(b)]);
    again.table.apply(step);
    assert_eq!(again.table.instances, by([route(a), route(b)], |r| &r.url));

    let mut once_more = Proxy::follow(&program, again.table.clone()).await;
    let step = once_more.step().await;
    assert_eq!((&step[0].base, &step[0].revision), (&again.table.revision, &again.table.revision));
    once_more.table.apply(step);
    assert_eq!(once_more.table, again.table);
}

#[tokio::test]
async fn a_proxy_that_knows_another_history_is_told_everything() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    let mut fresh = Proxy::follow(&program, Table::default()).await;
    fresh.apply_next().await;
    let strangers = [
        Table { epoch: "another".to_owned(), ..fresh.table.clone() },
        Table { revision: "99-7".to_owned(), ..fresh.table.clone() },
    ];
    for stranger in strangers {
        let mut proxy = Proxy::follow(&program, stranger).await;
        let step = proxy.step().await;
        assert_eq!(step[0].base, "");
        proxy.table.apply(step);
        assert_eq!(proxy.table, fresh.table);
    }
    let nonsense = WatchRequest { revision: "seven".to_owned(), ..WatchRequest::default() };
    let refusal = program.placement().watch(nonsense).await.unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidArgument);
    assert_eq!(refusal.message(), "revision: a revision is two numbers joined by a dash, not \"seven\"");
}

#[tokio::test]
async fn a_proxy_hears_from_a_pool_in_which_nothing_happens() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    let mut proxy = Proxy::follow(&program, Table::default()).await;
    proxy.apply_next().await;
    let before = proxy.table.clone();
    let heartbeat = proxy.step().await;
    assert_eq!(heartbeat.len(), 1);
    assert_eq!(heartbeat[0].base, heartbeat[0].revision);
    proxy.table.apply(heartbeat);
    assert_eq!(proxy.table, before);
}

#[tokio::test]
async fn a_large_snapshot_travels_in_parts_that_every_client_accepts() {
    let program = Program::start(settings()).await;
    let urls: Vec<String> = (1000..3000).map(|number| format!("http://127.0.0.1:9/bbb{number}")).collect();
    let long = |url: &String| Instance { url: url.clone(), secret: "s".repeat(250), ..Instance::default() };
    let request = PutInstancesRequest { instances: urls.iter().map(long).collect(), ..Default::default() };
    program.admin().put_instances(request).await.unwrap();

    let mut proxy = Proxy::follow(&program, Table::default()).await;
    let step = proxy.step().await;
    let sizes: Vec<usize> = step.iter().map(Update::encoded_len).collect();
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size < 512 * 1024), "{sizes:?}");
    proxy.table.apply(step);
    assert_eq!(proxy.table.instances.into_keys().collect::<Vec<_>>(), urls);
}
