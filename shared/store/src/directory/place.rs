//! A folder in which several processes write whole files.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, ErrorKind};

/// A lock is held for a few files at most; whoever holds it longer is stuck.
const LOCK_WAIT: Duration = Duration::from_secs(60);
const LOCK_POLL_MAX: Duration = Duration::from_millis(5);

/// The folder of a home.
#[derive(Debug)]
pub(super) struct Place {
    root: PathBuf,
    swept: AtomicBool,
}

/// Keeps other threads and processes from changing a place, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "closing the file ends the lock")] File);

/// A file that is being written and has no name yet that anybody would read. Goes away unless it is given one.
#[derive(Debug)]
pub(super) struct Aside {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Place {
    pub(super) fn new(root: &Path) -> Place {
        // So that it stays the same folder wherever the process goes.
        let root = if root == Path::new("") { Path::new(".") } else { root };
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Place { root, swept: AtomicBool::new(false) }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Waits for the lock, and makes the folder where it is absent.
    pub(super) fn lock(&self) -> Result<Lock, Error> {
        let path = self.root.join(".lock");
        let aside = self.root.join(".aside");
        if !aside.is_dir() {
            make_folder(&aside)?;
        }
        let failed = |error| Error::of_file(&path, "cannot be locked", error);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        let start = Instant::now();
        let mut wait = Duration::from_micros(50);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_WAIT => thread::sleep(wait),
                Err(TryLockError::WouldBlock) => {
                    let message = format!(
                        "another process has held this lock for {} s: end it if it is stuck, or try again later",
                        LOCK_WAIT.as_secs()
                    );
                    return Err(Error::new(ErrorKind::Unavailable, path.display(), message));
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            wait = (2 * wait).min(LOCK_POLL_MAX);
        }
        if !self.swept.swap(true, Ordering::Relaxed) {
            sweep(&aside);
        }
        Ok(Lock(file))
    }

    /// Begins a file that shall be `target`. The lock may be given back while it is filled.
    pub(super) fn aside(&self, _: &Lock, target: PathBuf) -> Result<Aside, Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = self.root.join(".aside").join(name);
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                // Left by a dead process of the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(Error::of_file(&target, "cannot be written", error)),
            };
            // Nobody sweeps while the lock of the place is held, so it is free.
            if let Err(error) = file.lock() {
                let _ = fs::remove_file(&path);
                return Err(Error::of_file(&path, "cannot be locked", error));
            }
            return Ok(Aside { file, path, target });
        }
    }
}

impl Aside {
    /// Writes the file and brings it to the disk.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_all());
        written.map_err(|error| Error::of_file(&self.target, "cannot be written", error))
    }

    /// Gives the file its name, which nobody must have.
    pub(super) fn create(self) -> Result<(), Error> {
        let folder = folder_of(&self.target)?;
        make_folder(folder)?;
        if let Err(error) = fs::hard_link(&self.path, &self.target) {
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => taken(&self.target),
                io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported => {
                    let failed = "cannot be created (this needs a file system with hard links)";
                    Error::of_file(&self.target, failed, error)
                }
                _ => Error::of_file(&self.target, "cannot be created", error),
            });
        }
        sync_folder(folder)
    }

    /// Gives the file its name, whoever had it.
    pub(super) fn replace(self) -> Result<(), Error> {
        let folder = folder_of(&self.target)?;
        make_folder(folder)?;
        fs::rename(&self.path, &self.target)
            .map_err(|error| Error::of_file(&self.target, "cannot be replaced", error))?;
        sync_folder(folder)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Gone already where it was renamed; where it cannot be taken away, a later sweep does it.
        let _ = fs::remove_file(&self.path);
    }
}

/// The error for a name that is to be created and is there.
pub(super) fn taken(target: &Path) -> Error {
    if target.is_dir() {
        let message = "cannot be created: other objects lie below this name; choose another";
        return Error::new(ErrorKind::Invalid, target.display(), message);
    }
    Error::new(ErrorKind::AlreadyExists, target.display(), "is there already and is never written over")
}

/// Makes a folder and those above it, each of them durable.
pub(super) fn make_folder(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path)?;
    make_folder(above)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let message = "is a file, so nothing can be kept below it; use another name";
            Err(Error::new(ErrorKind::Invalid, path.display(), message))
        }
        Err(error) => Err(Error::of_file(path, "this folder cannot be made", error)),
        Ok(()) => sync_folder(above),
    }
}

/// Brings the names in a folder to the disk.
pub(super) fn sync_folder(path: &Path) -> Result<(), Error> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|error| Error::of_file(path, "this folder cannot be brought to the disk", error))
}

/// Takes a file away; false where it was not there.
pub(super) fn remove(path: &Path) -> Result<bool, Error> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::of_file(path, "cannot be taken away", error)),
    }
}

/// The names in a folder and what they stand for; none where the folder is absent.
pub(super) fn names(path: &Path) -> Result<Vec<(String, fs::FileType)>, Error> {
    let failed = |error| Error::of_file(path, "this folder cannot be read", error);
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // A name that is no text is none of ours.
        if let Some(name) = entry.file_name().to_str().filter(|name| !name.starts_with('.')) {
            names.push((name.to_owned(), entry.file_type().map_err(failed)?));
        }
    }
    Ok(names)
}

fn folder_of(path: &Path) -> Result<&Path, Error> {
    path.parent()
        .filter(|above| above.as_os_str() != OsStr::new(""))
        .ok_or_else(|| Error::new(ErrorKind::Invalid, format!("{path:?}"), "names no folder; name one"))
}

/// Takes away what dead processes left. Their locks ended with them; whoever lives holds his. What cannot be
/// taken away now stays for the next sweep.
fn sweep(aside: &Path) {
    let Ok(entries) = fs::read_dir(aside) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let free = OpenOptions::new().write(true).open(&path).is_ok_and(|file| file.try_lock().is_ok());
        if free {
            let _ = fs::remove_file(&path);
        }
    }
}
