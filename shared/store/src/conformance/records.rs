//! What every [`RecordStore`] must do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use lurelight_schema::{FeatureVector, Label, Record, RecordsDigest};

use super::{at_once, numbers, prove_all, refused};
use crate::{Batch, BatchId, Closing, Error, ErrorKind, PushOutcome, Pushed, RecordStore, push};

/// Two openings of one place.
pub type Pair = [Arc<dyn RecordStore>; 2];

/// Proves all properties of a home.
///
/// # Panics
///
/// At the first property that does not hold.
pub async fn run(home: &str, mut fresh: impl AsyncFnMut() -> Pair) {
    prove_all!(home, fresh:
        an_empty_store_has_nothing,
        pushing_twice_changes_nothing,
        records_are_read_in_their_order,
        identical_rows_are_all_kept,
        batches_are_ordered_by_name,
        a_half_pushed_batch_is_not_seen,
        a_half_pushed_batch_is_completed_by_pushing_again,
        rows_that_are_there_stay,
        wrong_rows_are_refused_and_taken_away,
        a_closed_batch_takes_no_more_rows,
        two_pushers_of_one_batch_make_one_batch,
        labels_are_changed_and_changed_back,
        a_wrong_row_changes_no_label,
        labels_that_are_changed_at_once_are_all_changed,
        a_deleted_batch_is_gone_with_its_labels,
    );
}

/// Whatever is asked of an empty store, and a push of nothing.
pub async fn an_empty_store_has_nothing([store, _]: Pair) {
    let id = BatchId(RecordsDigest::of(&records(1, 1)));
    assert_eq!(store.batches().await.unwrap(), [], "a fresh place must be empty");
    refused(store.read(id, 0..1).await, ErrorKind::NotFound, "read a batch that is not there");
    let relabelled = store.relabel(id, &[(0, Label::Phishing)]).await;
    refused(relabelled, ErrorKind::NotFound, "relabel a batch that is not there");
    assert!(!store.delete(id).await.unwrap(), "nothing was deleted");
    refused(pushed(&*store, &[]).await, ErrorKind::Invalid, "push no record");
    assert_eq!(store.batches().await.unwrap(), [], "asking for batches made some");
}

/// The second push of the same records is told so, whatever its source is called.
pub async fn pushing_twice_changes_nothing([one, other]: Pair) {
    let records = records(2, 11_055);
    let handed = AtomicU64::new(0);
    let count = |rows| {
        handed.fetch_add(rows, Ordering::Relaxed);
    };
    let first = push(&*one, &records, "sites.csv", at(1), &count).await.unwrap();
    let batch = BatchId(RecordsDigest::of(&records));
    assert_eq!(first, Pushed { batch, rows: 11_055, outcome: PushOutcome::New });
    assert_eq!(handed.load(Ordering::Relaxed), 11_055, "rows that the push said it handed over");
    let second = push(&*other, &records, "sites.arff", at(2), &count).await.unwrap();
    assert_eq!(second, Pushed { batch, rows: 11_055, outcome: PushOutcome::NoChange });
    assert_eq!(handed.load(Ordering::Relaxed), 11_055, "rows that the second push said it handed over");
    let closing = Closing { rows: 11_055, source: "sites.csv".to_owned(), pushed_at: at(1) };
    assert_eq!(one.batches().await.unwrap(), [Batch { id: batch, closing, relabelled: 0 }]);
    assert_reads(&*one, batch, &records).await;
}

/// All rows and some of them.
pub async fn records_are_read_in_their_order([one, other]: Pair) {
    let records = records(3, 25_000);
    let batch = pushed(&*one, &records).await.unwrap().batch;
    let table = [
        (0, 1),
        (0, 25_000),
        (24_999, 25_000),
        (9_990, 10_010),
        (1, 24_999),
        (19_999, 99_999),
        (5, u64::MAX),
    ];
    for (start, end) in table {
        let read = other.read(batch, start..end).await.unwrap();
        let expected = &records[start as usize..(end as usize).min(records.len())];
        assert!(read == expected, "rows {start} to {end} are not those that were pushed");
    }
    for (start, end) in [(0, 0), (7, 3), (25_000, 25_001), (99_999, u64::MAX)] {
        assert_eq!(other.read(batch, start..end).await.unwrap(), [], "rows {start} to {end}");
    }
}

