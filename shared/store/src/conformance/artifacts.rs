//! What every [`ArtifactStore`] must do.

use std::sync::Arc;

use bytes::Bytes;

use super::{at_once, numbers, prove_all, refused};
use crate::{ArtifactStore, ETag, ErrorKind, Key};

/// Two openings of one place.
pub type Pair = [Arc<dyn ArtifactStore>; 2];

const ROUNDS: usize = 32;
const MANY: usize = 1_100;
const BIG_BYTES: usize = 20 << 20;

/// Proves all properties of a home.
///
/// # Panics
///
/// At the first property that does not hold.
pub async fn run(home: &str, mut fresh: impl AsyncFnMut() -> Pair) {
    prove_all!(home, fresh:
        what_is_absent_is_not_found,
        what_is_written_is_read,
        an_object_is_created_once,
        of_two_creators_one_succeeds,
        an_object_is_replaced_only_in_the_expected_state,
        of_two_replacers_one_succeeds,
        no_increment_is_lost,
        what_is_put_replaces_whatever_was_there,
        what_is_put_is_not_lost_to_a_replacement,
        an_unchanged_object_is_not_read_again,
        ranges_are_cut_off_at_the_end,
        lists_are_ordered_and_begin_with_the_prefix,
        lists_are_complete_however_long,
        big_objects_are_whole,
        odd_keys_are_kept_apart,
        an_object_that_is_written_over_is_read_whole,
    );
}

/// Whatever is asked of an empty store.
pub async fn what_is_absent_is_not_found([store, _]: Pair) {
    assert_eq!(store.list("").await.unwrap(), [], "a fresh place must be empty");
    store.create(&key("there/too"), "x".into()).await.unwrap();
    for text in ["absent", "there/absent", "there", "there/too/below"] {
        let key = key(text);
        let none = ETag("none".to_owned());
        refused(store.get(&key).await, ErrorKind::NotFound, &format!("get {text}"));
        refused(
            store.get_if_changed(&key, &none).await,
            ErrorKind::NotFound,
            &format!("get_if_changed {text}"),
        );
        refused(store.get_range(&key, 0..1).await, ErrorKind::NotFound, &format!("get_range {text}"));
        refused(
            store.replace(&key, "x".into(), &none).await,
            ErrorKind::NotFound,
            &format!("replace {text}"),
        );
    }
    assert_eq!(listed(&*store, "absent").await, [""; 0]);
    assert_eq!(listed(&*store, "").await, ["there/too"], "asking for objects made some");
}

/// Every way of writing, every byte, and none.
pub async fn what_is_written_is_read([one, other]: Pair) {
    let all: Bytes = (0..=u8::MAX).collect();
    for (i, bytes) in [Bytes::new(), all, "{}\n".into(), vec![0; 100_000].into()].into_iter().enumerate() {
        let [created, put, replaced] = ["created", "put", "replaced"].map(|name| key(&format!("{name}/{i}")));
        let etag = one.create(&created, bytes.clone()).await.unwrap();
        assert_holds(&*other, &created, &bytes, &etag).await;
        let etag = one.put(&put, bytes.clone()).await.unwrap();
        assert_holds(&*other, &put, &bytes, &etag).await;
        let before = one.create(&replaced, "before".into()).await.unwrap();
        let etag = other.replace(&replaced, bytes.clone(), &before).await.unwrap();
        assert_ne!(etag, before, "a changed object must be in another state");
        assert_holds(&*one, &replaced, &bytes, &etag).await;
    }
}

/// `create` never writes over anything.
pub async fn an_object_is_created_once([one, other]: Pair) {
    let [created, put] = [key("a/created"), key("a/put")];
    let etag = one.create(&created, "first".into()).await.unwrap();
    for bytes in ["first", "second", ""] {
        refused(other.create(&created, bytes.into()).await, ErrorKind::AlreadyExists, "create again");
    }
    assert_holds(&*one, &created, b"first", &etag).await;
    let etag = one.put(&put, "put".into()).await.unwrap();
    refused(other.create(&put, "second".into()).await, ErrorKind::AlreadyExists, "create over what was put");
    assert_holds(&*one, &put, b"put", &etag).await;
}

