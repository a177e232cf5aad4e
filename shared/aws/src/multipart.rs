//! Big objects, sent in parts.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use lurelight_store::{ETag, Error, ErrorKind, Key};
use tokio::task::JoinSet;

use crate::failure::failure;
use crate::s3::{Condition, PART_BYTES, Refusal, S3Artifacts, WRITE_ID, content_type};

/// How many parts are under way at a time.
const PARTS_AT_ONCE: usize = 4;

impl S3Artifacts {
    /// Sends an object in parts. It is there when the last request is done, under that request's condition; an upload
    /// that fails is taken away, and one whose process dies is taken away by the bucket's lifecycle rule.
    pub(crate) async fn write_in_parts(
        &self,
        key: &Key,
        bytes: &Bytes,
        condition: Condition<'_>,
        id: &str,
    ) -> Result<ETag, Refusal> {
        let upload = self.begin(key, id).await.map_err(Refusal::Failed)?;
        let written = match self.send_parts(key, bytes, &upload).await {
            Ok(parts) => self.complete(key, parts, condition, &upload).await,
            Err(error) => Err(Refusal::Failed(error)),
        };
        if written.is_err() {
            let abort = self.client().abort_multipart_upload().bucket(self.bucket()).key(key.as_str());
            if let Err(error) = abort.upload_id(&upload).send().await {
                tracing::warn!(key = key.as_str(), %error, "parts of a failed upload stay until the bucket's lifecycle rule takes them");
            }
        }
        written
    }

    async fn begin(&self, key: &Key, id: &str) -> Result<String, Error> {
        let begun = self
            .client()
            .create_multipart_upload()
            .bucket(self.bucket())
            .key(key.as_str())
            .metadata(WRITE_ID, id)
            .content_type(content_type(key))
            // The SDK sends one of this kind with each part, and S3 refuses parts whose kind it was not told of here.
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send()
            .await
            .map_err(|error| failure(&self.object(key), "cannot be written", error))?;
        begun.upload_id.ok_or_else(|| {
            let message = "cannot be written: the answer names no upload; is this S3?";
            Error::new(ErrorKind::Unavailable, self.object(key), message)
        })
    }

    async fn send_parts(&self, key: &Key, bytes: &Bytes, upload: &str) -> Result<Vec<CompletedPart>, Error> {
        let mut waiting = (1..).zip((0..bytes.len()).step_by(PART_BYTES));
        let mut sending = JoinSet::new();
        let mut parts: Vec<CompletedPart> = Vec::new();
        loop {
            while sending.len() < PARTS_AT_ONCE
                && let Some((number, start)) = waiting.next()
            {
                let part = bytes.slice(start..bytes.len().min(start + PART_BYTES));
                let request = self
                    .client()
                    .upload_part()
                    .bucket(self.bucket())
                    .key(key.as_str())
                    .upload_id(upload)
                    .part_number(number)
                    .checksum_algorithm(ChecksumAlgorithm::Crc32)
                    .body(ByteStream::from(part));
                sending.spawn(async move { (number, request.send().await) });
            }
            let Some(sent) = sending.join_next().await else { break };
            let broken_off = |error: tokio::task::JoinError| {
                let message = format!("cannot be written: sending was broken off ({error})");
                Error::new(ErrorKind::Unavailable, self.object(key), message).because(error)
            };
            let (number, sent) = sent.map_err(broken_off)?;
            let sent = sent.map_err(|error| failure(&self.object(key), "cannot be written", error))?;
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(sent.e_tag)
                    .set_checksum_crc32(sent.checksum_crc32)
                    .set_checksum_crc64_nvme(sent.checksum_crc64_nvme)
                    .build(),
            );
        }
        parts.sort_by_key(CompletedPart::part_number);
        Ok(parts)
    }

    async fn complete(
        &self,
        key: &Key,
        parts: Vec<CompletedPart>,
        condition: Condition<'_>,
        upload: &str,
    ) -> Result<ETag, Refusal> {
        let request = self
            .client()
            .complete_multipart_upload()
            .bucket(self.bucket())
            .key(key.as_str())
            .upload_id(upload)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build());
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
}
