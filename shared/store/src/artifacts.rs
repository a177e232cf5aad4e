//! The contract of whatever keeps artifacts.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Error, Key};

/// What tells two states of an object apart; opaque, and only comparable within one home.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ETag(pub String);

/// An object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// All of its bytes.
    pub bytes: Bytes,
    /// The state that was read.
    pub etag: ETag,
}

/// A line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The object's name.
    pub key: Key,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Keeps named objects. An object is seen whole or not at all, whatever dies while it is written.
#[async_trait]
pub trait ArtifactStore: fmt::Debug + Send + Sync {
    /// Where this is, for messages.
    fn place(&self) -> String;

    /// Writes an object that must not be there yet.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where it is there, whatever its bytes.
    async fn create(&self, key: &Key, bytes: Bytes) -> Result<ETag, Error>;

    /// Writes an object in place of the state that `expected` names: of two writers with the same expectation
    /// one succeeds.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict) where the object is in another state,
    /// [`NotFound`](crate::ErrorKind::NotFound) where it is not there.
    async fn replace(&self, key: &Key, bytes: Bytes, expected: &ETag) -> Result<ETag, Error>;

    /// Writes an object whatever was there before.
    ///
    /// # Errors
    ///
    /// Those of the home.
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<ETag, Error>;

    /// Reads an object.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound).
    async fn get(&self, key: &Key) -> Result<Object, Error>;

    /// Reads an object unless it is still in the state `known`; `None` where it is.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound).
    async fn get_if_changed(&self, key: &Key, known: &ETag) -> Result<Option<Object>, Error>;

    /// Reads some bytes of an object; a range that ends behind the object is cut off at its end.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`Invalid`](crate::ErrorKind::Invalid) for a range that is
    /// empty or begins behind the end.
    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, Error>;

    /// The objects whose key begins with `prefix`, ordered by key; all of them, however many pages the home
    /// needs for that.
    ///
    /// # Errors
    ///
    /// Those of the home.
    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, Error>;
}
