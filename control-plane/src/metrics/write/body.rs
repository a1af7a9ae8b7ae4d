//! The body of a write: received and unpacked within bounds.

use super::refusal::Refusal;
use axum::body::Body;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use std::io::Read;
use std::time::Duration;

/// The largest body, as sent and as unpacked: some four times a batch of a thousand metrics, which is telegraf's default. Telegraf
/// splits what is larger.
const BODY_MAX: usize = 4 << 20;

/// How long a body may take to arrive; telegraf itself gives up after five seconds.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The body as it was sent.
pub(super) async fn receive(body: Body) -> Result<Vec<u8>, Refusal> {
    tokio::time::timeout(BODY_TIMEOUT, read(body)).await.unwrap_or(Err(Refusal::Slow))
}

/// What is too large is read to its end nevertheless: a client that is still sending might not see the answer.
async fn read(mut body: Body) -> Result<Vec<u8>, Refusal> {
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::CutOff)?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        length = length.saturating_add(data.len());
        if length <= BODY_MAX {
            bytes.extend_from_slice(data);
        }
    }
    if length <= BODY_MAX { Ok(bytes) } else { Err(Refusal::TooLarge) }
}

/// The text in the body. Never more of it is unpacked than is taken.
pub(super) fn unpack(headers: &HeaderMap, body: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    let encoding = headers.get(header::CONTENT_ENCODING).map_or(&b""[..], |encoding| encoding.as_bytes());
    match encoding.to_ascii_lowercase().as_slice() {
        b"" | b"identity" => Ok(body),
        b"gzip" | b"x-gzip" => {
            let mut text = Vec::new();
            let limit = BODY_MAX as u64 + 1;
            MultiGzDecoder::new(&*body).take(limit).read_to_end(&mut text).map_err(|_| Refusal::Gzip)?;
            if text.len() <= BODY_MAX { Ok(text) } else { Err(Refusal::TooLarge) }
        }
        other => Err(Refusal::Encoding(String::from_utf8_lossy(other).into_owned())),
    }
}
