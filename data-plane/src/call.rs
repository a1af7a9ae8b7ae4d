//! A call whose sender is known, and what is passed on with it.

mod form;
mod load;

pub(crate) use form::Posted;
pub(crate) use load::Load;

use crate::failure::Failure;
use crate::proxy::Asked;
use crate::table::{Caller, Instance};
use crate::upstream::{Target, Upload};
use bbb::checksum::{ChecksumError, Signed};
use bbb::parameters::Edit;
use bbb::query::{Ambiguous, decode};
use bbb::{Call, Form, MeetingKey, Query};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};
use std::borrow::Cow;
use tokio::time::Instant;

/// A call that one of its tenant's secrets signed.
pub(crate) struct Received<'a> {
    pub(crate) call: Call,
    pub(crate) caller: Caller,
    /// When its answer must have begun.
    pub(crate) deadline: Instant,
    pub(crate) asked: &'a Asked,
    method: &'a Method,
    query: Query<'a>,
    /// The parameters in its body.
    form: Option<&'a Form>,
    signed: Signed<'a>,
}

/// The meeting that a call is about.
pub(crate) struct About<'a> {
    pub(crate) id: Cow<'a, [u8]>,
    pub(crate) key: MeetingKey,
}

/// The parameters of a call as they are to be, still with the checksum that they came with.
#[derive(Debug)]
pub(crate) struct Edited {
    query: String,
    form: Option<Form>,
}

impl<'a> Received<'a> {
    /// Checks who sent a call whose checksum is in its query; `None` if there is none, so that it may be in the body.
    ///
    /// # Errors
    /// [`Failure::Checksum`] if it was not the tenant.
    pub(crate) fn check(
        call: Call,
        method: &'a Method,
        query: Query<'a>,
        caller: &Caller,
        deadline: Instant,
        asked: &'a Asked,
    ) -> Result<Option<Self>, Failure> {
        let signed = match Signed::find(query) {
            Ok(signed) => signed,
            Err(ChecksumError::Missing) if !query.pairs().any(|pair| pair.name == "checksum") => return Ok(None),
            Err(_) => return Err(Failure::Checksum),
        };
        let received = Self { call, caller: caller.clone(), deadline, asked, method, query, form: None, signed };
        let valid = received.may_sign() && signed.verify(call.name(), &caller.tenant.secrets);
        if valid { Ok(Some(received)) } else { Err(Failure::Checksum) }
    }

    /// Checks who sent a call whose checksum is in its body.
    ///
    /// # Errors
    /// [`Failure::Checksum`] if it was not the tenant, or there is none.
    pub(crate) fn check_form(
        call: Call,
        method: &'a Method,
        query: Query<'a>,
        form: &'a Form,
        caller: &Caller,
        deadline: Instant,
        asked: &'a Asked,
    ) -> Result<Self, Failure> {
        let shown = match form.get_one("checksum") {
            Ok(Some(Cow::Borrowed(shown))) if form.count("checksum") == 1 => std::str::from_utf8(shown),
            // One that has to be decoded is none.
            _ => return Err(Failure::Checksum),
        };
        let shown = shown.map_err(|_| Failure::Checksum)?;
        let signed = Signed::in_body(query, shown).map_err(|_| Failure::Checksum)?;
        let received = Self { call, caller: caller.clone(), deadline, asked, method, query, form: Some(form), signed };
        let secrets = &caller.tenant.secrets;
        let valid = signed.verify(call.name(), secrets)
            || query.as_str().is_empty() && signed.verify_over(&[&form.as_signed_of_old()], call.name(), secrets);
        if valid && received.may_sign() { Ok(received) } else { Err(Failure::Checksum) }
    }

    /// The tenant signs in this way.
    fn may_sign(&self) -> bool {
        let allowed = &self.caller.tenant.algorithms;
        allowed.is_empty() || allowed.contains(&self.signed.algorithm())
    }

    /// The same with the parameters of its body.
    ///
    /// # Errors
    /// [`Failure::Checksum`] if that has a checksum too.
    pub(crate) fn with_form(self, form: &'a Form) -> Result<Self, Failure> {
        match form.count("checksum") {
            0 => Ok(Self { form: Some(form), ..self }),
            _ => Err(Failure::Checksum),
        }
    }

