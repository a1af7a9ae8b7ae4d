//! What instances tell frontends by themselves, from the instance to the frontend.

use super::{Pool, Shape};
use crate::wait::until;
use b3lb_proto::v1::{PutTenantRequest, Tenant};
use b3lb_sim::Frontend;
use bbb::callback::event::Signing;
use bbb::callback::jwt;
use bbb::{Query, Secret};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A frontend's web server, which takes whatever it is told.
struct Mailbox {
    url: String,
    letters: Arc<Mutex<Vec<Letter>>>,
    _running: JoinSet<()>,
}

#[derive(Debug, Clone)]
struct Letter {
    target: String,
    head: String,
    body: String,
}

impl Mailbox {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let letters: Arc<Mutex<Vec<Letter>>> = Arc::default();
        let (inbox, mut running) = (Arc::clone(&letters), JoinSet::new());
        running.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                let letter = loop {
                    if let Some(letter) = letter(&String::from_utf8_lossy(&bytes)) {
                        break Some(letter);
                    }
                    if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                        break None;
                    }
                };
                inbox.lock().unwrap().extend(letter);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
            }
        });
        Self { url, letters, _running: running }
    }

    fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap().clone()
    }
}

fn letter(text: &str) -> Option<Letter> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let complete = body.len() >= length.unwrap_or(0);
    let target = head.split(' ').nth(1)?.to_owned();
    complete.then(|| Letter { target, head: head.to_owned(), body: body.to_owned() })
}

/// A frontend of this tenant at each proxy.
async fn tenant(pool: &Pool, host: &str, secret: &str) -> Vec<Frontend> {
    let tenant = Tenant { host: host.to_owned(), secrets: vec![secret.to_owned()], ..Tenant::default() };
    let mut admin = pool.control_planes[0].admin().await.unwrap();
    admin.put_tenant(PutTenantRequest { tenant: Some(tenant), dry_run: false }).await.unwrap();
    let mut frontends = Vec::new();
    for frontend in pool.frontends() {
        let frontend = Frontend { host: Some(host.to_owned()), secret: Secret::new(secret), ..frontend };
        until("the proxy knows the tenant", async || frontend.meetings().await.unwrap().succeeded()).await;
        frontends.push(frontend);
    }
    frontends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_tells_a_tenant_of_its_meetings_wherever_they_are() {
    let pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    let red = tenant(&pool, "red.example.org", "red-secret").await;
    let blue = tenant(&pool, "blue.example.org", "blue-secret").await;
    let mailbox = Mailbox::start().await;
    let callback = format!("{}/hook?tenant=red", mailbox.url);
    let made = red[0].call("hooks/create", &[("callbackURL", &callback)]).await.unwrap();
    let id = made.element("hookID").unwrap().to_owned();
    until("every instance has the hook", async || pool.instances.iter().all(|instance| instance.hooks() == 1)).await;
    let again = red[1].call("hooks/create", &[("callbackURL", &callback)]).await.unwrap();
    assert_eq!((again.element("hookID"), again.element("messageKey")), (Some(&*id), Some("duplicateWarning")));

    for number in 0..6 {
        assert!(blue[number % 2].create(&format!("blue-{number}")).await.unwrap().succeeded());
        assert!(red[number % 2].create(&format!("red-{number}")).await.unwrap().succeeded());
    }
    until("it was told of all", async || mailbox.letters().len() >= 6).await;
    let letters = mailbox.letters();
    for letter in &letters {
        let checksum = letter.target.strip_prefix("/hook?tenant=red&checksum=").unwrap();
        let signing = Signing::find(&callback, &letter.body, checksum, &Secret::new("red-secret"));
        assert!(signing.is_some(), "{letter:?}");
        assert!(letter.body.contains("red-") && !letter.body.contains("blue-"), "{letter:?}");
    }

    pool.instances[1].forget_hooks();
    until("an instance that forgot it has it again", async || pool.instances[1].hooks() == 1).await;
    let list = red[1].call("hooks/list", &[]).await.unwrap();
    assert_eq!((list.elements("hookID"), list.elements("callbackURL")), (vec![&*id], vec![&*callback]));
    assert!(blue[0].call("hooks/list", &[]).await.unwrap().elements("hookID").is_empty());
    let stolen = blue[0].call("hooks/destroy", &[("hookID", &id)]).await.unwrap();
    assert_eq!(stolen.element("messageKey"), Some("destroyMissingHook"));
    let removed = red[1].call("hooks/destroy", &[("hookID", &id)]).await.unwrap();
    assert_eq!(removed.element("removed"), Some("true"), "{}", removed.text());
    until("no instance has it", async || pool.instances.iter().all(|instance| instance.hooks() == 0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frontend_is_told_that_its_recording_is_ready() {
    let pool = Pool::start(Shape { proxies: 2, ..Shape::default() }).await;
    let red = tenant(&pool, "red.example.org", "red-secret").await;
    let mailbox = Mailbox::start().await;
    let (ready, analytics) = (format!("{}/ready", mailbox.url), format!("{}/analytics", mailbox.url));
    let params = [
        ("meetingID", "lecture"),
        ("name", "Lecture"),
        ("record", "true"),
        ("meta_bbb-recording-ready-url", &*ready),
        ("meta_analytics-callback-url", &*analytics),
    ];
    assert!(red[0].call("create", &params).await.unwrap().succeeded());
    assert!(red[1].end("lecture").await.unwrap().succeeded());
    until("it was told of both", async || mailbox.letters().len() >= 2).await;
    let letters = mailbox.letters();
    let told = |target: &str| letters.iter().find(|letter| letter.target == target).unwrap();
    let signed = |token: &str| jwt::resigned(token, &Secret::new("red-secret"), &Secret::new("any")).is_some();
    let form = &told("/ready").body;
    let token = Query::new(form).get_one("signed_parameters").unwrap().unwrap();
    assert!(signed(&String::from_utf8_lossy(&token)), "{form}");
    let head = &told("/analytics").head;
    let bearer = head.lines().find_map(|line| line.split_once("Bearer ")).unwrap().1;
    assert!(signed(bearer), "{head}");
    assert!(told("/analytics").body.contains("\"meeting_id\":\"lecture\""));
}
