//! Where records, runs, models and the registry are kept: in a directory of this machine, or in S3 and MongoDB.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, anyhow};
use lurelight_aws::{ManagedSecrets, S3Artifacts};
use lurelight_mongo::{MongoPlace, MongoRecords};
use lurelight_pipeline::Stores;
use lurelight_store::{
    ArtifactStore, DirectoryArtifacts, DirectoryRecords, EnvironmentSecrets, RecordStore, SecretName, Secrets,
};
use tokio::runtime::Runtime;

use crate::failure::Failure;

/// The directory where none is named.
pub const DEFAULT: &str = ".lurelight";
/// What the connection string is called, below the prefix of the secrets or, as MONGODB_URI, in the environment.
const URI: &str = "mongodb-uri";

/// Where everything is kept that outlives a command.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Home {
    /// The directory that keeps records, runs, models and the registry [env: LURELIGHT_HOME] [default: .lurelight]
    #[arg(long, value_name = "DIR", global = true, conflicts_with = "bucket")]
    home: Option<PathBuf>,
    /// Keep runs, models and the registry in this bucket of S3, and the records in MongoDB [env: LURELIGHT_BUCKET]
    ///
    /// Region and credentials are those of every AWS tool (AWS_REGION, AWS_PROFILE, …).
    #[arg(long, value_name = "NAME", global = true, help_heading = CLOUD)]
    bucket: Option<String>,
    /// The secret of Secrets Manager that holds MongoDB's connection string [env: LURELIGHT_MONGODB_SECRET]
    /// [default: mongodb-uri below LURELIGHT_SECRETS_PREFIX, or where that is not set the variable MONGODB_URI]
    ///
    /// Without a bucket, whatever names one of secret, database and collection keeps the records in MongoDB and the rest
    /// in the directory. The connection string may also be in a file, which the variable MONGODB_URI_FILE names.
    #[arg(long, value_name = "SECRET", global = true, help_heading = CLOUD)]
    mongodb_secret: Option<String>,
    /// The database of the records [env: LURELIGHT_MONGODB_DATABASE] [default: lurelight]
    #[arg(long, value_name = "NAME", global = true, help_heading = CLOUD)]
    mongodb_database: Option<String>,
    /// Their collection [env: LURELIGHT_MONGODB_COLLECTION] [default: records]
    #[arg(long, value_name = "NAME", global = true, help_heading = CLOUD)]
    mongodb_collection: Option<String>,
}

const CLOUD: &str = "In the cloud";

/// Where artifacts are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Directory(PathBuf),
    Bucket(String),
}

impl Home {
    /// What is named on the command line goes before what the environment names, and a directory there before a
    /// bucket here.
    fn place(&self) -> Place {
        match (&self.home, &self.bucket) {
            (_, Some(bucket)) => Place::Bucket(bucket.clone()),
            (Some(home), None) => Place::Directory(home.clone()),
            (None, None) => usual(),
        }
    }

    /// The name of an argument that names a home, where one was given.
    pub fn named(&self) -> Option<&'static str> {
        let given = [
            (self.home.is_some(), "--home"),
            (self.bucket.is_some(), "--bucket"),
            (self.mongodb_secret.is_some(), "--mongodb-secret"),
            (self.mongodb_database.is_some(), "--mongodb-database"),
            (self.mongodb_collection.is_some(), "--mongodb-collection"),
        ];
        given.into_iter().find_map(|(given, name)| given.then_some(name))
    }

    /// The directory or the bucket, for messages.
    pub fn shown(&self) -> String {
        match self.place() {
            Place::Directory(home) => home.display().to_string(),
            Place::Bucket(bucket) => format!("s3://{bucket}"),
        }
    }

    /// The directory that keeps artifacts, where it is one.
    pub fn artifacts(&self) -> Option<PathBuf> {
        match self.place() {
            Place::Directory(home) => Some(home.join("artifacts")),
            Place::Bucket(_) => None,
        }
    }

    /// What a command needs to find it, with a space before it; nothing where it is found anyway.
    pub fn flag(&self) -> String {
        let place = self.place();
        let mut flags = match &place {
            place if *place == usual() => String::new(),
            Place::Directory(home) => format!(" --home {}", home.display()),
            Place::Bucket(bucket) => format!(" --bucket {bucket}"),
        };
        for (name, value) in [
            ("--mongodb-secret", &self.mongodb_secret),
            ("--mongodb-database", &self.mongodb_database),
            ("--mongodb-collection", &self.mongodb_collection),
        ] {
            if let Some(value) = value {
                flags += &format!(" {name} {value}");
            }
        }
        flags
    }

    /// The stores in it. Nothing is made, and nobody is asked, before something is read or written.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] for names that MongoDB or Secrets Manager do not take.
    pub fn stores(&self) -> Result<Stores, Failure> {
        let place = self.place();
        let secret = self.mongodb_secret.clone().or_else(|| variable("LURELIGHT_MONGODB_SECRET"));
        let prefix = variable("LURELIGHT_SECRETS_PREFIX");
        let database = self.mongodb_database.clone().or_else(|| variable("LURELIGHT_MONGODB_DATABASE"));
        let collection = self.mongodb_collection.clone().or_else(|| variable("LURELIGHT_MONGODB_COLLECTION"));
        let in_mongodb = matches!(place, Place::Bucket(_))
            || secret.is_some()
            || database.is_some()
            || collection.is_some();
        let managed = in_mongodb && (secret.is_some() || prefix.is_some());
        let aws = (managed || matches!(place, Place::Bucket(_))).then(aws).transpose()?;
        let records: Arc<dyn RecordStore> = match &place {
            Place::Directory(home) if !in_mongodb => Arc::new(DirectoryRecords::open(home.join("records"))),
            _ => {
                let (secrets, uri) = match (&aws, secret, prefix) {
                    (Some(aws), Some(secret), _) => managed_secret(aws, &secret)?,
                    (Some(aws), None, Some(prefix)) => managed_secret(aws, &format!("{prefix}/{URI}"))?,
                    _ => (Arc::new(EnvironmentSecrets) as Arc<dyn Secrets>, secret_name(URI)?),
                };
                Arc::new(MongoRecords::new(named(database, collection)?, secrets, uri))
            }
        };
        let artifacts: Arc<dyn ArtifactStore> = match (&place, &aws) {
            (Place::Bucket(bucket), Some(aws)) => Arc::new(S3Artifacts::new(aws, bucket)),
            (Place::Bucket(bucket), None) => return Err(anyhow!("bucket {bucket} has no client").into()),
            (Place::Directory(home), _) => Arc::new(DirectoryArtifacts::open(home.join("artifacts"))),
        };
        Ok(Stores { artifacts, records })
    }
}

