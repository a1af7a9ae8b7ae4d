//! `getRecordings` a page at a time. The page of a pool is made of all that its instances have: where it begins on each of them, only
//! the others could tell, and BigBlueButton does not sort.

use super::super::Proxy;
use crate::body::Body;
use crate::call::{Load, Received};
use crate::failure::Failure;
use crate::table::Instance;
use crate::under_way::UnderWay;
use crate::upstream::Repeat;
use bbb::document::CONTENT_TYPE;
use bbb::listing::{ListingError, Page, Paging, Recording, Shape, Sorted, Splitter, TooFar};
use bytes::Bytes;
use futures::future::join_all;
use http::header::CONTENT_TYPE as CONTENT_TYPE_HEADER;
use http::{HeaderValue, Response};
use http_body_util::BodyExt;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::time::timeout_at;

/// What each instance is asked for first: most have no more, and it shows how the instance tells how many there are.
const FIRST: Page = Page { offset: 0, limit: Page::LIMIT_MAX };

/// Pages that one worker makes at a time; each may hold all recordings that stand before it.
const PAGES_MAX: usize = 32;

/// A page that is being made.
struct Making<'a> {
    proxy: &'a Proxy,
    received: &'a Received<'a>,
    load: &'a Load,
    /// Those that are the tenant's, of all instances.
    own: RefCell<Sorted>,
    too_far: Cell<bool>,
}

/// A list, or a page of one.
struct Part {
    /// How many were listed, whoever's they are.
    listed: usize,
    /// Those that are the tenant's.
    own: HashSet<String>,
    paging: Option<Paging>,
}

/// Why an instance is left out, or the rest of what it has.
#[derive(Debug, thiserror::Error)]
enum Incomplete {
    #[error("it does not answer")]
    Unanswered,
    #[error("its answer broke off: {0}")]
    Body(#[from] hyper::Error),
    #[error(transparent)]
    Listing(#[from] ListingError),
    #[error(transparent)]
    TooFar(#[from] TooFar),
    #[error("it cannot be called: {}", .0.label())]
    Uncallable(Failure),
}

impl Proxy {
    /// One page of the tenant's recordings. Instances that fail are left out, unless all of them do.
    pub(super) async fn page(
        &self,
        received: &Received<'_>,
        load: &Load,
        instances: &[Arc<Instance>],
        page: Page,
    ) -> Result<Response<Body>, Failure> {
        let _counted = UnderWay::begin(&self.paging, PAGES_MAX)?;
        let (own, too_far) = (RefCell::new(Sorted::new(page)), Cell::new(false));
        let making = Making { proxy: self, received, load, own, too_far };
        let shapes = join_all(instances.iter().map(|instance| making.gather(instance))).await;
        if making.too_far.get() {
            return Err(Failure::PageTooFar);
        }
        if !shapes.is_empty() && shapes.iter().all(Result::is_err) {
            return Err(Failure::NoList);
        }
        let shape = shapes.into_iter().flatten().max().flatten().unwrap_or(Shape::Total);
        let document = making.own.into_inner().document(shape);
        let mut response = Response::new(Body::Whole(Bytes::from(document)));
        response.headers_mut().insert(CONTENT_TYPE_HEADER, HeaderValue::from_static(CONTENT_TYPE));
        Ok(response)
    }
}

impl Making<'_> {
    /// Adds what one instance has, within its time; returns how it tells how many there are.
    async fn gather(&self, instance: &Instance) -> Result<Option<Shape>, Incomplete> {
        let deadline = self.received.deadline - self.proxy.reserve(instance);
        let gathered = timeout_at(deadline, self.gather_all(instance)).await.unwrap_or(Err(Incomplete::Unanswered));
        if let Err(error) = &gathered {
            tracing::warn!(instance = &*instance.url, %error, "the recordings of an instance are left out, or some of them");
            match error {
                Incomplete::Listing(_) => self.proxy.upstream.garbage(&instance.url),
                Incomplete::TooFar(_) => self.too_far.set(true),
                _ => {}
            }
        }
        gathered
    }

    async fn gather_all(&self, instance: &Instance) -> Result<Option<Shape>, Incomplete> {
        let query = Page::remove_from(self.received.query());
        let mut part = match self.add(instance, FIRST.add_to(query.clone()), &HashSet::new()).await {
            Err(Incomplete::Listing(ListingError::LeftOut)) => return Ok(None),
            part => part?,
        };
        // Releases that know no pages have listed everything.
        let Some(Paging { shape, total }) = part.paging else { return Ok(None) };
        if part.listed >= total {
            return Ok(Some(shape));
        }
        match self.add(instance, query.clone(), &part.own).await {
            Ok(_) => return Ok(Some(shape)),
            // It lists pages only.
            Err(Incomplete::Listing(ListingError::LeftOut)) => {}
            Err(error) => return Err(error),
        }
        while part.listed < total {
            let next = Page { offset: part.listed, ..FIRST };
            let next = self.add(instance, next.add_to(query.clone()), &part.own).await?;
            if next.listed == 0 {
                break;
            }
            part.listed += next.listed;
            part.own.extend(next.own);
        }
        Ok(Some(shape))
    }

    /// Adds what an instance answers to this query, but for those recordings that it has listed before.
    async fn add(&self, instance: &Instance, query: String, before: &HashSet<String>) -> Result<Part, Incomplete> {
        let Self { proxy, received, load, .. } = self;
        let edited = received.with_query(query);
        let received = received.over(&edited).map_err(Incomplete::Uncallable)?;
        let route = proxy.upstream.to(instance).map_err(Incomplete::Uncallable)?;
        let request = received.request(instance, route.target(), load.copy_without_body());
        let request = request.map_err(Incomplete::Uncallable)?;
        let called =
            proxy.upstream.call(received.call, instance, &route, request, Repeat::Always, received.deadline).await;
        let mut answer = called.map_err(|_| Incomplete::Unanswered)?.into_body();
        let mut splitter = Splitter::recordings();
        let mut part = Part { listed: 0, own: HashSet::new(), paging: None };
        while let Some(frame) = answer.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            let table = Arc::clone(proxy.table.borrow_mut().load());
            let mut own = self.own.borrow_mut();
            let mut room = Ok(());
            splitter.push(&data, |element| {
                part.listed += 1;
                let Some(recording) = Recording::read(element) else { return };
                if room.is_ok()
                    && !before.contains(&recording.id)
                    && table.owns(&received.caller, &instance.url, &recording)
                {
                    room = own.add(&recording, element);
                    part.own.insert(recording.id);
                }
            })?;
            room?;
        }
        part.paging = splitter.paging();
        splitter.finish()?;
        Ok(part)
    }
}
