//! What is changed in calls before they are signed anew: parameters that operators give, and whose meeting it is.

use super::{Proxy, redirect};
use crate::body::Body;
use crate::call::{Load, Received};
use crate::failure::Failure;
use crate::table::Instance;
use bbb::callback::seal::Destination;
use bbb::callback::{self, Kind};
use bbb::parameters::{self, Edit, Parameters};
use bbb::{MeetingKey, document};
use http::Response;
use url::Url;

/// Says whose a meeting is, and later its recordings.
const LABEL: &str = "meta_b3lb-tenant";

/// The same for BigBlueSwarm's telegraf plugin.
const SWARM_LABEL: &str = "meta_bigblueswarm-tenant";

/// The tenant that every host belongs to; nothing says of a meeting that it is everybody's.
const EVERYBODY: &str = "*";

impl Proxy {
    /// What has to be edited in a create.
    pub(super) fn edits_of_create(&self, received: &Received<'_>) -> Vec<Edit> {
        let (own, all) = (&received.caller.tenant.parameters, &self.settings().parameters);
        let mut edits = if is_nothing(all) && is_nothing(own) {
            Vec::new()
        } else {
            parameters::of_create(all, own, |name| text(received, name))
        };
        edits.extend(self.labels(received));
        edits.extend(self.exactly(received, "parentMeetingID"));
        edits
    }

    /// What an instance would take for the beginning of an internal id, and so maybe for another tenant's meeting, is made to begin the
    /// internal id of the tenant's own.
    pub(super) fn exactly(&self, received: &Received<'_>, name: &str) -> Option<Edit> {
        if self.table.borrow_mut().load().is_only_tenant(&received.caller.tenant.host) {
            return None;
        }
        let id = received.value(name).ok()??;
        let value = MeetingKey::of(&id).to_string();
        MeetingKey::begins_internal(&id).then(|| Edit { name: name.to_owned(), value: Some(value) })
    }

    /// A frontend cannot say that its meeting is somebody else's.
    fn labels(&self, received: &Received<'_>) -> impl Iterator<Item = Edit> {
        let host = Some(&*received.caller.tenant.host).filter(|host| *host != EVERYBODY);
        let label = |name: &str, wanted: bool| {
            let value = host.filter(|_| wanted).map(str::to_owned);
            (value.is_some() || received.has_metadata(name)).then(|| Edit { name: name.to_owned(), value })
        };
        let swarm = self.settings().bigbluebutton.labels_for_swarm || received.has_metadata(SWARM_LABEL);
        [label(LABEL, true), label(SWARM_LABEL, swarm)].into_iter().flatten()
    }

    /// Where instances reach the proxies: `base`, where the frontend did, unless the configuration says otherwise.
    pub(super) fn callback_base(&self, base: &str) -> String {
        let settings = self.settings();
        match &settings.data_plane.public_url {
            Some(url) => url.origin().ascii_serialization(),
            None => base.to_owned(),
        }
    }

    /// Signed callbacks come by here, as the frontend would refuse what the instance signs. `base` is where the frontend reaches us.
    pub(super) fn callbacks(&self, received: &Received<'_>, instance: &Instance, base: &str) -> Vec<Edit> {
        let tenant = &received.caller.tenant;
        if tenant.secrets.first() == Some(&instance.secret) {
            return Vec::new();
        }
        let edit = |(name, kind): (&str, Kind)| {
            let url = received.metadata(name)?;
            let parsed = Url::parse(&url).ok()?;
            if !matches!(parsed.scheme(), "http" | "https") {
                return None;
            }
            let (tenant, instance) = (tenant.host.to_string(), instance.url.to_string());
            let destination = Destination { kind, tenant, instance, url, hook: None, base: String::new() };
            Some(Edit {
                name: name.to_owned(),
                value: Some(self.callbacks.url(&self.callback_base(base), &destination)),
            })
        };
        callback::PARAMETERS.into_iter().filter_map(edit).collect()
    }

    /// Adds slides to a create that brings none, if somebody wants that.
    pub(super) fn add_slides(&self, received: &Received<'_>, load: &mut Load) {
        let wanted = [&received.caller.tenant.parameters, &self.settings().parameters];
        let slides = wanted.into_iter().map(|parameters| &parameters.slides).find(|slides| !slides.is_empty());
        let Some(slides) = slides else { return };
        if load.is_bodiless() && text(received, "preUploadedPresentation").is_none() {
            load.post(document::slides(slides), "application/xml");
        }
    }

    /// Sends a frontend's user to the instance.
    pub(super) fn join(&self, received: &Received<'_>, instance: &Instance) -> Result<Response<Body>, Failure> {
        let (own, all) = (&received.caller.tenant.parameters, &self.settings().parameters);
        if is_nothing(all) && is_nothing(own) {
            return redirect(received, instance);
        }
        let edits = parameters::of_join(all, own, |name| text(received, name));
        redirect(&received.over(&received.edited(&edits))?, instance)
    }
}

fn is_nothing(parameters: &Parameters) -> bool {
    *parameters == Parameters::default()
}

/// What a call says of a parameter; one that it says several things of is replaced as a whole.
fn text(received: &Received<'_>, name: &str) -> Option<String> {
    let value = received.value(name).unwrap_or_default()?;
    Some(String::from_utf8_lossy(&value).into_owned())
}