/// A database and a collection, as they are called or as they usually are.
fn named(database: Option<String>, collection: Option<String>) -> Result<MongoPlace, Failure> {
    let database = database.unwrap_or_else(|| MongoPlace::DATABASE.to_owned());
    let collection = collection.unwrap_or_else(|| MongoPlace::COLLECTION.to_owned());
    MongoPlace::new(database, collection).map_err(|error| Failure::Usage(error.into()))
}

/// Where a command looks that names nothing.
fn usual() -> Place {
    match variable("LURELIGHT_BUCKET") {
        Some(bucket) => Place::Bucket(bucket),
        None => Place::Directory(variable("LURELIGHT_HOME").unwrap_or_else(|| DEFAULT.to_owned()).into()),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn secret_name(text: &str) -> Result<SecretName, Failure> {
    text.parse().map_err(|error: lurelight_store::InvalidSecretName| Failure::Usage(error.into()))
}

/// A secret of Secrets Manager by its whole name: what is before the last slash, and what is behind it.
fn managed_secret(
    aws: &lurelight_aws::SdkConfig,
    secret: &str,
) -> Result<(Arc<dyn Secrets>, SecretName), Failure> {
    let Some((prefix, name)) = secret.rsplit_once('/') else {
        return Err(Failure::Usage(anyhow!(
            "{secret:?} names no secret of Lurelight: a prefix, a slash and a name do, as in lurelight/prod/mongodb-uri"
        )));
    };
    let secrets = ManagedSecrets::new(aws, prefix).map_err(|error| Failure::Usage(error.into()))?;
    Ok((Arc::new(secrets), secret_name(name)?))
}

/// How this process talks to AWS.
fn aws() -> Result<lurelight_aws::SdkConfig, Failure> {
    let runtime = runtime()?;
    // On a thread of its own, since whoever asks may be a task of the runtime.
    let read = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(lurelight_aws::settings())).join());
    read.map_err(|_| anyhow!("the settings of AWS cannot be read").into())
}

/// The threads of this process. Clients of servers live on them from one piece of work to the next, so they are made
/// once and last until the end; what still calculates then is not waited for.
fn runtime() -> Result<&'static Runtime, Failure> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = Runtime::new().context("the program cannot start its threads")?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// Waits for what a command does with its stores.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    runtime()?.block_on(work)
}

/// Who runs this program: `user@host`, as far as the system says.
pub fn actor() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "somebody".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok())
        .map(|host| host.trim().to_owned());
    match host.filter(|host| !host.is_empty()) {
        Some(host) => format!("{user}@{host}"),
        None => user,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> Home {
        Home { bucket: Some("b".to_owned()), ..Home::default() }
    }

    #[test]
    fn what_is_named_is_found_again() {
        let table = [
            (bucket(), "s3://b", " --bucket b", Some("--bucket")),
            (Home { home: Some("h".into()), ..Home::default() }, "h", " --home h", Some("--home")),
            (
                Home { mongodb_database: Some("d".to_owned()), ..bucket() },
                "s3://b",
                " --bucket b --mongodb-database d",
                Some("--bucket"),
            ),
        ];
        for (home, shown, flag, named) in table {
            assert_eq!((home.shown().as_str(), home.flag().as_str(), home.named()), (shown, flag, named));
        }
        assert_eq!(Home::default().named(), None);
        assert_eq!(bucket().artifacts(), None);
    }

    #[test]
    fn names_that_cannot_be_are_wrong_usage() {
        let wrong = |home: Home| match home.stores() {
            Err(Failure::Usage(error)) => error.to_string(),
            other => panic!("{other:?}"),
        };
        let error = wrong(Home { mongodb_database: Some("a.b".to_owned()), ..bucket() });
        assert!(error.contains("\"a.b\" names no database"), "{error}");
        let error = wrong(Home { mongodb_secret: Some("uri".to_owned()), ..bucket() });
        assert!(error.contains("as in lurelight/prod/mongodb-uri"), "{error}");
        let error = wrong(Home { mongodb_secret: Some("lurelight/URI".to_owned()), ..bucket() });
        assert!(error.contains("\"URI\" names no secret"), "{error}");
    }
}
