//! The one client of a process: made when it is first needed, and again when its password was rotated.

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use lurelight_store::{Error, ErrorKind, Secret, SecretName, Secrets};
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::error::ErrorKind as Said;
use mongodb::options::{ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern};
use mongodb::{Client, Collection, Cursor};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::failure::{Failure, Reach, UNTIL_THEN};
use crate::settings::{MongoPlace, Patience};

/// A process works on one thing at a time; the second connection is for what overlaps.
const POOL_MAX: u32 = 2;
/// A Lambda may sleep for longer between two requests, and servers and firewalls close what is idle.
const IDLE_MAX: Duration = Duration::from_secs(60);
const HOSTS_SHOWN_MAX: usize = 3;

/// The collections of one place on one server.
pub(crate) struct Server {
    uri: Secret,
    /// Never dropped: the driver would start to say good-bye to the server, and panics where the runtime ends
    /// meanwhile. There is one a process, and one more each time that the password is rotated.
    _client: ManuallyDrop<Client>,
    pub(crate) rows: Collection<RawDocumentBuf>,
    pub(crate) batches: Collection<RawDocumentBuf>,
    pub(crate) labels: Collection<RawDocumentBuf>,
    /// Whether the collection of rows was found fit to be written to.
    pub(crate) is_prepared: AtomicBool,
    answer: Duration,
    reach: Reach,
}

impl Server {
    /// Waits for an answer, but not for ever: the driver has no limit of its own.
    pub(crate) async fn answer<T>(
        &self,
        asked: impl IntoFuture<Output = mongodb::error::Result<T>, IntoFuture: Send>,
    ) -> Result<T, Failure> {
        match timeout(self.answer, asked.into_future()).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => Err(Failure::Silence(self.answer)),
        }
    }

    /// Goes to the next document; `false` behind the last.
    pub(crate) async fn advance(&self, cursor: &mut Cursor<RawDocumentBuf>) -> Result<bool, Failure> {
        self.answer(cursor.advance()).await
    }
}

/// Knows the way to the server.
pub(crate) struct Link {
    pub(crate) place: MongoPlace,
    secrets: Arc<dyn Secrets>,
    uri: SecretName,
    pub(crate) patience: Patience,
    server: Mutex<Option<Arc<Server>>>,
}

impl Link {
    pub(crate) fn new(place: MongoPlace, secrets: Arc<dyn Secrets>, uri: SecretName) -> Link {
        Link { place, secrets, uri, patience: Patience::default(), server: Mutex::new(None) }
    }

    /// Does something with the server. Where the server refuses the user, the connection string is fetched anew, and
    /// if it is another one, the work is done once more.
    pub(crate) async fn attempt<T, F>(
        &self,
        what: &str,
        failed: &str,
        work: impl Fn(Arc<Server>) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut server = self.server().await?;
        let mut result = work(Arc::clone(&server)).await;
        if let Err(failure) = &result
            && failure.is_refusal()
            && let Some(renewed) = self.renewed(&server).await?
        {
            server = renewed;
            result = work(Arc::clone(&server)).await;
        }
        result.map_err(|failure| failure.error(what, failed, &server.reach))
    }

