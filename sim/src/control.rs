//! How people look at a running instance and switch its faults: `GET /sim`, `POST /sim/fault?kind=slow&ms=200`.

use crate::clock;
use crate::fault::Fault;
use crate::instance::Shared;
use crate::params::Params;
use crate::reply::{Body, text};
use http::request::Parts;
use http::{Response, StatusCode};

const USAGE: &str = "GET /sim shows what goes on.
POST /sim/fault?kind=none|down|slow|hang|status|garbage|truncated|redirect switches a fault,
with ms= (slow), status= (status), location= (redirect), and for_ms= to end it by itself.
";

/// Answers a request; `path` is what follows `/sim`.
pub(crate) fn answer(shared: &Shared, parts: &Parts, path: &str) -> Response<Body> {
    match (parts.method.as_str(), path) {
        ("GET", "" | "/") => text(StatusCode::OK, status(shared)),
        ("POST", "/fault") => match Fault::parse(&Params::of(parts.uri.query().unwrap_or_default(), "")) {
            Ok((fault, lasting)) => {
                let said = format!("fault: {fault:?}\n");
                shared.fail(fault, lasting);
                text(StatusCode::OK, said)
            }
            Err(error) => text(StatusCode::BAD_REQUEST, format!("{error}\n{USAGE}")),
        },
        _ => text(StatusCode::NOT_FOUND, USAGE.to_owned()),
    }
}

fn status(shared: &Shared) -> String {
    let census = shared.census(clock::now());
    let journal = shared.journal();
    let counts = ["create", "join", "end", "getMeetingInfo", "getMeetings"].map(|action| {
        let count = journal.count(action);
        format!("{action} {count}")
    });
    format!("{census:?}\nfault: {:?}\ncalls: {}\n", *shared.fault.borrow(), counts.join(", "))
}
