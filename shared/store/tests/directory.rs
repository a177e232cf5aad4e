//! What a directory does beyond the contracts: where it writes, what it does not take for its own, and how it says
//! that something is damaged.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use lurelight_schema::{FeatureVector, Label, Record, RecordsDigest};
use lurelight_store::{
    ArtifactStore, BatchId, Closing, DirectoryArtifacts, DirectoryRecords, ETag, Error, ErrorKind, Key,
    PushOutcome, RecordStore, push,
};

#[tokio::test]
async fn reading_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("home");
    let artifacts = DirectoryArtifacts::open(root.join("artifacts"));
    assert_eq!(artifacts.list("models/").await.unwrap(), []);
    let missing = artifacts.get(&key("a")).await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        format!(
            "{}: there is no such object; see what is there by listing it",
            root.join("artifacts/a").display()
        )
    );
    artifacts.get_range(&key("a"), 0..1).await.unwrap_err();
    artifacts.replace(&key("a"), "x".into(), &ETag(String::new())).await.unwrap_err();
    let records = DirectoryRecords::open(root.join("records"));
    assert_eq!(records.batches().await.unwrap(), []);
    records.read(id(1), 0..1).await.unwrap_err();
    records.relabel(id(1), &[(0, Label::Phishing)]).await.unwrap_err();
    assert!(!records.delete(id(1)).await.unwrap());
    assert!(!root.exists());
}