    async fn server(&self) -> Result<Arc<Server>, Error> {
        let mut server = self.server.lock().await;
        if let Some(server) = &*server {
            return Ok(Arc::clone(server));
        }
        let made = Arc::new(self.made(self.secrets.get(&self.uri).await?).await?);
        *server = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Another one in place of `refused`, where there is a newer connection string.
    async fn renewed(&self, refused: &Arc<Server>) -> Result<Option<Arc<Server>>, Error> {
        let mut server = self.server.lock().await;
        if let Some(server) = server.as_ref().filter(|server| !Arc::ptr_eq(server, refused)) {
            // Somebody else was refused at the same time.
            return Ok(Some(Arc::clone(server)));
        }
        let uri = self.secrets.refresh(&self.uri).await.map_err(|error| Error {
            message: format!(
                "{}; this was asked because MongoDB refused the value known so far",
                error.message
            ),
            ..error
        })?;
        if uri == refused.uri {
            return Ok(None);
        }
        let made = Arc::new(self.made(uri).await?);
        tracing::warn!(
            secret = %self.uri,
            place = self.what(),
            "the user known so far was refused, and the secret holds a newer connection string, which is used from now on"
        );
        *server = Some(Arc::clone(&made));
        Ok(Some(made))
    }

    async fn made(&self, uri: Secret) -> Result<Server, Error> {
        let secret = format!("the secret {} in {}", self.uri, self.secrets.place());
        let database = self.place.database().to_owned();
        let mut reach = Reach { hosts: "the server".to_owned(), secret, database };
        let parsed = timeout(self.patience.answer, ClientOptions::parse(uri.expose().trim())).await;
        let mut options = match parsed {
            Ok(parsed) => parsed.map_err(|error| self.unusable(error, &reach))?,
            Err(_elapsed) => {
                let failure = Failure::Silence(self.patience.answer);
                return Err(failure.error(&self.what(), "the server's name cannot be looked up", &reach));
            }
        };
        reach.hosts = hosts(&options);
        suit(&mut options, self.patience);
        let client = Client::with_options(options).map_err(|error| self.unusable(error, &reach))?;
        let database = client.database(self.place.database());
        let name = self.place.collection();
        Ok(Server {
            uri,
            _client: ManuallyDrop::new(client),
            rows: database.collection(name),
            batches: database.collection(&format!("{name}_batches")),
            labels: database.collection(&format!("{name}_labels")),
            is_prepared: AtomicBool::new(false),
            answer: self.patience.answer,
            reach,
        })
    }

    /// Where this is, for messages.
    pub(crate) fn what(&self) -> String {
        format!("MongoDB {}", self.place)
    }

    /// What is wrong with a connection string, which the driver's own text may show.
    fn unusable(&self, error: mongodb::error::Error, reach: &Reach) -> Error {
        if let Said::DnsResolve { .. } | Said::InvalidTlsConfig { .. } | Said::Io(_) = &*error.kind {
            return Failure::Driver(error).error(&self.what(), "cannot be reached", reach);
        }
        let message = format!(
            "the text of {} is no connection string: it is written mongodb+srv://user:password@host/?options, or mongodb:// with host:port, each of :/?#[]@% in user and password as % and two hexadecimal digits, and only options that MongoDB knows{UNTIL_THEN}",
            reach.secret
        );
        Error::new(ErrorKind::Invalid, self.what(), message)
    }
}

/// What we want of a client, whatever the connection string says, and the waits that it says nothing of.
fn suit(options: &mut ClientOptions, patience: Patience) {
    options.app_name = Some("lurelight".to_owned());
    options.max_pool_size = Some(POOL_MAX);
    options.min_pool_size = Some(0);
    options.max_idle_time = Some(IDLE_MAX);
    options.server_selection_timeout.get_or_insert(patience.selection);
    options.connect_timeout.get_or_insert(patience.connect);
    // What was just written must be seen, and must stay.
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    options.read_concern = Some(ReadConcern::majority());
    options.write_concern = Some(WriteConcern::majority());
}

/// The addresses, for messages.
fn hosts(options: &ClientOptions) -> String {
    let mut hosts: Vec<String> = options.hosts.iter().map(ToString::to_string).collect();
    let more = hosts.len().saturating_sub(HOSTS_SHOWN_MAX);
    hosts.truncate(HOSTS_SHOWN_MAX);
    let shown = hosts.join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("place", &self.place)
            .field("secrets", &self.secrets)
            .field("uri", &self.uri)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_is_as_we_want_it_whatever_the_connection_string_says() {
        let table = [
            ("", 5_000, 5_000),
            (
                "w=1&readConcernLevel=local&readPreference=secondary&maxPoolSize=50&minPoolSize=9&maxIdleTimeMS=1",
                5_000,
                5_000,
            ),
            ("serverSelectionTimeoutMS=1500&connectTimeoutMS=700", 1_500, 700),
        ];
        for (query, selection_ms, connect_ms) in table {
            let mut options = ClientOptions::parse(format!("mongodb://localhost/?{query}")).await.unwrap();
            suit(&mut options, Patience::default());
            assert_eq!((options.max_pool_size, options.min_pool_size), (Some(2), Some(0)), "{query}");
            assert_eq!(options.max_idle_time, Some(Duration::from_secs(60)), "{query}");
            assert_eq!(options.read_concern, Some(ReadConcern::majority()), "{query}");
            assert_eq!(options.write_concern, Some(WriteConcern::majority()), "{query}");
            let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
            assert_eq!(options.selection_criteria, Some(primary), "{query}");
            let waits = [options.server_selection_timeout, options.connect_timeout];
            assert_eq!(
                waits,
                [selection_ms, connect_ms].map(|ms| Some(Duration::from_millis(ms))),
                "{query}"
            );
        }
    }
}
