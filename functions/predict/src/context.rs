//! Everything that is made once per process (on Lambda: once per cold start).

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use lurelight_model::{Artifact, ArtifactError, Card, Memo, Model};
use lurelight_schema::FeatureVector;
use serde::Serialize;

static COMPILED_IN_MODEL: &[u8] = include_bytes!("../model/model.lure");
static COMPILED_IN_CARD: &[u8] = include_bytes!("../model/card.json");

/// Hexadecimal digits of the artifact's SHA-256 that are enough to tell versions apart.
const VERSION_DIGITS: usize = 12;

/// Where the model that serves came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is part of this program.
    CompiledIn,
    /// It was read from this file.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::CompiledIn => f.write_str("compiled-in"),
            // The folder is nobody's business but the operator's.
            Source::File(path) => {
                write!(f, "file {}", path.file_name().unwrap_or_default().to_string_lossy())
            }
        }
    }
}

/// The model that answers, its card, and what it computed before.
#[derive(Debug)]
pub struct Context {
    artifact: Artifact,
    card: Option<Card>,
    source: Source,
    version: String,
    memo: Mutex<Memo>,
}

/// Which model gave an answer, as every answer says it.
#[derive(Clone, Debug, Serialize)]
pub struct ModelInfo<'a> {
    /// The first digits of `sha256`.
    pub version: &'a str,
    /// SHA-256 of the artifact, in hexadecimal digits.
    pub sha256: String,
    /// The family's name as the artifact writes it.
    pub family: lurelight_model::Family,
    /// `compiled-in`, or the name of a file.
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
        Self { artifact, card, source, version, memo: Mutex::default() }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        self.artifact.model()
    }

    /// What is known about how the model was made, and how good it is.
    #[must_use]
    pub fn card(&self) -> Option<&Card> {
        self.card.as_ref()
    }

    /// The first digits of the artifact's SHA-256.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Which model this is.
    #[must_use]
    pub fn info(&self) -> ModelInfo<'_> {
        ModelInfo {
            version: &self.version,
            sha256: self.artifact.digest().to_string(),
            family: self.model().family(),
            source: self.source.to_string(),
            threshold: self.model().threshold(),
        }
    }

    /// The probability of phishing, from memory where the row was scored before.
    #[must_use]
    pub fn probability(&self, vector: FeatureVector) -> f64 {
        // A thread that died with the lock held left a memo whose entries are each whole.
        let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        memo.get_or_compute(vector, |vector| self.model().probability(vector))
    }
}
