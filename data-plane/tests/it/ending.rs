//! How a proxy ends, as load balancers and orchestrators see it.

use crate::control::{self, Control, Script};
use crate::frontend;
use crate::instance::{Instance, Reply};
use crate::proxy::{Proxy, settings};
use b3lb_proto::v1::Changes;
use std::time::Duration;

const SECRET: &str = "tenant-secret";
const INFO: &str = "<response><returncode>SUCCESS</returncode></response>";

#[tokio::test]
async fn a_proxy_that_shall_end_says_so_and_serves_on_for_a_while() {
    let instance = Instance::start(|_, _| Reply::Document(INFO.to_owned())).await;
    let url = instance.url();
    let control = Control::start(&Script::new(Changes {
        instances: vec![control::route(&url, "instance-secret")],
        tenants: vec![control::tenant("*", &[SECRET])],
        placed: vec![control::placed("*", &url, &["m"])],
        ..Changes::default()
    }));
    let mut settings = settings(&[control.address()]);
    // Longer than the test takes.
    settings.data_plane.shutdown_grace = Duration::from_secs(60);
    let proxy = Proxy::start(&settings);
    proxy.ready().await;
    proxy.begin_to_end();
    let ready = frontend::get(proxy.admin, "/readyz").await;
    assert_eq!((ready.status, &*ready.body), (503, "shutting down\n"));
    assert_eq!(frontend::get(proxy.admin, "/livez").await.status, 200);
    assert_eq!(proxy.call("getMeetingInfo", "meetingID=m", SECRET).await.body, INFO);
}
