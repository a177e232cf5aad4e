//! Artifacts in a bucket.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use bytes::Bytes;
use lurelight_store::{ArtifactStore, ETag, Entry, Error, ErrorKind, Key, Object};

use crate::failure::{failure, status};

/// Larger objects are sent in parts of this size.
pub(crate) const PART_BYTES: usize = 8 << 20;

/// How often a write is sent that S3 answers with 409, since another one to the same object is under way.
const CONFLICT_ATTEMPTS: u32 = 8;

/// How often an object is read whose bytes do not arrive whole. The SDK repeats requests, not bodies.
const BODY_ATTEMPTS: u32 = 3;

/// The user metadata by which a writer knows its own write again.
pub(crate) const WRITE_ID: &str = "lurelight-write";

/// Artifacts in a bucket of S3.
///
/// Writes carry their condition (`If-None-Match: *`, `If-Match`), so that S3 itself decides who was first. A write
/// whose answer was lost may be sent again by the SDK and then meets itself: each write has an id of its own in the
/// object's metadata, and one that is refused looks whether what stands there is its own.
#[derive(Clone)]
pub struct S3Artifacts {
    client: Client,
    bucket: String,
}

/// What must be true of an object for a write to happen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Condition<'a> {
    Absent,
    State(&'a ETag),
    Anything,
}

/// Why a write did not happen.
pub(crate) enum Refusal {
    /// The condition does not hold, or nobody can say.
    Condition,
    /// Another write is under way; the condition may hold after it.
    Busy,
    /// Anything else.
    Failed(Error),
}

impl S3Artifacts {
    /// The artifacts in a bucket, which must exist. Nothing is sent.
    #[must_use]
    pub fn new(settings: &SdkConfig, bucket: impl Into<String>) -> S3Artifacts {
        // Emulators answer on one host for all buckets.
        let elsewhere =
            settings.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        let config = aws_sdk_s3::config::Builder::from(settings).force_path_style(elsewhere).build();
        S3Artifacts { client: Client::from_conf(config), bucket: bucket.into() }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(crate) fn object(&self, key: &Key) -> String {
        format!("{}/{key}", self.place())
    }

    async fn write(&self, key: &Key, bytes: Bytes, condition: Condition<'_>) -> Result<ETag, Error> {
        let id = format!("{:032x}", fastrand::u128(..));
        for attempt in 0..CONFLICT_ATTEMPTS {
            let written = if bytes.len() > PART_BYTES {
                self.write_in_parts(key, &bytes, condition, &id).await
            } else {
                self.write_at_once(key, &bytes, condition, &id).await
            };
            match written {
                Ok(etag) => return Ok(etag),
                Err(Refusal::Failed(error)) => return Err(error),
                Err(Refusal::Condition) => return self.refused(key, condition, &id).await,
                Err(Refusal::Busy) => {
                    let most_ms = 50_u64 << attempt.min(5);
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=most_ms))).await;
                }
            }
        }
        let message =
            format!("{CONFLICT_ATTEMPTS} times another write was under way; doing it again later helps");
        Err(Error::new(ErrorKind::Unavailable, self.object(key), message))
    }

    async fn write_at_once(
        &self,
        key: &Key,
        bytes: &Bytes,
        condition: Condition<'_>,
        id: &str,
    ) -> Result<ETag, Refusal> {
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .metadata(WRITE_ID, id)
            .content_type(content_type(key))
            .body(ByteStream::from(bytes.clone()));
        let request = match condition {
            Condition::Absent => request.if_none_match("*"),
            Condition::State(ETag(etag)) => request.if_match(etag),
            Condition::Anything => request,
        };
        match request.send().await {
            Ok(written) => self.etag(key, written.e_tag).map_err(Refusal::Failed),
            Err(error) => Err(self.refusal(key, condition, error)),
        }
    }

    /// Why S3 did not write, from its answer.
    pub(crate) fn refusal<E>(
        &self,
        key: &Key,
        condition: Condition<'_>,
        error: SdkError<E, HttpResponse>,
    ) -> Refusal
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match (condition, status(&error), error.code()) {
            (Condition::Absent | Condition::State(_), Some(412), _) => Refusal::Condition,
            (Condition::State(_), Some(404), code) if code != Some("NoSuchBucket") => Refusal::Condition,
            // An upload is gone when it is done: perhaps the answer to the request that ended it was lost.
            (_, Some(404), Some("NoSuchUpload")) => Refusal::Condition,
            (_, Some(409), Some("ConditionalRequestConflict" | "OperationAborted")) => Refusal::Busy,
            _ => Refusal::Failed(failure(&self.object(key), "cannot be written", error)),
        }
    }

    /// What a refused write comes to: it may have been refused because it had been done.
    async fn refused(&self, key: &Key, condition: Condition<'_>, id: &str) -> Result<ETag, Error> {
        let head = self.client.head_object().bucket(&self.bucket).key(key.as_str()).send().await;
        let found = match head {
            Ok(head) => {
                if head
                    .metadata
                    .as_ref()
                    .and_then(|metadata| metadata.get(WRITE_ID))
                    .is_some_and(|own| own == id)
                {
                    return self.etag(key, head.e_tag);
                }
                true
            }
            Err(error) if status(&error) == Some(404) => false,
            Err(error) => return Err(failure(&self.object(key), "cannot be looked at", error)),
        };
        let (kind, message) = match (condition, found) {
            (Condition::State(_), false) => (ErrorKind::NotFound, "there is no such object"),
            (Condition::Absent, true) => (ErrorKind::AlreadyExists, "is there already"),
            _ => (ErrorKind::Conflict, "was changed meanwhile; look at it and decide anew"),
        };
        Err(Error::new(kind, self.object(key), message))
    }

    pub(crate) fn etag(&self, key: &Key, etag: Option<String>) -> Result<ETag, Error> {
        let none = || {
            let message = "the answer does not say which state it is (no ETag); is this S3?";
            Error::new(ErrorKind::Unavailable, self.object(key), message)
        };
        etag.map(ETag).ok_or_else(none)
    }

    fn reading(&self, key: &Key) -> GetObjectFluentBuilder {
        self.client.get_object().bucket(&self.bucket).key(key.as_str()).checksum_mode(ChecksumMode::Enabled)
    }

    /// All bytes that a request brings, asking again where they do not arrive whole. `None` where the answer is
    /// that nothing changed.
    async fn read(&self, key: &Key, request: GetObjectFluentBuilder) -> Result<Option<Object>, Error> {
        let mut attempt = 1;
        loop {
            let answer: Result<GetObjectOutput, SdkError<GetObjectError, HttpResponse>> =
                request.clone().send().await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) if status(&error) == Some(304) => return Ok(None),
                Err(error) if status(&error) == Some(416) => {
                    let message = "the range begins behind the object's end";
                    return Err(Error::new(ErrorKind::Invalid, self.object(key), message).because(error));
                }
                Err(error) => return Err(failure(&self.object(key), "cannot be read", error)),
            };
            let etag = self.etag(key, answer.e_tag)?;
            match answer.body.collect().await {
                Ok(body) => return Ok(Some(Object { bytes: body.into_bytes(), etag })),
                Err(error) if attempt < BODY_ATTEMPTS => {
                    tracing::warn!(key = key.as_str(), %error, attempt, "an object did not arrive whole; it is read again");
                    attempt += 1;
                }
                Err(error) => {
                    let message = format!(
                        "{BODY_ATTEMPTS} times it did not arrive whole and unchanged ({error}); doing it again may help"
                    );
                    return Err(Error::new(ErrorKind::Unavailable, self.object(key), message).because(error));
                }
            }
        }
    }

    async fn read_whole(&self, key: &Key, request: GetObjectFluentBuilder) -> Result<Object, Error> {
        let nothing = || {
            let message = "S3 says that it has not changed, and was not asked that";
            Error::new(ErrorKind::Unavailable, self.object(key), message)
        };
        self.read(key, request).await?.ok_or_else(nothing)
    }
}