#[tokio::test]
async fn a_file_in_the_way_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("home");
    fs::write(&root, "x").unwrap();
    let refused = |error: Error, path: &Path| {
        assert_eq!(
            (error.kind, error.what.as_str()),
            (ErrorKind::Invalid, path.to_str().unwrap()),
            "{error}"
        );
    };
    let artifacts = DirectoryArtifacts::open(&root);
    refused(artifacts.list("").await.unwrap_err(), &root);
    refused(artifacts.create(&key("a"), "x".into()).await.unwrap_err(), &root);
    refused(DirectoryRecords::open(&root).batches().await.unwrap_err(), &root);

    let artifacts = DirectoryArtifacts::open(folder.path().join("other"));
    artifacts.create(&key("a/b"), "x".into()).await.unwrap();
    let [above, object] = ["other/a", "other/a/b"].map(|name| folder.path().join(name));
    refused(artifacts.create(&key("a"), "x".into()).await.unwrap_err(), &above);
    refused(artifacts.put(&key("a"), "x".into()).await.unwrap_err(), &above);
    refused(artifacts.create(&key("a/b/c"), "x".into()).await.unwrap_err(), &object);
    refused(artifacts.put(&key("a/b/c/d"), "x".into()).await.unwrap_err(), &object);
    assert_eq!(artifacts.list("").await.unwrap().len(), 1);
    assert_eq!(fs::read_dir(folder.path().join("other/.aside")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_no_object_is_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = DirectoryArtifacts::open(folder.path());
    artifacts.create(&key("runs/1/a.json"), "x".into()).await.unwrap();
    for name in ["runs/1/.a.json.swp", "runs/1/a.json~", "runs/a file", ".DS_Store", "runs/ü"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    fs::create_dir_all(folder.path().join("runs/empty/.hidden")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("runs/dangling")).unwrap();
    let listed: Vec<_> =
        artifacts.list("").await.unwrap().into_iter().map(|entry| entry.key.to_string()).collect();
    assert_eq!(listed, ["runs/1/a.json"]);

    let records = DirectoryRecords::open(folder.path());
    assert_eq!(records.batches().await.unwrap(), [], "folders of other names are no batches");
}

#[tokio::test]
async fn damage_in_a_batch_is_named_and_mended_by_pushing_again() {
    type Damage = fn(&mut Vec<u8>);
    let part = "rows-000000000000-010000.bin";
    let table: [(&str, Damage, &str); 10] = [
        (part, |bytes| bytes.truncate(100), "cut off"),
        (part, |bytes| bytes.clear(), "cut off"),
        (part, |bytes| bytes[5_000] ^= 1, "SHA-256"),
        (part, |bytes| bytes[0] ^= 1, "another kind of file"),
        (part, |bytes| bytes.extend_from_slice(&[0; 8]), "cut off"),
        ("closed.json", |bytes| bytes.truncate(40), "EOF"),
        ("closed.json", |bytes| *bytes = b"{}".to_vec(), "missing field"),
        ("closed.json", |bytes| edit(bytes, "\"rows\": 12000", "\"rows\": 12001"), "add up"),
        ("labels.bin", |bytes| bytes.truncate(60), "cut off"),
        ("labels.bin", |bytes| bytes[60] ^= 1, "SHA-256"),
    ];
    for (name, damage, expected) in table {
        let (folder, records, batch) = pushed().await;
        let path = folder.path().join(batch.to_string()).join(name);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let error = records.read(batch, 0..12_000).await.unwrap_err();
        assert_eq!(
            (error.kind, error.what.as_str()),
            (ErrorKind::Damaged, path.to_str().unwrap()),
            "{error}"
        );
        assert!(error.message.contains(expected) && error.message.contains("delete the batch"), "{error}");
        assert!(records.delete(batch).await.unwrap());
        assert_eq!(push_again(&records).await.unwrap(), PushOutcome::New);
        assert!(records.read(batch, 0..12_000).await.unwrap() == rows(1), "{name}");
    }
}

#[tokio::test]
async fn a_part_that_is_gone_or_another_ones_is_damage() {
    let (folder, records, batch) = pushed().await;
    let path = folder.path().join(batch.to_string()).join("rows-000000010000-002000.bin");
    // A whole part with right hashes, of other rows.
    let other = push(&records, &rows(2), "other.csv", Timestamp::UNIX_EPOCH, &|_| ()).await.unwrap().batch;
    fs::copy(folder.path().join(other.to_string()).join("rows-000000010000-002000.bin"), &path).unwrap();
    let error = records.read(batch, 10_000..10_001).await.unwrap_err();
    assert!(error.kind == ErrorKind::Damaged && error.message.contains("other rows"), "{error}");
    fs::remove_file(&path).unwrap();
    let error = records.read(batch, 10_000..10_001).await.unwrap_err();
    assert!(error.kind == ErrorKind::Damaged && error.message.contains("it is gone"), "{error}");
    // Rows of the other part can still be read.
    assert_eq!(records.read(batch, 0..10).await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_torn_part_of_an_open_batch_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let records = DirectoryRecords::open(folder.path());
    let part = append_first_part(&records, folder.path()).await;
    fs::write(&part, &fs::read(&part).unwrap()[..50_000]).unwrap();
    assert_eq!(push_again(&records).await.unwrap(), PushOutcome::New, "no row of it was there");
    assert!(records.read(id(1), 0..12_000).await.unwrap() == rows(1));
}

#[tokio::test]
async fn a_spoilt_part_of_an_open_batch_is_refused_and_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let records = DirectoryRecords::open(folder.path());
    let part = append_first_part(&records, folder.path()).await;
    let mut bytes = fs::read(&part).unwrap();
    bytes[50_000] ^= 1;
    fs::write(&part, bytes).unwrap();
    let error = push_again(&records).await.unwrap_err();
    assert_eq!((error.kind, error.what.as_str()), (ErrorKind::Damaged, part.to_str().unwrap()), "{error}");
    assert!(error.message.contains("push the records again"), "{error}");
    assert_eq!(push_again(&records).await.unwrap(), PushOutcome::New);
    assert!(records.read(id(1), 0..12_000).await.unwrap() == rows(1));
}

#[tokio::test]
async fn labels_of_a_deletion_that_died_do_not_come_back() {
    let (folder, records, batch) = pushed().await;
    // A deletion takes the closing record first.
    fs::remove_file(folder.path().join(batch.to_string()).join("closed.json")).unwrap();
    assert_eq!(records.batches().await.unwrap(), []);
    assert_eq!(push_again(&records).await.unwrap(), PushOutcome::Completed);
    assert!(records.read(batch, 0..12_000).await.unwrap() == rows(1));
    assert_eq!(records.batches().await.unwrap()[0].relabelled, 0);
}

#[tokio::test]
async fn a_newer_format_is_not_taken_for_damage() {
    let (folder, records, batch) = pushed().await;
    let path = folder.path().join(batch.to_string()).join("closed.json");
    let mut bytes = fs::read(&path).unwrap();
    edit(&mut bytes, "\"format\": 1", "\"format\": 2");
    fs::write(&path, bytes).unwrap();
    let error = records.batches().await.unwrap_err();
    assert!(error.kind == ErrorKind::Invalid && error.message.contains("has format 2"), "{error}");
}

#[tokio::test]
async fn a_file_of_somebody_else_in_a_batch_is_left_alone() {
    let (folder, records, batch) = pushed().await;
    let note = folder.path().join(batch.to_string()).join("note.txt");
    fs::write(&note, "x").unwrap();
    assert!(records.delete(batch).await.unwrap());
    assert!(note.exists());
    assert!(!records.delete(batch).await.unwrap(), "nothing of the batch was left");
}

#[tokio::test]
async fn rows_that_cannot_be_counted_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let records = DirectoryRecords::open(folder.path());
    let error = records.append(id(1), u64::MAX, &rows(1)[..2]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    // The last rows that can be counted are merely not followed by others.
    assert_eq!(records.append(id(1), u64::MAX - 1, &rows(1)[..1]).await.unwrap(), 1);
    let closing = Closing { rows: 12_000, source: String::new(), pushed_at: Timestamp::UNIX_EPOCH };
    assert_eq!(records.close(id(1), &closing).await.unwrap_err().kind, ErrorKind::Damaged);
    assert_eq!(push_again(&records).await.unwrap(), PushOutcome::New);
}

/// A batch of two parts, one of whose labels was changed.
async fn pushed() -> (tempfile::TempDir, DirectoryRecords, BatchId) {
    let folder = tempfile::tempdir().unwrap();
    let records = DirectoryRecords::open(folder.path());
    push_again(&records).await.unwrap();
    assert_eq!(records.relabel(id(1), &[(7, Label::Legitimate)]).await.unwrap(), 1);
    (folder, records, id(1))
}

async fn push_again(records: &DirectoryRecords) -> Result<PushOutcome, Error> {
    push(records, &rows(1), "sites.csv", Timestamp::UNIX_EPOCH, &|_| ()).await.map(|pushed| pushed.outcome)
}

async fn append_first_part(records: &DirectoryRecords, root: &Path) -> PathBuf {
    assert_eq!(records.append(id(1), 0, &rows(1)[..10_000]).await.unwrap(), 10_000);
    root.join(id(1).to_string()).join("rows-000000000000-010000.bin")
}

fn id(seed: u64) -> BatchId {
    BatchId(RecordsDigest::of(&rows(seed)))
}

fn rows(seed: u64) -> Vec<Record> {
    let vector = |i: u64| FeatureVector::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4).unwrap();
    (0..12_000).map(|i| Record { vector: vector(seed << 20 | i), label: Label::Phishing }).collect()
}

fn edit(bytes: &mut Vec<u8>, from: &str, to: &str) {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{text}");
    *bytes = text.replace(from, to).into_bytes();
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}
