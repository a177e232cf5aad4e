//! Artifacts as files whose paths are their keys.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::blocking;
use super::place::{Place, names, taken};
use crate::{ArtifactStore, ETag, Entry, Error, ErrorKind, Key, Object};

/// Artifacts in a folder, by default `.lurelight/artifacts`. An object is a file, its key the path below the
/// folder, its state the SHA-256 of its bytes. Files whose path is no key are not seen.
#[derive(Clone, Debug)]
pub struct DirectoryArtifacts {
    place: Arc<Place>,
}

impl DirectoryArtifacts {
    /// The artifacts in `root`, which need not be there: it is made by the first write, and until then it is empty.
    #[must_use]
    pub fn open(root: impl AsRef<Path>) -> DirectoryArtifacts {
        DirectoryArtifacts { place: Arc::new(Place::new(root.as_ref())) }
    }

    async fn with<T: Send + 'static>(
        &self,
        key: &Key,
        work: impl FnOnce(&Place, PathBuf) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.place);
        let path = place.root().join(key.as_str());
        blocking(self.place(), move || work(&place, path)).await
    }
}

#[async_trait]
impl ArtifactStore for DirectoryArtifacts {
    fn place(&self) -> String {
        self.place.root().display().to_string()
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<ETag, Error> {
        self.with(key, move |place, path| {
            if path.exists() {
                return Err(taken(&path));
            }
            let mut aside = place.aside(&place.lock()?, path)?;
            aside.fill(&bytes)?;
            aside.create()?;
            Ok(etag(&bytes))
        })
        .await
    }

    async fn replace(&self, key: &Key, bytes: Bytes, expected: &ETag) -> Result<ETag, Error> {
        let expected = expected.clone();
        self.with(key, move |place, path| {
            // Before anything is written: where there is nothing to replace, nothing is made either.
            compare(&path, &expected)?;
            let mut aside = place.aside(&place.lock()?, path.clone())?;
            aside.fill(&bytes)?;
            let lock = place.lock()?;
            compare(&path, &expected)?;
            aside.replace()?;
            drop(lock);
            Ok(etag(&bytes))
        })
        .await
    }

    async fn put(&self, key: &Key, bytes: Bytes) -> Result<ETag, Error> {
        self.with(key, move |place, path| {
            let mut aside = place.aside(&place.lock()?, path)?;
            aside.fill(&bytes)?;
            // Not between the comparison and the renaming of somebody who replaces.
            let lock = place.lock()?;
            aside.replace()?;
            drop(lock);
            Ok(etag(&bytes))
        })
        .await
    }

    async fn get(&self, key: &Key) -> Result<Object, Error> {
        self.with(key, |_, path| {
            let bytes = read(&path)?;
            Ok(Object { etag: etag(&bytes), bytes: bytes.into() })
        })
        .await
    }

    async fn get_if_changed(&self, key: &Key, known: &ETag) -> Result<Option<Object>, Error> {
        // Sizes and times could lie, and what is asked for again and again is small.
        let object = self.get(key).await?;
        Ok((object.etag != *known).then_some(object))
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, Error> {
        self.with(key, move |_, path| {
            let failed = |error| unreadable(&path, error);
            let mut file = File::open(&path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            if metadata.is_dir() {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            if range.is_empty() || range.start >= metadata.len() {
                let message = format!(
                    "has {} bytes, and bytes {} to {} were asked for: ask for a range that begins within it",
                    metadata.len(),
                    range.start,
                    range.end
                );
                return Err(Error::new(ErrorKind::Invalid, path.display(), message));
            }
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
            file.take(range.end - range.start).read_to_end(&mut bytes).map_err(failed)?;
            Ok(bytes.into())
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, Error> {
        let place = Arc::clone(&self.place);
        let prefix = prefix.to_owned();
        blocking(self.place(), move || {
            let mut entries = Vec::new();
            // Folders below which no key can begin with the prefix are left out.
            let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
            if folder.is_empty() || folder.parse::<Key>().is_ok() {
                walk(place.root(), folder, &prefix, &mut entries)?;
            }
            entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            Ok(entries)
        })
        .await
    }
}

/// Adds the objects below `folder`, a path of key segments that is the prefix up to its last slash, or longer.
fn walk(root: &Path, folder: &str, prefix: &str, entries: &mut Vec<Entry>) -> Result<(), Error> {
    let path = if folder.is_empty() { root.to_owned() } else { root.join(folder) };
    let names = match names(&path) {
        // A prefix such as `a/b/` where `a/b` is an object.
        Err(error) if error.kind == ErrorKind::Invalid && !folder.is_empty() => return Ok(()),
        names => names?,
    };
    for (name, kind) in names {
        let text = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let Ok(key) = text.parse::<Key>() else { continue };
        if kind.is_dir() {
            if format!("{text}/").starts_with(prefix) {
                walk(root, &text, prefix, entries)?;
            }
        } else if text.starts_with(prefix) {
            match fs::metadata(root.join(&text)) {
                Ok(metadata) if metadata.is_file() => entries.push(Entry { key, bytes: metadata.len() }),
                // A link to somewhere else, or gone since the folder was read.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(&root.join(&text), error)),
            }
        }
    }
    Ok(())
}

fn compare(path: &Path, expected: &ETag) -> Result<(), Error> {
    if etag(&read(path)?) == *expected {
        return Ok(());
    }
    let message = "was changed since it was read: read it again and decide anew";
    Err(Error::new(ErrorKind::Conflict, path.display(), message))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        // A folder is no object, and below an object there is none.
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => {
            let message = "there is no such object; see what is there by listing it";
            Error::new(ErrorKind::NotFound, path.display(), message).because(error)
        }
        _ => Error::of_file(path, "cannot be read", error),
    }
}

fn etag(bytes: &[u8]) -> ETag {
    ETag(lurelight_schema::Digest(Sha256::digest(bytes).into()).to_string())
}