/// Rows are counted, not collected.
pub async fn identical_rows_are_all_kept([one, other]: Pair) {
    let same = vec![records(4, 1)[0]; 1_000];
    let batch = pushed(&*one, &same).await.unwrap().batch;
    assert_reads(&*other, batch, &same).await;
    // The same rows in another order, or once more, are another batch.
    let mut turned = records(4, 50);
    let straight = pushed(&*one, &turned).await.unwrap().batch;
    turned.reverse();
    let turned = pushed(&*one, &turned).await.unwrap();
    assert_eq!((turned.outcome, turned.batch == straight), (PushOutcome::New, false));
    let more = pushed(&*one, &vec![same[0]; 1_001]).await.unwrap();
    assert_eq!((more.outcome, more.rows), (PushOutcome::New, 1_001));
}

/// So that a dataset's digest does not depend on who pushed first.
pub async fn batches_are_ordered_by_name([one, other]: Pair) {
    let mut names = Vec::new();
    for seed in 0..12 {
        names.push(pushed(&*one, &records(seed, 3)).await.unwrap().batch);
    }
    names.sort_unstable();
    let listed: Vec<BatchId> = other.batches().await.unwrap().iter().map(|batch| batch.id).collect();
    assert_eq!(listed, names);
}

/// Rows without a closing record.
pub async fn a_half_pushed_batch_is_not_seen([one, other]: Pair) {
    let records = records(5, 500);
    let batch = BatchId(RecordsDigest::of(&records));
    assert_eq!(one.append(batch, 0, &records[..300]).await.unwrap(), 300);
    assert_eq!(other.batches().await.unwrap(), []);
    refused(other.read(batch, 0..1).await, ErrorKind::NotFound, "read a half-pushed batch");
    let relabelled = other.relabel(batch, &[(0, Label::Phishing)]).await;
    refused(relabelled, ErrorKind::NotFound, "relabel a half-pushed batch");
    assert!(other.delete(batch).await.unwrap(), "a half-pushed batch can be deleted");
    assert_eq!(
        pushed(&*one, &records).await.unwrap().outcome,
        PushOutcome::New,
        "nothing is left of it then"
    );
}

/// A push that died is made good by the next.
pub async fn a_half_pushed_batch_is_completed_by_pushing_again([one, other]: Pair) {
    // More than `push` hands over at once.
    let records = records(6, 12_000);
    let pushes: [&[(usize, usize)]; 5] = [
        &[(0, 1)],
        &[(0, 10_000)],
        &[(10_000, 12_000)],
        &[(3, 7), (5, 9), (11_000, 11_001)],
        // All rows are there, and only the closing is not.
        &[(0, 12_000)],
    ];
    for (i, parts) in pushes.into_iter().enumerate() {
        // Other rows each time, so that each is another batch.
        let records = &records[i..];
        let batch = BatchId(RecordsDigest::of(records));
        for &(start, end) in parts {
            one.append(batch, start as u64, &records[start..end.min(records.len())]).await.unwrap();
        }
        assert_eq!(
            pushed(&*other, records).await.unwrap().outcome,
            PushOutcome::Completed,
            "{parts:?} were there"
        );
        assert_reads(&*one, batch, records).await;
    }
}

/// Appending what is there, or something else in its place.
pub async fn rows_that_are_there_stay([one, other]: Pair) {
    let (right, wrong) = (records(7, 100), records(8, 100));
    let batch = BatchId(RecordsDigest::of(&right));
    let table = [(20, 30, 10), (20, 30, 0), (15, 25, 5), (28, 40, 10), (10, 50, 15), (0, 100, 60), (0, 0, 0)];
    for (start, end, expected) in table {
        let new = one.append(batch, start as u64, &right[start..end]).await.unwrap();
        assert_eq!(new, expected, "new rows among {start} to {end}");
    }
    assert_eq!(other.append(batch, 0, &wrong).await.unwrap(), 0, "rows that are there are not new");
    other.close(batch, &closing(100)).await.unwrap();
    assert_reads(&*one, batch, &right).await;
}

