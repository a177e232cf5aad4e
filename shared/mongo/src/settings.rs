//! Where records are, and how long one waits for them.

use std::fmt;
use std::time::Duration;

/// MongoDB's limit on a database's name.
const DATABASE_BYTES_MAX: usize = 63;
/// MongoDB allows 255 for a database and a collection together; `_batches` is the longest name that we add.
const COLLECTION_BYTES_MAX: usize = 128;

/// A database and the collection in it that holds the records. Two more collections lie beside it, whose names are
/// its own with `_batches` and `_labels` behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MongoPlace {
    database: String,
    collection: String,
}

/// A name that MongoDB does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} names no {what} in MongoDB: {rule}")]
pub struct InvalidPlace {
    what: &'static str,
    name: String,
    rule: &'static str,
}

impl MongoPlace {
    /// The database where none is named.
    pub const DATABASE: &str = "lurelight";
    /// The collection where none is named.
    pub const COLLECTION: &str = "records";

    /// A collection of a database.
    ///
    /// # Errors
    ///
    /// Where MongoDB, on any system that it runs on, does not take one of the names.
    pub fn new(
        database: impl Into<String>,
        collection: impl Into<String>,
    ) -> Result<MongoPlace, InvalidPlace> {
        let (database, collection) = (database.into(), collection.into());
        let refused = |letter: char| letter.is_control() || "/\\. \"$*<>:|?".contains(letter);
        if database.is_empty() || database.len() > DATABASE_BYTES_MAX || database.contains(refused) {
            let rule = "1 to 63 bytes without blanks, control characters and any of /\\.\"$*<>:|?";
            return Err(InvalidPlace { what: "database", name: database, rule });
        }
        let refused = |letter: char| letter.is_control() || letter == '$';
        let system = collection.starts_with("system.") || collection.starts_with('.');
        if collection.is_empty()
            || collection.len() > COLLECTION_BYTES_MAX
            || collection.contains(refused)
            || system
        {
            let rule =
                "1 to 128 bytes without control characters and $, not beginning with a full stop or system.";
            return Err(InvalidPlace { what: "collection", name: collection, rule });
        }
        Ok(MongoPlace { database, collection })
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The name of the collection of records.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }
}

impl fmt::Display for MongoPlace {
    /// Database and collection as MongoDB writes them, with a full stop between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.collection)
    }
}

/// How long one waits, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a server that can be written to, where the connection string has no `serverSelectionTimeoutMS`.
    pub selection: Duration,
    /// For a connection, where the connection string has no `connectTimeoutMS`.
    pub connect: Duration,
    /// For the answer to one command, connecting included.
    pub answer: Duration,
}

impl Default for Patience {
    /// 5 s, 5 s and 30 s.
    fn default() -> Patience {
        Patience {
            selection: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_server_takes_are_refused() {
        let long = "x".repeat(64);
        let table = [
            ("lurelight", "records", true),
            ("a", "a.b", true),
            ("", "records", false),
            ("a.b", "records", false),
            ("a b", "records", false),
            ("a/b", "records", false),
            (long.as_str(), "records", false),
            ("lurelight", "", false),
            ("lurelight", "a$b", false),
            ("lurelight", "system.users", false),
            ("lurelight", "a\0b", false),
        ];
        for (database, collection, expected) in table {
            assert_eq!(
                MongoPlace::new(database, collection).is_ok(),
                expected,
                "{database:?} {collection:?}"
            );
        }
        assert_eq!(MongoPlace::new("lurelight", "records").unwrap().to_string(), "lurelight.records");
    }
}
