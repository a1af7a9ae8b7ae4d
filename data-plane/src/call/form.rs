//! Reads the parameters in a body, before it is known where the body goes.

use crate::failure::Failure;
use crate::under_way::UnderWay;
use crate::upstream::Upload;
use bbb::Form;
use bbb::form::Layout;
use http::header::{CONTENT_TYPE, HeaderMap};
use http_body_util::BodyExt;
use std::cell::Cell;
use tokio::time::{Instant, timeout_at};

/// The most bytes of parameters: as many as BigBlueButton's Tomcat reads.
const PARAMETERS_MAX: usize = 2 << 20;

/// The most bytes before the first file of a body with parts: parameters of the longest query take as many.
const PARTS_MAX: usize = 64 << 10;

/// Bodies that one worker reads into memory at a time. There are more calls at a time, but few of them have forms.
const READING_MAX: usize = 64;

/// What kind of body a call came with.
pub(crate) enum Posted {
    /// None.
    Nothing,
    /// One with parameters in it.
    Form(Layout),
    /// Something else, whose media type this is.
    Other(Box<str>),
}

impl Posted {
    pub(crate) fn of(headers: &HeaderMap, body: &Upload) -> Self {
        if body.is_none() {
            return Self::Nothing;
        }
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match Layout::of(content_type) {
            Some(layout) => Self::Form(layout),
            None => Self::Other(content_type.split(';').next().unwrap_or_default().trim().into()),
        }
    }

    /// The media type, without its parameters.
    pub(crate) fn media_type(&self) -> Option<&str> {
        match self {
            Self::Nothing => None,
            Self::Form(Layout::Encoded) => Some(bbb::form::ENCODED),
            Self::Form(Layout::Multipart(_)) => Some(bbb::form::MULTIPART),
            Self::Other(media_type) => Some(media_type),
        }
    }
}

/// Reads as much of a body as may hold parameters; the rest stays in it.
///
/// # Errors
/// It has more of them than there can be, does not come in time, or breaks off.
pub(crate) async fn read(
    layout: &Layout,
    body: &mut Upload,
    deadline: Instant,
    reading: &Cell<usize>,
) -> Result<Form, Failure> {
    let _counted = UnderWay::begin(reading, READING_MAX)?;
    let limit = match layout {
        Layout::Encoded => PARAMETERS_MAX,
        Layout::Multipart(_) => PARTS_MAX,
    };
    let mut bytes = Vec::new();
    loop {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| Failure::Timeout)?;
        let Some(frame) = frame else { return Ok(Form::read(layout, &bytes, true).0) };
        let Ok(data) = frame.map_err(|_| Failure::BrokenUpload)?.into_data() else { continue };
        bytes.extend_from_slice(&data);
        // One that is written like a query is read at its end.
        if matches!(layout, Layout::Multipart(_)) {
            let (form, complete) = Form::read(layout, &bytes, false);
            if complete || bytes.len() > limit {
                return Ok(form);
            }
        } else if bytes.len() > limit {
            return Err(Failure::BodyTooLarge);
        }
    }
}