/// Creation is decided once, however close two creators are.
pub async fn of_two_creators_one_succeeds([one, other]: Pair) {
    for round in 0..ROUNDS {
        let key = key(&format!("rounds/{round}"));
        let create = |store: &Arc<dyn ArtifactStore>, bytes: &'static str| {
            let (store, key) = (Arc::clone(store), key.clone());
            async move { (bytes, store.create(&key, bytes.into()).await) }
        };
        let (a, b) = at_once(create(&one, "by one"), create(&other, "by other")).await;
        let (winner, loser) = if a.1.is_ok() { (a, b) } else { (b, a) };
        refused(loser.1, ErrorKind::AlreadyExists, &format!("the second creator of round {round}"));
        assert_holds(&*one, &key, winner.0.as_bytes(), &winner.1.unwrap()).await;
    }
}

/// `replace` compares with what is there.
pub async fn an_object_is_replaced_only_in_the_expected_state([one, other]: Pair) {
    let [pointer, elsewhere] = [key("pointer"), key("elsewhere")];
    let first = one.create(&pointer, "1".into()).await.unwrap();
    let foreign = one.create(&elsewhere, "elsewhere".into()).await.unwrap();
    let second = other.replace(&pointer, "2".into(), &first).await.unwrap();
    for stale in [&first, &foreign] {
        refused(
            one.replace(&pointer, "3".into(), stale).await,
            ErrorKind::Conflict,
            "replace in another state",
        );
    }
    assert_holds(&*one, &pointer, b"2", &second).await;
    one.replace(&pointer, "3".into(), &second).await.unwrap();
}

/// Replacement is decided once, however close two replacers are.
pub async fn of_two_replacers_one_succeeds([one, other]: Pair) {
    let pointer = key("pointer");
    let mut etag = one.create(&pointer, "before".into()).await.unwrap();
    for round in 0..ROUNDS {
        let replace = |store: &Arc<dyn ArtifactStore>, who: &str| {
            let (store, key, expected) = (Arc::clone(store), pointer.clone(), etag.clone());
            let bytes = Bytes::from(format!("{who} in round {round}"));
            async move { (bytes.clone(), store.replace(&key, bytes, &expected).await) }
        };
        let (a, b) = at_once(replace(&one, "one"), replace(&other, "other")).await;
        let (winner, loser) = if a.1.is_ok() { (a, b) } else { (b, a) };
        refused(loser.1, ErrorKind::Conflict, &format!("the second replacer of round {round}"));
        etag = winner.1.unwrap();
        assert_holds(&*one, &pointer, &winner.0, &etag).await;
    }
}

/// What compare-and-swap is for.
pub async fn no_increment_is_lost([one, other]: Pair) {
    async fn increment(store: Arc<dyn ArtifactStore>) {
        for _ in 0..ROUNDS {
            loop {
                let object = store.get(&key("count")).await.unwrap();
                let count: u64 = std::str::from_utf8(&object.bytes).unwrap().parse().unwrap();
                match store.replace(&key("count"), (count + 1).to_string().into(), &object.etag).await {
                    Ok(_) => break,
                    Err(error) => assert_eq!(error.kind, ErrorKind::Conflict, "{error}"),
                }
            }
        }
    }
    one.create(&key("count"), "0".into()).await.unwrap();
    at_once(increment(Arc::clone(&one)), increment(other)).await;
    let count = one.get(&key("count")).await.unwrap().bytes;
    assert_eq!(count, (2 * ROUNDS).to_string(), "increments of two writers");
}

/// `put` asks nothing, and is seen by those who compare.
pub async fn what_is_put_replaces_whatever_was_there([one, other]: Pair) {
    let key = key("report");
    let first = one.put(&key, "first".into()).await.unwrap();
    let second = other.put(&key, "second".into()).await.unwrap();
    assert_holds(&*one, &key, b"second", &second).await;
    refused(
        one.replace(&key, "third".into(), &first).await,
        ErrorKind::Conflict,
        "replace what was put over",
    );
    let again = one.put(&key, "second".into()).await.unwrap();
    assert_holds(&*other, &key, b"second", &again).await;
}

