//! `getRecordings` a page at a time. The page of a pool is made of all that its instances have: where it begins on each of them, only
//! the others could tell, and BigBlueButton does not sort.

use super::super::Proxy;
use crate::body::Body;
use crate::call::{Load, Received};
use crate::failure::Failure;
use crate::table::{Caller, Instance};
use crate::upstream::{Answer, Repeat};
use bbb::document::CONTENT_TYPE;
use bbb::listing::{ListingError, Page, Paging, Recording, Shape, Sorted, Splitter, TooFar};
use bytes::Bytes;
use futures::future::join_all;
use http::header::CONTENT_TYPE as CONTENT_TYPE_HEADER;
use http::{HeaderValue, Response};
use http_body_util::BodyExt;
use std::sync::Arc;
use tokio::time::timeout_at;

/// What each instance is asked for first: most have no more, and it shows how the instance tells how many there are.
const FIRST: Page = Page { offset: 0, limit: Page::LIMIT_MAX };

/// A list, or a page of one.
struct Part {
    /// Those that are the tenant's.
    own: Sorted,
    /// How many were listed, whoever's they are.
    listed: usize,
    paging: Option<Paging>,
}

/// Why an instance is left out.
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
        let asked = instances.iter().map(async |instance| {
            let deadline = received.deadline - self.reserve(instance);
            let all = timeout_at(deadline, self.sorted(received, load, instance, page)).await;
            let all = all.unwrap_or(Err(Incomplete::Unanswered));
            all.inspect_err(|error| {
                tracing::warn!(instance = &*instance.url, %error, "the recordings of an instance are left out");
                if matches!(error, Incomplete::Listing(_)) {
                    self.upstream.garbage(&instance.url);
                }
            })
        });
        let answers = join_all(asked).await;
        if !answers.is_empty() && answers.iter().all(Result::is_err) {
            return Err(Failure::NoList);
        }
        let mut all = Sorted::new(page);
        let mut shape = None;
        for (own, told) in answers.into_iter().flatten() {
            all.merge(own).map_err(|TooFar| Failure::PageTooFar)?;
            shape = shape.max(told);
        }
        let document = all.document(shape.unwrap_or(Shape::Total));
        let mut response = Response::new(Body::Whole(Bytes::from(document)));
        response.headers_mut().insert(CONTENT_TYPE_HEADER, HeaderValue::from_static(CONTENT_TYPE));
        Ok(response)
    }

    /// What the tenant has on one instance, and how that tells how many there are.
    async fn sorted(
        &self,
        received: &Received<'_>,
        load: &Load,
        instance: &Instance,
        page: Page,
    ) -> Result<(Sorted, Option<Shape>), Incomplete> {
        let query = Page::remove_from(received.query());
        let ask = async |query| self.part(received, load, instance, query, page).await;
        let Part { mut own, mut listed, paging } = match ask(FIRST.add_to(query.clone())).await {
            Err(Incomplete::Listing(ListingError::LeftOut)) => return Ok((Sorted::new(page), None)),
            part => part?,
        };
        // Releases that know no pages have listed everything.
        let Some(Paging { shape, total }) = paging else { return Ok((own, None)) };
        if listed >= total {
            return Ok((own, Some(shape)));
        }
        match ask(query.clone()).await {
            Ok(whole) => return Ok((whole.own, Some(shape))),
            // It lists pages only.
            Err(Incomplete::Listing(ListingError::LeftOut)) => {}
            Err(error) => return Err(error),
        }
        while listed < total {
            let next = ask(Page { offset: listed, ..FIRST }.add_to(query.clone())).await?;
            if next.listed == 0 {
                break;
            }
            listed += next.listed;
            own.merge(next.own)?;
        }
        Ok((own, Some(shape)))
    }

    async fn part(
        &self,
        received: &Received<'_>,
        load: &Load,
        instance: &Instance,
        query: String,
        page: Page,
    ) -> Result<Part, Incomplete> {
        let edited = received.with_query(query);
        let received = received.over(&edited).map_err(Incomplete::Uncallable)?;
        let route = self.upstream.to(instance).map_err(Incomplete::Uncallable)?;
        let request =
            received.request(instance, route.target(), load.copy_without_body()).map_err(Incomplete::Uncallable)?;
        let called = self.upstream.call(instance, &route, request, Repeat::Always, received.deadline).await;
        let answer = called.map_err(|_| Incomplete::Unanswered)?.into_body();
        self.read(&received.caller, &instance.url, answer, page).await
    }

    async fn read(&self, caller: &Caller, instance: &str, mut answer: Answer, page: Page) -> Result<Part, Incomplete> {
        let mut splitter = Splitter::recordings();
        let mut part = Part { own: Sorted::new(page), listed: 0, paging: None };
        while let Some(frame) = answer.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            let table = Arc::clone(self.table.borrow_mut().load());
            let mut room = Ok(());
            splitter.push(&data, |element| {
                part.listed += 1;
                let recording = Recording::read(element).filter(|recording| table.owns(caller, instance, recording));
                if let (Some(recording), Ok(())) = (recording, room) {
                    room = part.own.add(&recording, element);
                }
            })?;
            room?;
        }
        part.paging = splitter.paging();
        splitter.finish()?;
        Ok(part)
    }
}
