//! Who may call: the key of every call is checked in front of the service it is for.

use b3lb_config::Live;
use bbb::Secret;
use futures::future::{Either, Ready, ready};
use http::{HeaderMap, Request, Response, header};
use std::sync::Arc;
use std::task::{Context, Poll};
use subtle::ConstantTimeEq;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

/// The keys that open the services.
#[derive(Debug, Clone)]
pub struct Keys(Live);

/// There would be no way to administer the pool, or for a proxy to learn of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("admin.api_key is missing: operators and proxies show it to the control plane, so it cannot start without one")]
pub struct NoAdminKey;

/// Whose key was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// May call everything.
    Admin,
    /// May call what a proxy needs.
    Proxy,
}

/// Puts a [`Guarded`] in front of a service.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) keys: Arc<Keys>,
    /// The one with the least rights who may pass.
    pub(super) least: Caller,
}

/// A service that is called only with the right key.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl Keys {
    /// The keys of the configuration, as it is whenever one is shown. Without a token of their own, proxies show the admin key.
    ///
    /// # Errors
    /// If there is no admin key.
    pub fn new(live: Live) -> Result<Self, NoAdminKey> {
        let given = given(&live.now().admin.api_key).is_some();
        if given { Ok(Self(live)) } else { Err(NoAdminKey) }
    }

    /// The headers show the admin key.
    pub(crate) fn is_admin(&self, headers: &HeaderMap) -> bool {
        self.caller(headers) == Some(Caller::Admin)
    }

    /// Whose key the headers show, as `Bearer <key>` or the key alone.
    fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let shown = headers.get(header::AUTHORIZATION)?.as_bytes();
        let shown = match shown.split_at_checked(BEARER.len()) {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case(BEARER) => key.trim_ascii(),
            _ => shown.trim_ascii(),
        };
        let is = |key: &Option<Secret>| given(key).is_some_and(|key| key.reveal().as_bytes().ct_eq(shown).into());
        let settings = self.0.now();
        let (admin, proxy) = (is(&settings.admin.api_key), is(&settings.control_plane.proxy_token));
        match (admin, proxy) {
            (true, _) => Some(Caller::Admin),
            (false, true) => Some(Caller::Proxy),
            (false, false) => None,
        }
    }
}

/// A key that is empty opens nothing.
fn given(key: &Option<Secret>) -> Option<&Secret> {
    key.as_ref().filter(|key| !key.reveal().is_empty())
}

const BEARER: &[u8] = b"bearer ";

impl Guard {
    fn admit(&self, headers: &HeaderMap) -> Result<Caller, Status> {
        let key = match self.least {
            Caller::Admin => "admin key",
            Caller::Proxy => "proxy token",
        };
        let call = || format!("call with `authorization: Bearer <{key}>`");
        match (self.keys.caller(headers), self.least) {
            (Some(Caller::Proxy), Caller::Admin) => {
                Err(Status::permission_denied(format!("a proxy token does not open this service; {}", call())))
            }
            (Some(caller), _) => Ok(caller),
            (None, _) if headers.contains_key(header::AUTHORIZATION) => {
                Err(Status::unauthenticated(format!("the key shown is none of this control plane's; {}", call())))
            }
            (None, _) => Err(Status::unauthenticated(format!("no key was shown; {}", call()))),
        }
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: self.clone(), inner }
    }
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Self::Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.guard.admit(request.headers()) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                Either::Right(self.inner.call(request))
            }
            Err(refusal) => {
                tracing::debug!(path = request.uri().path(), "refused: {}", refusal.message());
                Either::Left(ready(Ok(refusal.into_http())))
            }
        }
    }
}
