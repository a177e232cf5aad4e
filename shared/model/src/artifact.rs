//! The artifact format: a model as bytes that cannot be misread.
//!
//! | bytes | what |
//! |---|---|
//! | 0 to 3 | `LURE` |
//! | 4 to 7 | the format version, little endian |
//! | 8 to 15 | the payload's length, little endian |
//! | 16 to 47 | SHA-256 of bytes 4 to 15 and the payload |
//! | from 48 on | the payload: the schema's fingerprint and the [`ModelParts`], in [postcard](https://postcard.jamesmunns.com) |
//!
//! The hash is checked before a byte of the payload is decoded, and what was decoded is checked again
//! before it becomes a [`Model`].

use std::borrow::Cow;
use std::sync::OnceLock;

use lurelight_schema::{Digest, fingerprint};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::{InvalidModel, Model, ModelParts};

/// The format version that this crate writes. It stays 1 until the first release.
pub const FORMAT_VERSION: u32 = 1;

/// The most bytes that an artifact may have.
pub const MAX_ARTIFACT_BYTES: usize = 64 << 20;

const MAGIC: &[u8; 4] = b"LURE";
const HEADER_BYTES: usize = 48;

/// A model and the SHA-256 of its artifact.
#[derive(Clone, Debug)]
pub struct Artifact {
    model: Model,
    bytes: Cow<'static, [u8]>,
    digest: OnceLock<Digest>,
}

impl PartialEq for Artifact {
    fn eq(&self, other: &Artifact) -> bool {
        self.bytes == other.bytes
    }
}

/// Bytes that are no artifact of a model.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// Not even a header.
    #[error("it has {0} bytes, and a model artifact has at least {HEADER_BYTES}: it is empty or cut off")]
    TooShort(usize),
    /// More bytes than [`MAX_ARTIFACT_BYTES`].
    #[error("it has {0} bytes, more than the {MAX_ARTIFACT_BYTES} that a model artifact may have")]
    TooLong(usize),
    /// Another kind of file.
    #[error("it does not begin with LURE: this is no model artifact")]
    Magic,
    /// Made by a newer or a broken program.
    #[error(
        "its format version is {0} and this program reads version {FORMAT_VERSION}: use the release that made it"
    )]
    Version(u32),
    /// Cut off, or with something behind it.
    #[error(
        "its header announces {announced} bytes after the header and {found} are there: it is cut off, or something was appended"
    )]
    Length {
        /// The payload's length by the header.
        announced: u64,
        /// The bytes behind the header.
        found: u64,
    },
    /// Changed after it was written.
    #[error(
        "its SHA-256 does not match: it was changed or damaged after it was written; fetch or make it again"
    )]
    Hash,
    /// The hash is right and the payload is not.
    #[error("its payload cannot be decoded: {0}")]
    Decode(#[from] postcard::Error),
    /// Something stands behind the model in the payload.
    #[error("{0} bytes stand behind the model in its payload")]
    TrailingBytes(usize),
    /// A model for other features.
    #[error("it was trained on another schema of features (fingerprint {0}): it cannot score these rows")]
    Schema(Digest),
    /// A model that cannot score.
    #[error("the model in it is unusable: {0}")]
    Model(#[from] InvalidModel),
}

#[derive(Serialize, Deserialize)]
struct Payload {
    schema: [u8; 32],
    parts: ModelParts,
}

impl Artifact {
    /// Writes a model down.
    ///
    /// # Errors
    ///
    /// Only [`ArtifactError::Decode`] and [`ArtifactError::TooLong`], for a model of absurd size.
    pub fn new(model: Model) -> Result<Artifact, ArtifactError> {
        let payload =
            postcard::to_stdvec(&Payload { schema: fingerprint().0, parts: model.parts().clone() })?;
        if payload.len() > MAX_ARTIFACT_BYTES - HEADER_BYTES {
            return Err(ArtifactError::TooLong(payload.len() + HEADER_BYTES));
        }
        let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&hash(&bytes[4..16], &payload));
        bytes.extend_from_slice(&payload);
        Ok(Artifact { model, bytes: bytes.into(), digest: OnceLock::new() })
    }

    /// Reads a model.
    ///
    /// # Errors
    ///
    /// See [`ArtifactError`]; no bytes panic, and whatever is read scores every row.
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Artifact, ArtifactError> {
        let bytes = bytes.into();
        let payload = checked_payload(&bytes)?;
        let (decoded, rest) = postcard::take_from_bytes::<Payload>(payload)?;
        if !rest.is_empty() {
            return Err(ArtifactError::TrailingBytes(rest.len()));
        }
        if decoded.schema != fingerprint().0 {
            return Err(ArtifactError::Schema(Digest(decoded.schema)));
        }
        let model = Model::new(decoded.parts)?;
        Ok(Artifact { model, bytes, digest: OnceLock::new() })
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// The bytes of the artifact.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.to_vec()
    }

    /// The SHA-256 of the whole artifact, by which the model is known everywhere.
    #[must_use]
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| Digest(Sha256::digest(&self.bytes).into()))
    }
}

