//! What is made before the first request: what needs not wait for another is made at the same time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lurelight_aws::S3Artifacts;
use lurelight_model::ArtifactError;
use lurelight_store::{ArtifactStore, DirectoryArtifacts, ModelRegistry};
use tokio::time::timeout;

use crate::serving::AskedBefore;
use crate::{Context, Serving, Timing};

/// The longest search for a region, which in Lambda is no search.
const SETTINGS_WAIT: Duration = Duration::from_secs(3);

/// Where the registry lies that names the champion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a home, which need not be there yet.
    Home(PathBuf),
    /// In a bucket of S3.
    Bucket(String),
    /// There is none: the compiled-in model answers.
    Nowhere,
}

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unprepared {
    #[error(
        "the compiled-in model does not load: {0}; make it again with scripts/make-model, or check out \
         functions/predict/model anew"
    )]
    Model(#[from] ArtifactError),
    #[error("loading the compiled-in model was broken off: {0}")]
    Broken(#[from] tokio::task::JoinError),
    #[error(
        "the region of bucket {0} is not known: set AWS_REGION to it, or AWS_PROFILE to a profile that has one"
    )]
    Region(String),
}

/// The models that answer. The compiled-in one is read while the registry is asked which one is champion.
pub(crate) async fn prepare(place: Place, timing: Timing) -> Result<Serving, Unprepared> {
    let compiled_in = tokio::task::spawn_blocking(Context::compiled_in);
    let Some(registry) = registry(place).await? else {
        return Ok(Serving::fixed(compiled_in.await??));
    };
    let asked = AskedBefore::ask(registry.clone());
    Ok(Serving::following_asked(registry, &compiled_in.await??, timing, asked))
}

async fn registry(place: Place) -> Result<Option<ModelRegistry>, Unprepared> {
    let artifacts: Arc<dyn ArtifactStore> = match place {
        Place::Nowhere => return Ok(None),
        Place::Home(home) => Arc::new(DirectoryArtifacts::open(home.join("artifacts"))),
        Place::Bucket(bucket) => {
            // In Lambda a region is set. Elsewhere the network may be searched for one, which takes its time.
            let settings = timeout(SETTINGS_WAIT, lurelight_aws::settings()).await.ok();
            match settings.filter(|settings| settings.region().is_some()) {
                Some(settings) => Arc::new(S3Artifacts::new(&settings, bucket)),
                None => return Err(Unprepared::Region(bucket)),
            }
        }
    };
    Ok(Some(ModelRegistry::new(artifacts)))
}
