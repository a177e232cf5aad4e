//! Answers that stay under a size limit by carrying fewer rows.
//!
//! A Lambda function's answer travels as JSON and may be 6,291,456 bytes in that form, so what counts is not
//! the body but its *encoded* size: base64 of a gzipped body, or the JSON string of a plain one.

use std::convert::Infallible;
use std::io::Write;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Bodies below this many bytes are not worth compressing.
const GZIP_FROM_BYTES: usize = 1024;
/// Speed over size: level 3 takes less than half the time of the default and a table shrinks 20-fold anyway.
const GZIP_LEVEL: u32 = 3;

/// What the answer to one request may weigh, and whether it may be gzipped. Handlers extract it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    /// Most bytes of the encoded answer, or `None` where nothing limits it.
    pub limit_bytes: Option<usize>,
    /// Whether the client takes gzip.
    pub gzip: bool,
}

/// A body ready to be sent.
#[derive(Debug)]
pub struct Packed {
    bytes: Vec<u8>,
    gzip: bool,
}

impl Packed {
    /// Puts the body into an answer with the headers that describe it.
    pub fn into_response(self) -> Response<Body> {
        let length = self.bytes.len();
        let mut response = Response::new(Body::from(self.bytes));
        let headers = response.headers_mut();
        if self.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        response
    }

    /// Bytes that this body takes inside Lambda's JSON.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        if self.gzip {
            self.bytes.len().div_ceil(3) * 4
        } else {
            self.bytes.iter().map(|&b| json_bytes(b)).sum()
        }
    }
}

impl Budget {
    /// Gzips a body if the client takes it and it is worth it.
    #[must_use]
    pub fn pack(&self, bytes: Vec<u8>) -> Packed {
        if !self.gzip || bytes.len() < GZIP_FROM_BYTES {
            return Packed { bytes, gzip: false };
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), Compression::new(GZIP_LEVEL));
        match encoder.write_all(&bytes).and_then(|()| encoder.finish()) {
            Ok(packed) => Packed { bytes: packed, gzip: true },
            // Writing into memory does not fail; if it did, the plain body is as good an answer.
            Err(_) => Packed { bytes, gzip: false },
        }
    }

    /// Renders with as many of `rows` as fit, and says how many those were.
    ///
    /// `render` is given the number of leading rows to show. It is called again with fewer until the answer
    /// fits; an answer with no rows at all is sent whatever it weighs.
    ///
    /// # Errors
    /// Passes on the first error of `render`.
    pub fn fit<E>(
        &self,
        rows: usize,
        mut render: impl FnMut(usize) -> Result<Vec<u8>, E>,
    ) -> Result<(Packed, usize), E> {
        let mut shown = rows;
        loop {
            let packed = self.pack(render(shown)?);
            let Some(limit) = self.limit_bytes else { return Ok((packed, shown)) };
            let encoded = packed.encoded_bytes();
            if encoded <= limit || shown == 0 {
                return Ok((packed, shown));
            }
            shown = fewer(shown, encoded, limit);
        }
    }
}

/// Scales the number of rows to the limit with 3 % to spare, so that the second try nearly always fits.
fn fewer(shown: usize, encoded: usize, limit: usize) -> usize {
    let scaled = (shown as u128) * (limit as u128) * 97 / (100 * encoded as u128);
    usize::try_from(scaled).unwrap_or(0).min(shown - 1)
}

/// Bytes that one byte takes in a JSON string as serde_json writes it.
fn json_bytes(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0x00..=0x1f => 6,
        _ => 1,
    }
}

impl<S: Sync> FromRequestParts<S> for Budget {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rows: usize) -> Result<Vec<u8>, Infallible> {
        Ok((0..rows).map(|row| format!("row \"{row}\"\n")).collect::<String>().into_bytes())
    }

    #[test]
    fn encoded_bytes_are_those_of_serde_json() {
        let text = "plain \"quoted\" \\ \n\r\t \u{8}\u{c}\u{1}\u{1f} é 漢";
        let packed = Packed { bytes: text.as_bytes().to_vec(), gzip: false };
        assert_eq!(packed.encoded_bytes() + 2, serde_json::to_string(text).unwrap().len());
    }

    #[test]
    fn without_a_limit_every_row_is_shown() {
        let (_, shown) = Budget::default().fit(1000, lines).unwrap();
        assert_eq!(shown, 1000);
    }

    #[test]
    fn a_limit_keeps_the_first_rows() {
        for gzip in [false, true] {
            let budget = Budget { limit_bytes: Some(4096), gzip };
            let (packed, shown) = budget.fit(100_000, lines).unwrap();
            assert!(packed.encoded_bytes() <= 4096);
            assert!(packed.encoded_bytes() > 2048, "gzip {gzip}: {} is wasteful", packed.encoded_bytes());
            assert!(shown > 100 && shown < 100_000);
        }
    }

    #[test]
    fn a_hopeless_limit_shows_no_rows() {
        let budget = Budget { limit_bytes: Some(1), gzip: false };
        let (_, shown) = budget.fit(10, |rows| Ok::<_, Infallible>(vec![b'x'; rows + 100])).unwrap();
        assert_eq!(shown, 0);
    }
}