/// Whichever of the two comes first: a replacement after the other finds another state than it expects.
pub async fn what_is_put_is_not_lost_to_a_replacement([one, other]: Pair) {
    let target = key("contested");
    // Long enough for a home to be met while it compares.
    let put = |round: usize| Bytes::from(vec![round as u8; 1 << 20]);
    let mut etag = one.put(&target, put(0)).await.unwrap();
    for round in 1..=ROUNDS {
        let (putting, replacing) = (Arc::clone(&one), Arc::clone(&other));
        let (key, expected, bytes) = (target.clone(), etag.clone(), put(round));
        let replace = async move { replacing.replace(&key, "replaced".into(), &expected).await };
        let key = target.clone();
        let (replaced, put_etag) =
            at_once(replace, async move { putting.put(&key, bytes).await.unwrap() }).await;
        if let Err(error) = replaced {
            assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
        }
        assert_holds(&*one, &target, &put(round), &put_etag).await;
        etag = put_etag;
    }
}

/// Conditional reads.
pub async fn an_unchanged_object_is_not_read_again([one, other]: Pair) {
    let key = key("pointer");
    let first = one.create(&key, "first".into()).await.unwrap();
    assert_eq!(other.get_if_changed(&key, &first).await.unwrap(), None);
    let second = one.replace(&key, "second".into(), &first).await.unwrap();
    let object = other.get_if_changed(&key, &first).await.unwrap().unwrap();
    assert_eq!((&object.bytes[..], &object.etag), (&b"second"[..], &second));
    assert_eq!(one.get_if_changed(&key, &second).await.unwrap(), None);
}

/// Ranged reads.
pub async fn ranges_are_cut_off_at_the_end([store, _]: Pair) {
    let [digits, empty] = [key("digits"), key("empty")];
    store.create(&digits, "0123456789".into()).await.unwrap();
    store.create(&empty, Bytes::new()).await.unwrap();
    let table = [
        (0, 10, "0123456789"),
        (0, 1, "0"),
        (9, 10, "9"),
        (3, 7, "3456"),
        (8, 100, "89"),
        (5, u64::MAX, "56789"),
    ];
    for (start, end, expected) in table {
        let read = store.get_range(&digits, start..end).await.unwrap();
        assert_eq!(read, expected, "bytes {start} to {end}");
    }
    for (key, start, end) in
        [(&digits, 10, 11), (&digits, 99, 100), (&digits, 3, 3), (&digits, 7, 3), (&empty, 0, 1)]
    {
        let what = format!("bytes {start} to {end} of {key}");
        refused(store.get_range(key, start..end).await, ErrorKind::Invalid, &what);
    }
}

/// Listing is by text, not by folder.
pub async fn lists_are_ordered_and_begin_with_the_prefix([one, other]: Pair) {
    let keys = ["a-b", "a.b/x", "a/1", "a/10", "a/2", "a/b/c", "a0/x", "ab/c", "b", "z/y/x/w"];
    for (i, text) in keys.iter().enumerate().rev() {
        one.create(&key(text), vec![0; i].into()).await.unwrap();
    }
    let check = async |prefix: &str| {
        let expected: Vec<&str> = keys.into_iter().filter(|key| key.starts_with(prefix)).collect();
        assert_eq!(listed(&*other, prefix).await, expected, "the list of {prefix:?}");
    };
    for prefix in [
        "", "a", "a/", "a/1", "a/1/", "a.", "a/b", "a/b/", "z/y/x", "z/y/x/w", "z/y/x/w/", "c", "/", "A",
        "..", "%",
    ] {
        check(prefix).await;
    }
    let sizes: Vec<u64> = other.list("").await.unwrap().iter().map(|entry| entry.bytes).collect();
    assert_eq!(sizes, (0..keys.len() as u64).collect::<Vec<_>>(), "sizes in a list");
}

