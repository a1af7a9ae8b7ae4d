//! Every call of the API in every condition that frontends meet, over a real proxy and a real control plane.
//!
//! - `table`: what is to come of each call in each condition, a line for each;
//! - `request`: how each call is made;
//! - `subject`: makes what each call is about;
//! - `cell`: makes one call in one condition, and compares what comes of it;
//! - `methods`: what is no call;
//! - `isolation`: two tenants who use the same ids at the same time.

mod cell;
mod isolation;
mod methods;
mod request;
mod subject;
mod table;

use crate::system::tenants::tenant;
use crate::system::{Pool, Shape};
use crate::wait::until;
use b3lb_sim::Fault;
use b3lb_sim::journal::Call as Received;
use bbb::Call;
use cell::{Case, Cell, Tenant};
use futures::future::join_all;
use std::time::Duration;
use subject::{Subject, create, until_indexed};
use table::Condition;

/// How often instances are asked for their recordings: soon enough to wait for.
const POLLS: Duration = Duration::from_millis(200);

/// What a test asserts to be empty: a line for each expectation that did not hold.
type Wrong = Vec<String>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_answered_as_the_table_says() {
    let pool = Pool::start(Shape { recordings_interval: POLLS, ..Shape::default() }).await;
    // Their pools overlap, and are not the same.
    let red = Tenant::put(&pool, "red.example.org", &[0, 1]).await;
    let blue = Tenant::put(&pool, "blue.example.org", &[1, 2]).await;
    let mut cells = Vec::new();
    for case in Case::all(&Condition::WELL) {
        let owner = if case.condition == Condition::OthersId { &blue } else { &red };
        let subject = match case.condition {
            Condition::UnknownId | Condition::NoId => Subject::missing(case),
            // What is created is to be new, except to somebody else.
            Condition::Good if case.call == Call::Create => Subject::missing(case),
            _ => Subject::prepare(&pool, owner, case, None).await,
        };
        cells.push(Cell { pool: &pool, tenant: &red, case, subject, faulty: None });
    }
    until_indexed(&pool).await;
    let mut wrong = Wrong::new();
    for cell in &cells {
        wrong.extend(cell.compare().await);
    }
    wrong.extend(unexpected(&pool));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_about_an_instance_that_fails_is_answered_as_the_table_says() {
    // Beyond this an instance is slow; a well one is not, on whatever machine.
    let timeout = Duration::from_secs(4);
    let shape =
        Shape { call_timeout: timeout, create_timeout: timeout, recordings_interval: POLLS, ..Shape::default() };
    let pool = Pool::start(Shape { instances: 4, ..shape }).await;
    const WELL: usize = 3;
    let faults = [Fault::Down, Fault::Slow(Duration::from_secs(60)), Fault::Garbage];
    let mut tenants = Vec::new();
    for (faulty, condition) in Condition::ILL.into_iter().enumerate() {
        let host = format!("{condition:?}.example.org").to_lowercase();
        let tenant = Tenant::put(&pool, &host, &[faulty, WELL]).await;
        // Lists have something to show, whoever fails.
        create(&pool, &tenant.frontend, &host, Some(WELL)).await;
        tenants.push(tenant);
    }
    let mut cells = Vec::new();
    for (faulty, condition) in Condition::ILL.into_iter().enumerate() {
        for case in Case::all(&[condition]) {
            let tenant = &tenants[faulty];
            let subject = Subject::prepare(&pool, tenant, case, Some(faulty)).await;
            cells.push(Cell { pool: &pool, tenant, case, subject, faulty: Some(faulty) });
        }
    }
    until_indexed(&pool).await;
    for (faulty, fault) in faults.into_iter().enumerate() {
        let down = fault == Fault::Down;
        pool.instances[faulty].fail(Some(fault)).await;
        until("the control plane knows who is down", async || {
            let status = pool.control_planes[0].status().await.unwrap();
            !down || status.instances.iter().any(|instance| !instance.online)
        })
        .await;
    }
    let mut wrong: Wrong = join_all(cells.iter().map(Cell::compare)).await.into_iter().flatten().collect();
    wrong.extend(unexpected(&pool));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a proxy sent to an instance although no cell did.
fn unexpected(pool: &Pool) -> Wrong {
    let calls = pool.instances.iter().flat_map(|instance| instance.calls());
    // Lists are what frontends wait for a proxy with.
    let named = |call: &Received| call.action == "getMeetings" || call.param("cell").is_some();
    let strange = calls.filter(|call| cell::is_proxied(call) && !named(call));
    strange.map(|call| format!("an instance was sent {} {}?{}", call.method, call.action, call.query)).collect()
}

impl Tenant {
    /// A new one, who may use these instances.
    async fn put(pool: &Pool, host: &str, instances: &[usize]) -> Self {
        let urls = instances.iter().map(|&index| pool.instances[index].url()).collect();
        let secret = format!("secret of {host}");
        Self { frontend: tenant(pool, host, &[&secret], urls).await, instances: instances.to_vec() }
    }
}
