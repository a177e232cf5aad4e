//! The model that answers, with all that belongs to it.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use lurelight_model::{Artifact, ArtifactError, Card, Memo, Model};
use lurelight_schema::FeatureVector;
use lurelight_store::{Error, ErrorKind, ModelRegistry, parse_digest};
use serde::Serialize;

static COMPILED_IN_MODEL: &[u8] = include_bytes!("../model/model.lure");
static COMPILED_IN_CARD: &[u8] = include_bytes!("../model/card.json");

/// Hexadecimal digits of the artifact's SHA-256 that are enough to tell models apart.
const VERSION_DIGITS: usize = 12;

/// Where the model that answers came from, and why it is this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is part of this program, and no registry is asked.
    CompiledIn,
    /// It was read from this file.
    File(PathBuf),
    /// The registry's champion, by the number of its version.
    Champion(u64),
    /// The registry's version of this number, which was asked for.
    Version(u64),
    /// It is part of this program: nothing was ever promoted.
    NoChampion,
    /// It is part of this program: the registry has not answered yet.
    Awaited,
    /// It is part of this program: there is a champion, or may be, and it could not be loaded.
    LastResort,
    /// The last champion that could be loaded.
    Kept {
        /// The number of its version.
        version: u64,
        /// The version that ought to answer and could not be loaded; `None` where the registry cannot say which one
        /// that is.
        instead_of: Option<u64>,
    },
}

impl Source {
    /// The number of the model's version, where it came from a registry.
    #[must_use]
    pub fn registered(&self) -> Option<u64> {
        match *self {
            Source::Champion(version) | Source::Version(version) | Source::Kept { version, .. } => {
                Some(version)
            }
            Source::CompiledIn
            | Source::File(_)
            | Source::NoChampion
            | Source::Awaited
            | Source::LastResort => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::CompiledIn => f.write_str("compiled-in"),
            // The folder is nobody's business but the operator's.
            Source::File(path) => {
                write!(f, "file {}", path.file_name().unwrap_or_default().to_string_lossy())
            }
            Source::Champion(version) => write!(f, "champion, version {version}"),
            Source::Version(version) => write!(f, "version {version}"),
            Source::NoChampion => f.write_str("compiled-in (no champion yet)"),
            Source::Awaited => f.write_str("compiled-in, while the champion is being loaded"),
            Source::LastResort => f.write_str("compiled-in, because the champion could not be loaded"),
            Source::Kept { version, instead_of: Some(wanted) } => {
                write!(f, "version {version}, because version {wanted} could not be loaded")
            }
            Source::Kept { version, instead_of: None } => {
                write!(f, "version {version}, because the registry could not be read")
            }
        }
    }
}

/// The model that answers, its card, what it computed before, and where it came from. A request works with one
/// context from its beginning to its end.
#[derive(Debug)]
pub struct Context {
    loaded: Arc<Loaded>,
    source: Source,
}

/// What belongs to a model, whatever is said about why it answers.
#[derive(Debug)]
struct Loaded {
    artifact: Artifact,
    card: Option<Card>,
    version: String,
    memo: Mutex<Memo>,
}

/// Which model gave an answer, as every answer says it.
#[derive(Clone, Debug, Serialize)]
pub struct ModelInfo<'a> {
    /// The first digits of `sha256`.
    pub version: &'a str,
    /// The number of its version in the registry, where it came from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry_version: Option<u64>,
    /// SHA-256 of the artifact, in hexadecimal digits.
    pub sha256: String,
    /// The family's name as the artifact writes it.
    pub family: lurelight_model::Family,
    /// Where it came from and why it is this one, in words.
    pub source: String,
    /// The model's own threshold.
    pub threshold: f64,
}