/// More objects than a page of any home has.
pub async fn lists_are_complete_however_long([one, other]: Pair) {
    async fn create(store: Arc<dyn ArtifactStore>, first: usize) {
        for i in (first..MANY).step_by(16) {
            store.create(&key(&format!("many/{}/{i}", i % 3)), "x".into()).await.unwrap();
        }
    }
    let writers: Vec<_> = (0..16).map(|first| tokio::spawn(create(Arc::clone(&one), first))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut expected: Vec<String> = (0..MANY).map(|i| format!("many/{}/{i}", i % 3)).collect();
    expected.sort_unstable();
    assert_eq!(listed(&*other, "many/").await, expected);
    expected.retain(|key| key.starts_with("many/1/"));
    assert_eq!(listed(&*other, "many/1/").await, expected);
}

/// Objects that a home may have to send in parts.
pub async fn big_objects_are_whole([one, other]: Pair) {
    let [created, put] = [key("big/created"), key("big/put")];
    let bytes: Bytes = numbers(1).take(BIG_BYTES / 8).flat_map(u64::to_le_bytes).collect();
    let etag = one.create(&created, bytes.clone()).await.unwrap();
    assert_holds(&*other, &created, &bytes, &etag).await;
    refused(
        other.create(&created, bytes.clone()).await,
        ErrorKind::AlreadyExists,
        "create a big object again",
    );
    let first = one.put(&put, "small".into()).await.unwrap();
    let etag = other.replace(&put, bytes.clone(), &first).await.unwrap();
    assert_holds(&*one, &put, &bytes, &etag).await;
    refused(one.replace(&put, bytes.clone(), &first).await, ErrorKind::Conflict, "replace by a big object");
    let etag = one.put(&put, bytes.slice(1..)).await.unwrap();
    assert_holds(&*other, &put, &bytes[1..], &etag).await;
    let middle = 9 << 20..(9 << 20) + 12_345;
    let read = one.get_range(&created, middle.start as u64..middle.end as u64).await.unwrap();
    assert!(read == bytes[middle], "a range in the middle of a big object holds other bytes");
}

/// The longest keys and those that look like something else.
pub async fn odd_keys_are_kept_apart([one, other]: Pair) {
    let segment = "s".repeat(255);
    let longest = format!("{segment}/{segment}");
    let deep = ["d"; 256].join("/");
    let keys = [
        "-",
        "--help",
        "0",
        "_",
        "a..",
        "a...b",
        "a.json",
        "a.json.tmp",
        "a.lock",
        "index.html",
        "con.txt",
        &longest,
        &deep,
        "x/-",
        "x/_",
        "x/0.0",
    ];
    for text in keys {
        one.create(&key(text), text.to_owned().into()).await.unwrap();
    }
    for text in keys {
        assert_eq!(other.get(&key(text)).await.unwrap().bytes, text, "{text}");
    }
    let mut expected = keys;
    expected.sort_unstable();
    assert_eq!(listed(&*other, "").await, expected);
}

/// Readers never see half of an object.
pub async fn an_object_that_is_written_over_is_read_whole([one, other]: Pair) {
    const BYTES: usize = 300_000;
    let target = key("changing");
    one.put(&target, vec![0; BYTES].into()).await.unwrap();
    let writing = async move {
        for round in 1..=ROUNDS {
            one.put(&key("changing"), vec![round as u8; BYTES + round].into()).await.unwrap();
        }
    };
    let reading = async move {
        loop {
            let bytes = other.get(&target).await.unwrap().bytes;
            let round = usize::from(bytes[0]);
            assert!(
                bytes.len() == BYTES + round && bytes.iter().all(|byte| *byte == bytes[0]),
                "half of an object"
            );
            if round == ROUNDS {
                break;
            }
        }
    };
    at_once(writing, reading).await;
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

async fn listed(store: &dyn ArtifactStore, prefix: &str) -> Vec<String> {
    store.list(prefix).await.unwrap().into_iter().map(|entry| entry.key.into()).collect()
}

async fn assert_holds(store: &dyn ArtifactStore, key: &Key, bytes: &[u8], etag: &ETag) {
    let object = store.get(key).await.unwrap();
    assert!(
        object.bytes == bytes,
        "{key} holds {} other bytes than the {} that were written",
        object.bytes.len(),
        bytes.len()
    );
    assert_eq!(object.etag, *etag, "the state of {key} is not what its writer was told");
}