/// What a browser should take an object for.
pub(crate) fn content_type(key: &Key) -> &'static str {
    let types: HashMap<&str, &str> = HashMap::from([
        ("json", "application/json"),
        ("html", "text/html; charset=utf-8"),
        ("csv", "text/csv; charset=utf-8"),
        ("parquet", "application/vnd.apache.parquet"),
    ]);
    let extension = key.as_str().rsplit_once('.').map_or("", |(_, extension)| extension);
    types.get(extension).copied().unwrap_or("application/octet-stream")
}

#[async_trait]
impl ArtifactStore for S3Artifacts {
    fn place(&self) -> String {
        format!("s3://{}", self.bucket)
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<ETag, Error> {
        self.write(key, bytes, Condition::Absent).await
    }

    async fn replace(&self, key: &Key, bytes: Bytes, expected: &ETag) -> Result<ETag, Error> {
        self.write(key, bytes, Condition::State(expected)).await
    }

    async fn put(&self, key: &Key, bytes: Bytes) -> Result<ETag, Error> {
        self.write(key, bytes, Condition::Anything).await
    }

    async fn get(&self, key: &Key) -> Result<Object, Error> {
        self.read_whole(key, self.reading(key)).await
    }

    async fn get_if_changed(&self, key: &Key, known: &ETag) -> Result<Option<Object>, Error> {
        self.read(key, self.reading(key).if_none_match(&known.0)).await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, Error> {
        if range.is_empty() {
            let message = format!("bytes {} to {} are none", range.start, range.end);
            return Err(Error::new(ErrorKind::Invalid, self.object(key), message));
        }
        let bytes = format!("bytes={}-{}", range.start, range.end - 1);
        Ok(self.read_whole(key, self.reading(key).range(bytes)).await?.bytes)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, Error> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = request.into_paginator().send();
        let mut entries = Vec::new();
        while let Some(page) = pages.next().await {
            let what = || format!("{}/{prefix}", self.place());
            let page = page.map_err(|error| failure(&what(), "cannot be listed", error))?;
            // What somebody else put there under another sort of name is none of ours.
            entries.extend(page.contents().iter().filter_map(|object| {
                let key = object.key()?.parse().ok()?;
                Some(Entry { key, bytes: u64::try_from(object.size()?).ok()? })
            }));
        }
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(entries)
    }
}

impl fmt::Debug for S3Artifacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Artifacts").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}