/// Closing is where a batch is checked.
pub async fn wrong_rows_are_refused_and_taken_away([one, other]: Pair) {
    let (right, wrong) = (records(9, 100), records(10, 101));
    let batch = BatchId(RecordsDigest::of(&right));
    type Appended<'a> = &'a [(u64, &'a [Record])];
    let cases: [(&str, Appended<'_>); 6] = [
        ("other rows", &[(0, &wrong[..100])]),
        ("too few rows", &[(0, &right[..99])]),
        ("rows behind a gap", &[(1, &right[1..])]),
        ("no rows", &[]),
        ("too many rows", &[(0, &right), (100, &wrong[100..])]),
        ("a row far behind the others", &[(0, &right), (5_000, &wrong[100..])]),
    ];
    for (what, appended) in cases {
        for (first_row, rows) in appended {
            one.append(batch, *first_row, rows).await.unwrap();
        }
        refused(one.close(batch, &closing(100)).await, ErrorKind::Damaged, &format!("close over {what}"));
        assert_eq!(other.batches().await.unwrap(), [], "{what}");
        assert_eq!(pushed(&*other, &right).await.unwrap().outcome, PushOutcome::New, "push after {what}");
        assert_reads(&*one, batch, &right).await;
        assert!(one.delete(batch).await.unwrap());
    }
}

/// What is complete stays so.
pub async fn a_closed_batch_takes_no_more_rows([one, other]: Pair) {
    let records = records(11, 100);
    let batch = pushed(&*one, &records).await.unwrap().batch;
    let before = one.batches().await.unwrap();
    for first_row in [0, 50, 100, 1_000] {
        let appended = other.append(batch, first_row, &records[..10]).await;
        refused(appended, ErrorKind::AlreadyExists, &format!("append row {first_row} to a closed batch"));
    }
    other.close(batch, &Closing { source: "another".to_owned(), ..closing(100) }).await.unwrap();
    assert_eq!(other.batches().await.unwrap(), before, "closing again changes nothing");
    assert_reads(&*one, batch, &records).await;
}

/// Both are told that it is there.
pub async fn two_pushers_of_one_batch_make_one_batch([one, other]: Pair) {
    for round in 0..5 {
        let records = Arc::new(records(100 + round, 12_000));
        let push = |store: &Arc<dyn RecordStore>| {
            let (store, records) = (Arc::clone(store), Arc::clone(&records));
            async move { pushed(&*store, &records).await.unwrap() }
        };
        let (a, b) = at_once(push(&one), push(&other)).await;
        assert_eq!((a.batch, a.rows), (b.batch, b.rows));
        let outcomes = [a.outcome, b.outcome];
        assert_ne!(outcomes, [PushOutcome::New; 2], "both say that nothing was there");
        assert_ne!(outcomes, [PushOutcome::NoChange; 2], "both say that all was there");
        assert_reads(&*one, a.batch, &records).await;
    }
    assert_eq!(one.batches().await.unwrap().len(), 5);
}

/// Relabelling, and what it counts.
pub async fn labels_are_changed_and_changed_back([one, other]: Pair) {
    let mut records = records(12, 12_000);
    let batch = pushed(&*one, &records).await.unwrap().batch;
    let rows = [0, 1, 9_999, 10_000, 11_999];
    let turned: Vec<(u64, Label)> = rows.map(|row| (row, turned(records[row as usize].label))).to_vec();
    let back: Vec<(u64, Label)> = rows.map(|row| (row, records[row as usize].label)).to_vec();
    assert_eq!(one.relabel(batch, &[]).await.unwrap(), 0, "no label was named");
    assert_eq!(one.relabel(batch, &back).await.unwrap(), 0, "they have these labels");
    assert_eq!(one.relabel(batch, &turned).await.unwrap(), 5);
    assert_eq!(other.relabel(batch, &turned).await.unwrap(), 0, "they have these labels now");
    turned.iter().for_each(|(row, label)| records[*row as usize].label = *label);
    assert_reads(&*other, batch, &records).await;
    assert!(other.read(batch, 9_998..10_002).await.unwrap() == records[9_998..10_002], "some of the rows");
    assert_eq!(other.batches().await.unwrap()[0].relabelled, 5);
    // The same row twice: the last counts.
    assert_eq!(other.relabel(batch, &[turned[0], back[0]]).await.unwrap(), 1);
    assert_eq!(one.batches().await.unwrap()[0].relabelled, 4);
    assert_eq!(one.relabel(batch, &back).await.unwrap(), 4);
    back.iter().for_each(|(row, label)| records[*row as usize].label = *label);
    assert_reads(&*other, batch, &records).await;
    assert_eq!(other.batches().await.unwrap()[0].relabelled, 0);
    assert_eq!(pushed(&*other, &records).await.unwrap().outcome, PushOutcome::NoChange);
}

/// All labels or none.
pub async fn a_wrong_row_changes_no_label([one, other]: Pair) {
    let records = records(13, 50);
    let batch = pushed(&*one, &records).await.unwrap().batch;
    for row in [50, u64::MAX] {
        let labels = [(0, turned(records[0].label)), (row, Label::Phishing)];
        refused(one.relabel(batch, &labels).await, ErrorKind::Invalid, &format!("relabel row {row} of 50"));
        assert_reads(&*other, batch, &records).await;
    }
}

/// Two people relabel one batch.
pub async fn labels_that_are_changed_at_once_are_all_changed([one, other]: Pair) {
    let mut records = records(14, 200);
    let batch = pushed(&*one, &records).await.unwrap().batch;
    records.iter_mut().for_each(|record| record.label = turned(record.label));
    let relabel = |store: &Arc<dyn RecordStore>, first: usize| {
        let store = Arc::clone(store);
        let labels: Vec<_> = (first..200).step_by(2).map(|row| (row as u64, records[row].label)).collect();
        async move {
            for part in labels.chunks(5) {
                assert_eq!(store.relabel(batch, part).await.unwrap(), 5);
            }
        }
    };
    at_once(relabel(&one, 0), relabel(&other, 1)).await;
    assert_reads(&*one, batch, &records).await;
    assert_eq!(other.batches().await.unwrap()[0].relabelled, 200);
}

/// Deletion, and pushing the same again.
pub async fn a_deleted_batch_is_gone_with_its_labels([one, other]: Pair) {
    let (deleted, kept) = (records(15, 12_000), records(16, 10));
    let batch = pushed(&*one, &deleted).await.unwrap().batch;
    let beside = pushed(&*one, &kept).await.unwrap().batch;
    one.relabel(batch, &[(3, turned(deleted[3].label))]).await.unwrap();
    assert!(other.delete(batch).await.unwrap(), "there was such a batch");
    assert!(!one.delete(batch).await.unwrap(), "there is none any more");
    refused(one.read(batch, 0..1).await, ErrorKind::NotFound, "read a deleted batch");
    let left: Vec<BatchId> = one.batches().await.unwrap().iter().map(|batch| batch.id).collect();
    assert_eq!(left, [beside], "the batch beside it stays");
    assert_eq!(pushed(&*one, &deleted).await.unwrap().outcome, PushOutcome::New, "push what was deleted");
    assert_reads(&*other, batch, &deleted).await;
    assert_reads(&*other, beside, &kept).await;
}

/// Records that look random; some vectors come again.
fn records(seed: u64, count: usize) -> Vec<Record> {
    let record = |number: u64| {
        let bits = if number.is_multiple_of(5) { number >> 50 } else { number >> 4 };
        let label = if number & 8 == 0 { Label::Phishing } else { Label::Legitimate };
        Record { vector: FeatureVector::from_bits(bits).unwrap(), label }
    };
    numbers(seed).take(count).map(record).collect()
}

fn turned(label: Label) -> Label {
    if label == Label::Phishing { Label::Legitimate } else { Label::Phishing }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn closing(rows: u64) -> Closing {
    Closing { rows, source: "closed by hand".to_owned(), pushed_at: at(0) }
}

async fn pushed(store: &dyn RecordStore, records: &[Record]) -> Result<Pushed, Error> {
    push(store, records, "sites.csv", at(0), &|_| ()).await
}

async fn assert_reads(store: &dyn RecordStore, batch: BatchId, records: &[Record]) {
    let read = store.read(batch, 0..records.len() as u64 + 10).await.unwrap();
    let first = read.iter().zip(records).position(|(read, expected)| read != expected);
    assert_eq!(
        (read.len(), first),
        (records.len(), None),
        "rows of the batch, and the first that is another"
    );
}