impl Context {
    /// The model that is compiled into this program.
    ///
    /// # Errors
    /// Where the compiled-in bytes are no model: then the program was built from a damaged checkout.
    pub fn compiled_in() -> Result<Self, ArtifactError> {
        let artifact = Artifact::from_bytes(COMPILED_IN_MODEL)?;
        let card = Card::from_json(COMPILED_IN_CARD);
        if let Err(error) = &card {
            tracing::warn!(%error, "the compiled-in model has no readable card");
        }
        Ok(Self::new(artifact, card.ok(), Source::CompiledIn))
    }

    /// The registry's version of this number.
    ///
    /// # Errors
    /// Where there is none of this number, or its model cannot be read.
    pub async fn registered(registry: &ModelRegistry, number: u64) -> Result<Self, Error> {
        let version = registry.version(number).await?;
        Self::load(registry, &version.details.model, Source::Version(number)).await
    }

    /// A model that is kept in a registry, with its card, if that can be read.
    ///
    /// # Errors
    /// Where `model` is no digest, or the model cannot be read. What is wrong with a card is no error; a home that
    /// does not answer is, so that the card is asked for again.
    pub async fn load(registry: &ModelRegistry, model: &str, source: Source) -> Result<Self, Error> {
        let digest = parse_digest(model).map_err(|error| {
            Error::new(ErrorKind::Damaged, "the model's name", error.to_string()).because(error)
        })?;
        let (artifact, card) = tokio::join!(registry.artifact(digest), registry.card(digest));
        let artifact = artifact?;
        let card = match card {
            Ok(card) => Some(card),
            Err(error) if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Conflict) => {
                return Err(error);
            }
            Err(error) => {
                tracing::warn!(%error, model, "the model has no readable card");
                None
            }
        };
        Ok(Self::new(artifact, card, source))
    }

    /// Another model, with the card that lies beside it, if there is one.
    #[must_use]
    pub fn new(artifact: Artifact, card: Option<Card>, source: Source) -> Self {
        let digest = artifact.digest().to_string();
        let card = card.filter(|card| {
            let same = card.model == digest;
            if !same {
                tracing::warn!(
                    card = card.model,
                    model = digest,
                    "the card describes another model, and is left out"
                );
            }
            same
        });
        let version = digest.chars().take(VERSION_DIGITS).collect();
        Self { loaded: Arc::new(Loaded { artifact, card, version, memo: Mutex::default() }), source }
    }

    /// The same model with all that it computed before, and another word about why it answers.
    #[must_use]
    pub fn with_source(&self, source: Source) -> Self {
        Self { loaded: Arc::clone(&self.loaded), source }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        self.loaded.artifact.model()
    }

    /// What is known about how the model was made, and how good it is.
    #[must_use]
    pub fn card(&self) -> Option<&Card> {
        self.loaded.card.as_ref()
    }

    /// The first digits of the artifact's SHA-256.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.loaded.version
    }

    /// Where it came from, and why it is this one.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// SHA-256 of the artifact, in hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> String {
        self.loaded.artifact.digest().to_string()
    }

    /// Which model this is.
    #[must_use]
    pub fn info(&self) -> ModelInfo<'_> {
        ModelInfo {
            version: &self.loaded.version,
            registry_version: self.source.registered(),
            sha256: self.sha256(),
            family: self.model().family(),
            source: self.source.to_string(),
            threshold: self.model().threshold(),
        }
    }

    /// The probability of phishing, from memory where the row was scored before.
    #[must_use]
    pub fn probability(&self, vector: FeatureVector) -> f64 {
        // A thread that died with the lock held left a memo whose entries are each whole.
        let mut memo = self.loaded.memo.lock().unwrap_or_else(PoisonError::into_inner);
        memo.get_or_compute(vector, |vector| self.model().probability(vector))
    }

    /// [`Context::probability`] of each row, quicker for many rows.
    #[must_use]
    pub fn probabilities(&self, vectors: &[FeatureVector]) -> Vec<f64> {
        let mut memo = self.loaded.memo.lock().unwrap_or_else(PoisonError::into_inner);
        memo.get_or_compute_all(vectors, |vectors| self.model().probabilities(vectors))
    }
}
