//! Files: read with a progress bar, written aside and renamed.

use std::fs::File;
use std::io::{BufReader, Read, Write, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressBarIter};
use lurelight_schema::read::Format;
use tempfile::NamedTempFile;

use crate::progress;

/// An opened input.
pub struct Input {
    /// Its bytes; reading them moves the bar.
    pub bytes: ProgressBarIter<Box<dyn Read>>,
    /// Its format, by its name, else by its first bytes.
    pub format: Format,
    /// The bar, to be taken away when the input was read.
    pub bar: ProgressBar,
}

/// A file's name in a message.
pub fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// Opens a file, or standard input for `-`.
///
/// # Errors
///
/// Where it cannot be read, with its name.
pub fn open(path: &Path) -> anyhow::Result<Input> {
    let name = name(path);
    let (mut reader, length): (Box<dyn Read>, _) = if path == Path::new("-") {
        (Box::new(stdin()), None)
    } else {
        let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
        let metadata = file.metadata().with_context(|| format!("{name} cannot be looked at"))?;
        if metadata.is_dir() {
            bail!("{name} is a directory; give the files in it");
        }
        (Box::new(file), metadata.is_file().then_some(metadata.len()))
    };
    let format = match Format::from_file_name(&path.to_string_lossy()) {
        Some(format) => format,
        None => {
            let mut first = Vec::new();
            reader
                .by_ref()
                .take(4096)
                .read_to_end(&mut first)
                .with_context(|| format!("{name} cannot be read"))?;
            let format = Format::from_first_bytes(&first);
            reader = Box::new(std::io::Cursor::new(first).chain(reader));
            format
        }
    };
    let bar = progress::bytes(length);
    bar.set_message(format!("reading {name}"));
    Ok(Input { bytes: bar.wrap_read(reader), format, bar })
}

/// Reads a whole file of at most `most` bytes.
///
/// # Errors
///
/// Where it cannot be read or is larger, with its name.
pub fn read(path: &Path, most: usize) -> anyhow::Result<Vec<u8>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        bail!("{name} is a directory, not a file");
    }
    let mut bytes = Vec::new();
    BufReader::new(file)
        .take(most as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name} cannot be read"))?;
    if bytes.len() > most {
        bail!("{name} has more than the {most} bytes that are read");
    }
    Ok(bytes)
}

/// A file that is written aside and takes its place only when it is whole.
///
/// A device or a pipe (`/dev/null`, `/dev/stdout`) is written to as it is, never replaced; where a link
/// stands, the file that it leads to is replaced.
pub struct Aside {
    out: Out,
    place: PathBuf,
}

enum Out {
    Aside(NamedTempFile),
    Special(File),
}

impl Aside {
    /// Makes a file beside `place`, so that a folder that is absent or cannot be written is known before
    /// the work is done.
    ///
    /// # Errors
    ///
    /// Where the folder, or the device, is absent or cannot be written, or `place` is a directory.
    pub fn new(place: &Path) -> anyhow::Result<Aside> {
        if place.is_dir() {
            bail!("{} is a directory; give the name of a file in it", place.display());
        }
        let target = if place.is_symlink() { place.canonicalize().ok() } else { None };
        let place = target.as_deref().unwrap_or(place);
        if place.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let opened = File::options().write(true).open(place);
            let file = opened.with_context(|| format!("{} cannot be written", place.display()))?;
            return Ok(Aside { out: Out::Special(file), place: place.to_owned() });
        }
        let folder = match place.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let file = tempfile::Builder::new()
            .prefix(".lurelight-")
            .suffix(".tmp")
            .tempfile_in(folder)
            .with_context(|| {
                format!("{} cannot be written: no file can be made in {}", place.display(), folder.display())
            })?;
        Ok(Aside { out: Out::Aside(file), place: place.to_owned() })
    }

    /// Puts the file in its place, all of its bytes on the disk before.
    ///
    /// # Errors
    ///
    /// Where the disk does not take it; what stood in its place before still does.
    pub fn finish(self) -> anyhow::Result<()> {
        let name = self.place.display().to_string();
        let Out::Aside(file) = self.out else { return Ok(()) };
        let context = || format!("{name} cannot be written; what stood there before is untouched");
        readable_by_all(file.as_file()).with_context(context)?;
        file.as_file().sync_all().with_context(context)?;
        file.persist(&self.place).with_context(context)?;
        Ok(())
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.out {
            Out::Aside(file) => file.write(bytes),
            Out::Special(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match &mut self.out {
            Out::Aside(file) => file.flush(),
            Out::Special(file) => file.flush(),
        }
    }
}

/// Temporary files are their owner's alone; what takes its place is a file like any other.
#[cfg(unix)]
fn readable_by_all(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_file: &File) -> std::io::Result<()> {
    Ok(())
}
