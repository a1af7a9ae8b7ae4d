//! Calls about hooks, which a control plane keeps.

use crate::control::{self, Script};
use crate::frontend::get;
use crate::instance::Instance;
use crate::proxy::Proxy;
use b3lb_proto::v1::{Changes, CreateHookRequest, Hook};

const HOST: &str = "bbb.example.org";
const SECRET: &str = "tenant-secret";

#[tokio::test]
async fn hooks_are_made_listed_and_taken_away() {
    let instance = Instance::answering("").await;
    let script = Script::new(Changes {
        instances: vec![control::route(&instance.url(), "instance-secret")],
        tenants: vec![control::tenant(HOST, &[SECRET])],
        ..Changes::default()
    });
    let (proxy, _control) = Proxy::with(&script).await;
    let call = async |call: &str, query: &str| proxy.call(call, query, SECRET).await;
    let query = "callbackURL=https%3A%2F%2Fmoodle%2Fhook%3Fa%3D1&meetingID=m&getRaw=TRUE";
    let made = call("hooks/create", query).await;
    assert!(made.body.contains("<hookID>7</hookID>\n<permanentHook>false</permanentHook>\n<rawData>true</rawData>"));
    let hook = Hook {
        id: 0,
        callback_url: "https://moodle/hook?a=1".to_owned(),
        meeting_id: Some("m".to_owned()),
        event_id: None,
        raw: true,
    };
    let base = format!("http://{HOST}");
    assert_eq!(script.hooks(), [CreateHookRequest { tenant: HOST.to_owned(), hook: Some(hook), base }]);
    assert_eq!(call("hooks/create", query).await.says(), (200, "duplicateWarning"));
    let list = call("hooks/list", "").await;
    assert!(list.body.contains("<callbackURL>https://moodle/hook?a=1</callbackURL>\n<meetingID>m</meetingID>"));
    assert!(call("hooks/destroy", "hookID=7").await.body.contains("<removed>true</removed>"));
    for (name, query, key) in [
        ("hooks/create", "", "missingParamCallbackURL"),
        ("hooks/create", "callbackURL=ftp%3A%2F%2Fx", "createHookError"),
        ("hooks/destroy", "", "missingParamHookID"),
        ("hooks/destroy", "hookID=8", "destroyMissingHook"),
        ("hooks/destroy", "hookID=x", "destroyMissingHook"),
    ] {
        assert_eq!(call(name, query).await.says(), (200, key), "{name} {query}");
    }
    let refused = proxy.call("hooks/list", "", "another").await;
    assert_eq!(refused.says(), (200, "checksumError"));
    assert!(refused.body.contains("You did not pass the checksum security check."), "{}", refused.body);
    assert_eq!(get(proxy.public, "/bigbluebutton/api/hooks/ping").await.body, "bbb-webhooks API up!");
    assert_eq!(instance.requests(), Vec::<String>::new());
}