    /// The same with other parameters.
    ///
    /// # Errors
    /// [`Failure::Checksum`] if what was edited was not what was meant.
    pub(crate) fn over<'b>(&self, edited: &'b Edited) -> Result<Received<'b>, Failure>
    where
        'a: 'b,
    {
        let query = Query::new(&edited.query);
        let signed = match self.signed.is_in_body() && edited.form.is_some() {
            true => Signed::in_body(query, self.signed.shown()),
            false => Signed::find(query),
        };
        Ok(Received {
            call: self.call,
            caller: self.caller.clone(),
            deadline: self.deadline,
            asked: self.asked,
            method: if edited.form.is_some() || self.form.is_none() { self.method } else { &Method::GET },
            query,
            form: edited.form.as_ref(),
            signed: signed.map_err(|_| Failure::Checksum)?,
        })
    }

    /// Its query, as it came.
    pub(crate) fn query(&self) -> Query<'a> {
        self.query
    }

    /// Its parameters, with another query in the place of its own, in which the checksum still stands.
    pub(crate) fn with_query(&self, query: String) -> Edited {
        Edited { query, form: self.form.cloned() }
    }

    /// What the call says of a parameter, decoded.
    ///
    /// # Errors
    /// It says several things: then instances would differ in which one they take.
    pub(crate) fn value(&self, name: &str) -> Result<Option<Cow<'a, [u8]>>, Ambiguous> {
        let in_query = self.query.get_one(name)?;
        let Some(form) = self.form else { return Ok(in_query) };
        match (in_query, form.get_one(name)?) {
            (Some(one), Some(other)) if one != other => Err(Ambiguous),
            (one, other) => Ok(one.or(other)),
        }
    }

    /// It has this parameter, whose name may be written in any case: names of metadata mean the same in every case.
    pub(crate) fn has_metadata(&self, name: &str) -> bool {
        let in_query = self.query.pairs().any(|pair| decode(pair.name).eq_ignore_ascii_case(name.as_bytes()));
        in_query || self.form.is_some_and(|form| form.pairs().any(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes())))
    }

    /// The first value of a piece of metadata, whose name may be written in any case.
    pub(crate) fn metadata(&self, name: &str) -> Option<String> {
        let is_meant = |own: &[u8]| own.eq_ignore_ascii_case(name.as_bytes());
        let in_query = self.query.pairs().find(|pair| is_meant(&decode(pair.name))).map(|pair| decode(pair.value));
        let in_form = || self.form?.pairs().find(|(own, _)| is_meant(own)).map(|(_, value)| value);
        in_query.or_else(in_form).map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    /// The meeting it names.
    ///
    /// # Errors
    /// It names none, or several.
    pub(crate) fn about(&self) -> Result<About<'a>, Failure> {
        let id = self.value("meetingID").map_err(|_| Failure::AmbiguousMeetingId)?;
        let id = id.filter(|id| !id.is_empty()).ok_or(Failure::MissingMeetingId)?;
        let key = MeetingKey::of(&id);
        Ok(About { id, key })
    }

    /// The meeting that a create makes a breakout room of.
    ///
    /// # Errors
    /// It names several.
    pub(crate) fn parent(&self) -> Result<Option<MeetingKey>, Failure> {
        let value = |name| self.value(name).map_err(|_| Failure::AmbiguousMeetingId);
        let is_breakout = |value: &[u8]| value == b"1" || value.eq_ignore_ascii_case(b"true");
        match (value("isBreakout")?, value("parentMeetingID")?) {
            (Some(breakout), Some(parent)) if is_breakout(&breakout) => Ok(Some(MeetingKey::of(&parent))),
            _ => Ok(None),
        }
    }

    /// Its parameters, edited: where they stand if the call has them, else at the end of the query.
    pub(crate) fn edited(&self, edits: &[Edit]) -> Edited {
        let (mut query, mut form) = (Cow::Borrowed(self.query.as_str()), self.form.map(Cow::Borrowed));
        for edit in edits {
            let in_form = form.as_ref().and_then(|form| form.with(|name| edit.means(name), edit.value.as_deref()));
            let append = in_form.is_none();
            query = Cow::Owned(edit.apply(&query, append).0);
            form = in_form.map(Cow::Owned).or(form);
        }
        Edited { query: query.into_owned(), form: form.map(Cow::into_owned) }
    }

    /// Its parameters without a body: those that stand there, behind those of the query.
    pub(crate) fn bodiless(&self) -> Edited {
        let mut query = self.query.as_str().to_owned();
        let more = self.form.map(Form::as_query).unwrap_or_default();
        let checksum =
            if self.signed.is_in_body() { format!("checksum={}", self.signed.shown()) } else { String::new() };
        for more in [more, checksum].iter().filter(|more| !more.is_empty()) {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(more);
        }
        Edited { query, form: None }
    }

    /// It has parameters in its body.
    pub(crate) fn has_form(&self) -> bool {
        self.form.is_some()
    }

    /// The request to an instance: everything as it came, except for the signature.
    ///
    /// # Errors
    /// The instance's url is none that a call could be sent to.
    pub(crate) fn request(&self, instance: &Instance, target: &Target, load: Load) -> Result<Request<Upload>, Failure> {
        let Load { mut headers, mut body, posted } = load;
        headers.insert(HOST, target.authority.clone());
        if let Some(form) = self.form {
            // The lengths of checksums differ.
            headers.remove(CONTENT_LENGTH);
            body.begin_with(self.resigned_form(form, instance));
        }
        let path = self.resigned(&target.path, instance);
        // All of it stood in a url before.
        let path = PathAndQuery::from_maybe_shared(Bytes::from(path)).map_err(|_| Failure::Unreachable)?;
        let mut request = Request::new(body);
        *request.method_mut() = if posted { Method::POST } else { self.method.clone() };
        *request.uri_mut() = Uri::from(path);
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// The call as a url or the end of one, with the checksum that the instance demands.
    pub(crate) fn resigned(&self, base: &str, instance: &Instance) -> String {
        let (name, query) = (self.call.name(), self.query.as_str().len());
        let checksums = instance.algorithm.length() - self.signed.algorithm().length().min(instance.algorithm.length());
        let mut path = String::with_capacity(base.len() + name.len() + 1 + query + checksums);
        path.push_str(base);
        path.push_str(name);
        path.push('?');
        self.signed.resign(name, &instance.secret, instance.algorithm, &mut path);
        path
    }

    /// The form with the checksum that the instance demands, if that stands in it.
    fn resigned_form(&self, form: &Form, instance: &Instance) -> Bytes {
        if !self.signed.is_in_body() {
            return Bytes::copy_from_slice(form.as_bytes());
        }
        let sign = |text: &[&str]| instance.algorithm.sign(self.call.name(), text, &instance.secret);
        let checksum = match instance.signs_forms && self.query.as_str().is_empty() {
            true => sign(&[&form.as_signed_of_old()]),
            false => sign(&self.signed.query()),
        };
        let resigned = form.with(|name| name == b"checksum", Some(checksum.as_str()));
        Bytes::copy_from_slice(resigned.as_ref().unwrap_or(form).as_bytes())
    }
}