fn hash(head: &[u8], payload: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(head).chain_update(payload).finalize().into()
}

/// Everything that can be checked before decoding.
fn checked_payload(bytes: &[u8]) -> Result<&[u8], ArtifactError> {
    if bytes.len() > MAX_ARTIFACT_BYTES {
        return Err(ArtifactError::TooLong(bytes.len()));
    }
    if !bytes.starts_with(MAGIC) && bytes.len() >= MAGIC.len() {
        return Err(ArtifactError::Magic);
    }
    let too_short = || ArtifactError::TooShort(bytes.len());
    let (head, payload) = bytes.split_at_checked(HEADER_BYTES).ok_or_else(too_short)?;
    let version = u32::from_le_bytes(*head[4..].first_chunk().ok_or_else(too_short)?);
    if version != FORMAT_VERSION {
        return Err(ArtifactError::Version(version));
    }
    let announced = u64::from_le_bytes(*head[8..].first_chunk().ok_or_else(too_short)?);
    if announced != payload.len() as u64 {
        return Err(ArtifactError::Length { announced, found: payload.len() as u64 });
    }
    if head[16..] != hash(&head[4..16], payload) {
        return Err(ArtifactError::Hash);
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use lurelight_schema::{Code, CodeSet, FEATURE_COUNT, Feature, FeatureVector};
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Calibration, Classifier, Donors, Imputer, Leaf, LogisticRegression, Member, NearestNeighbours,
        NeighbourWeights, Split, TreeNode, Trees,
    };

    fn boosted() -> Artifact {
        let split = |f: usize, code, missing_left| {
            TreeNode::Split(Split::at_most(Feature::ALL[f], code, missing_left))
        };
        let leaf = |value, rows| TreeNode::Leaf(Leaf { value, rows });
        let trees = Trees::new(&[
            vec![split(7, Code::Zero, true), leaf(1.25, 7), leaf(-0.75, 3)],
            vec![
                split(13, Code::Minus, false),
                split(0, Code::Minus, true),
                leaf(0.5, 5),
                leaf(0.25, 5),
                leaf(-0.5, 5),
            ],
        ])
        .unwrap();
        let parts = ModelParts {
            known_codes: Feature::ALL.map(Feature::codes),
            members: vec![Member {
                imputer: None,
                classifier: Classifier::GradientBoosting { base: -0.25, trees },
            }],
            calibration: Calibration::Platt { slope: 1.125, intercept: 0.0625 },
            threshold: 0.5,
        };
        Artifact::new(Model::new(parts).unwrap()).unwrap()
    }

    fn linear() -> Artifact {
        let parts = ModelParts {
            known_codes: [CodeSet::ALL; FEATURE_COUNT],
            members: vec![Member {
                imputer: Some(Imputer::MostFrequent([1; FEATURE_COUNT])),
                classifier: Classifier::LogisticRegression(LogisticRegression {
                    intercept: 0.5,
                    coefficients: std::array::from_fn(|i| i as f64 / 16.0),
                }),
            }],
            calibration: Calibration::None,
            threshold: 0.25,
        };
        Artifact::new(Model::new(parts).unwrap()).unwrap()
    }

    /// A vote of stumps and of neighbours behind an imputer, calibrated by points.
    fn voting() -> Artifact {
        let row = |bits| FeatureVector::from_bits(bits).unwrap();
        let leaf = |value, rows| TreeNode::Leaf(Leaf { value, rows });
        let stump = vec![
            TreeNode::Split(Split::at_most(Feature::ALL[3], Code::Minus, true)),
            leaf(1.0, 2),
            leaf(-1.0, 1),
        ];
        let donors = Donors::new(2, &[(row(0), 2), (row(7), 1), (row(41), 3)]).unwrap();
        let neighbours = NearestNeighbours {
            k: 2,
            weights: NeighbourWeights::Distance,
            rows: vec![0, 5, 41],
            labels: vec![(1, 0), (2, 3), (0, 9)],
        };
        let members = vec![
            Member { imputer: None, classifier: Classifier::AdaBoost(Trees::new(&[stump]).unwrap()) },
            Member {
                imputer: Some(Imputer::NearestNeighbours(Box::new(donors))),
                classifier: Classifier::NearestNeighbours(neighbours),
            },
        ];
        let parts = ModelParts {
            known_codes: [CodeSet::ALL; FEATURE_COUNT],
            members,
            calibration: Calibration::Isotonic { points: vec![(0.25, 0.125), (0.75, 0.5)] },
            threshold: 0.25,
        };
        Artifact::new(Model::new(parts).unwrap()).unwrap()
    }

    /// Rewrites the length and the hash, as somebody would who forges an artifact.
    fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
        let length = (bytes.len() - HEADER_BYTES) as u64;
        bytes[8..16].copy_from_slice(&length.to_le_bytes());
        let hash = hash(&bytes[4..16], &bytes[HEADER_BYTES..]);
        bytes[16..HEADER_BYTES].copy_from_slice(&hash);
        bytes
    }

    fn scores_are_probabilities(model: &Model) {
        for bits in (0..1u64 << 60).step_by(1 << 55) {
            let p = model.probability(FeatureVector::from_bits(bits).unwrap());
            assert!((0.0..=1.0).contains(&p), "{p}");
            if let Ok(explanation) = model.explain(FeatureVector::from_bits(bits).unwrap()) {
                assert!(explanation.contributions.iter().all(|c| c.is_finite()));
            }
        }
    }

    #[test]
    fn artifacts_round_trip() {
        for artifact in [boosted(), linear(), voting()] {
            let read = Artifact::from_bytes(artifact.to_bytes()).unwrap();
            assert_eq!(read, artifact);
            assert_eq!(read.to_bytes(), artifact.to_bytes());
        }
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_an_error() {
        let bytes = boosted().to_bytes();
        for end in 0..bytes.len() {
            assert!(Artifact::from_bytes(bytes[..end].to_vec()).is_err(), "{end}");
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Artifact::from_bytes(flipped).is_err(), "{bit}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(matches!(Artifact::from_bytes(longer.clone()), Err(ArtifactError::Length { .. })));
        assert!(matches!(Artifact::from_bytes(sealed(longer)), Err(ArtifactError::TrailingBytes(1))));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let mut future = boosted().to_bytes();
        future[4] = 2;
        let mut other_schema = boosted().to_bytes();
        other_schema[HEADER_BYTES] ^= 1;
        let table: [(&[u8], &str); 5] = [
            (b"", "empty or cut off"),
            (b"LURE\x01", "empty or cut off"),
            (b"\x89PNG\r\n\x1a\n", "no model artifact"),
            (&future, "format version is 2"),
            (&sealed(other_schema), "another schema"),
        ];
        for (bytes, expected) in table {
            let error = Artifact::from_bytes(bytes.to_vec()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Mutations that keep the hash right reach the decoder and the checks behind it.
        #[test]
        fn forged_payloads_never_panic_and_never_score_nonsense(
            which in 0..3usize,
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut bytes = [boosted, linear, voting][which]().to_bytes();
            for (place, byte) in edits {
                let place = HEADER_BYTES + 32 + place.index(bytes.len() - HEADER_BYTES - 32);
                bytes[place] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(HEADER_BYTES + cut.index(bytes.len() - HEADER_BYTES));
            }
            if let Ok(artifact) = Artifact::from_bytes(sealed(bytes)) {
                scores_are_probabilities(artifact.model());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), seal in any::<bool>()) {
            let bytes = if seal { sealed([boosted().to_bytes()[..HEADER_BYTES].to_vec(), bytes].concat()) } else { bytes };
            prop_assert!(Artifact::from_bytes(bytes).is_err());
        }
    }
}
