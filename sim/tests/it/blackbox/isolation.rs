//! Two tenants who use the same ids on the same instances at the same time.

use super::cell::{Tenant, is_proxied};
use super::request::{Request, Way};
use crate::system::{Pool, Shape};
use b3lb_sim::checksum;
use b3lb_sim::frontend::Answer;
use bbb::{Call, Route};
use futures::future::join_all;
use std::collections::BTreeSet;

/// Meetings that both have.
const SHARED: usize = 12;

/// How often each call is made about each meeting by each tenant.
const ROUNDS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_with_the_same_ids_never_see_each_other() {
    let pool = Pool::start(Shape::default()).await;
    let red = Tenant::put(&pool, "red.example.org", &[0, 1, 2]).await;
    let blue = Tenant::put(&pool, "blue.example.org", &[0, 1, 2]).await;
    let tenants = [&red, &blue];
    let ids: Vec<_> = (0..SHARED).map(|number| format!("room-{number}")).collect();
    let both = || ids.iter().flat_map(|id| tenants.map(|tenant| (tenant, id.as_str())));
    let created = join_all(both().map(async |(tenant, id)| ask(tenant, Call::Create, id).await)).await;
    let internal = |answers: &[Answer], of: usize| -> BTreeSet<String> {
        let own = answers.iter().skip(of).step_by(tenants.len());
        own.map(|answer| answer.element("internalMeetingID").unwrap().to_owned()).collect()
    };
    let own = [internal(&created, 0), internal(&created, 1)];
    assert!(own.iter().all(|own| own.len() == SHARED), "{own:?}");
    // Where each says that its meeting is, before anybody else has called.
    let places = join_all(both().map(async |(tenant, id)| place(tenant, id).await)).await;
    for (number, id) in ids.iter().enumerate() {
        assert_ne!(places[2 * number], places[2 * number + 1], "{id}: one instance would take them for one meeting");
    }

    let calls: Vec<_> = Call::all().filter(|call| call.route() == Route::Meeting && *call != Call::End).collect();
    for _ in 0..ROUNDS {
        join_all(both().zip(&places).map(async |((tenant, id), place)| {
            for &call in &calls {
                let answer = ask(tenant, call, id).await;
                let text = answer.text();
                match answer.headers.get("location") {
                    Some(location) => assert!(location.to_str().unwrap().starts_with(place), "{call:?} {id}"),
                    None => assert!(answer.succeeded(), "{call:?} {id}: {text}"),
                }
            }
        }))
        .await;
        for (tenant, own) in tenants.iter().zip(&own) {
            let list = ask(tenant, Call::GetMeetings, "").await;
            let listed: BTreeSet<_> = list.elements("internalMeetingID").into_iter().map(str::to_owned).collect();
            assert_eq!(listed, *own);
        }
    }
    for ((tenant, id), place) in both().zip(&places) {
        let instance = pool.instances.iter().find(|instance| place.starts_with(&instance.url())).unwrap();
        let host = tenant.frontend.host.as_ref().unwrap();
        let calls = instance.calls().into_iter().filter(is_proxied);
        let about = calls.filter(|call| call.param("meetingID").as_deref() == Some(id));
        let strange = about.filter(|call| call.headers["x-forwarded-host"] != host.as_str()).count();
        assert_eq!(strange, 0, "{id} of {host}");
    }

    // What one ends goes on for the other.
    for id in &ids {
        assert!(ask(&red, Call::End, id).await.succeeded());
        assert_eq!(ask(&blue, Call::GetMeetingInfo, id).await.element("hasBeenForciblyEnded"), Some("false"));
    }
    let list = ask(&blue, Call::GetMeetings, "").await;
    assert_eq!(list.elements("internalMeetingID").len(), SHARED);
}

async fn ask(tenant: &Tenant, call: Call, id: &str) -> Answer {
    let frontend = &tenant.frontend;
    let sign = |action: &str, query: &str| Some(checksum::sign(frontend.algorithm, action, query, &frontend.secret));
    let (method, target, body) = Request::of(call).sent(Way::Query, Some(id), "isolation", sign);
    frontend.send(method, &target, body).await.unwrap()
}

/// The url of the instance that a join is sent to.
async fn place(tenant: &Tenant, id: &str) -> String {
    let answer = ask(tenant, Call::Join, id).await;
    let location = answer.headers["location"].to_str().unwrap();
    location.split_once("/api/").unwrap().0.to_owned()
}
