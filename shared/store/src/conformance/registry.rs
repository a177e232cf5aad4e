//! What the [`ModelRegistry`] must do over every [`ArtifactStore`].

use std::sync::Arc;

use lurelight_schema::Digest;

use super::artifacts::Pair;
use super::fixture::{card, event, model, new_version, put_version};
use super::{at_once, prove_all, refused};
use crate::{ArtifactStore, Champion, ErrorKind, Event, EventKind, Key, ModelRegistry};

const ROUNDS: u64 = 16;

/// Proves all properties over a home.
///
/// # Panics
///
/// At the first property that does not hold.
pub async fn run(home: &str, mut fresh: impl AsyncFnMut() -> Pair) {
    prove_all!(home, fresh:
        an_empty_registry_is_whole,
        models_are_kept_once_and_checked,
        versions_count_from_one,
        registering_again_gives_the_same_version,
        two_registrars_get_two_numbers,
        two_registrars_of_one_model_get_one_number,
        the_pointer_moves_and_its_history_is_complete,
        a_move_from_another_state_is_a_conflict_that_names_the_mover,
        the_pointer_moves_only_to_versions_that_are_there,
        of_two_movers_one_succeeds,
        no_event_is_lost_among_many_movers,
        a_move_that_died_half_way_loses_nothing,
        verification_names_what_is_wrong,
    );
}

/// Whatever is asked of an empty registry.
pub async fn an_empty_registry_is_whole(stores: Pair) {
    let [registry, _] = registries(&stores);
    let digest = model(0).digest();
    assert_eq!(registry.champion().await.unwrap(), None);
    assert_eq!(registry.versions().await.unwrap(), []);
    assert_eq!(registry.events().await.unwrap(), []);
    assert_eq!(registry.verify().await.unwrap(), [""; 0]);
    refused(registry.version(1).await, ErrorKind::NotFound, "a version");
    refused(registry.artifact(digest).await, ErrorKind::NotFound, "a model");
    refused(registry.card(digest).await, ErrorKind::NotFound, "a card");
    refused(
        registry.move_champion(None, event(1, &model(0), "somebody")).await,
        ErrorKind::NotFound,
        "a move",
    );
    assert_eq!(stores[0].list("").await.unwrap(), [], "asking made objects");
}

/// Models and cards.
pub async fn models_are_kept_once_and_checked(stores: Pair) {
    let [one, other] = registries(&stores);
    let (a, b) = (model(1), model(2));
    refused(one.put_model(&a, &card(&b)).await, ErrorKind::Invalid, "keep a model with the card of another");
    one.put_model(&a, &card(&a)).await.unwrap();
    other.put_model(&a, &card(&a)).await.unwrap();
    assert_eq!(other.artifact(a.digest()).await.unwrap(), a);
    assert_eq!(other.card(a.digest()).await.unwrap(), card(&a));
    // The same model from another run has other candidates on its card.
    let mut later = card(&a);
    later.candidates.clear();
    other.put_model(&a, &later).await.unwrap();
    assert_eq!(one.card(a.digest()).await.unwrap(), card(&a), "the first card stays");
    // Another model's bytes, which are an artifact, and bytes that are none.
    for bytes in [b.to_bytes(), b"LURE".to_vec(), Vec::new()] {
        stores[0].put(&Key::model(a.digest()), bytes.into()).await.unwrap();
        refused(one.artifact(a.digest()).await, ErrorKind::Damaged, "read a model that was written over");
        refused(one.put_model(&a, &card(&a)).await, ErrorKind::Damaged, "keep a model that was written over");
    }
    for text in [card(&b).to_json().unwrap(), "{}".to_owned()] {
        stores[0].put(&Key::card(a.digest()), text.into()).await.unwrap();
        refused(one.card(a.digest()).await, ErrorKind::Damaged, "read a card that was written over");
    }
}

/// Registration.
pub async fn versions_count_from_one(stores: Pair) {
    let [one, other] = registries(&stores);
    refused(
        one.register(new_version(&model(0), "run-0")).await,
        ErrorKind::NotFound,
        "register what is not kept",
    );
    let mut nameless = new_version(&model(0), "run-0");
    nameless.model = "latest".to_owned();
    refused(one.register(nameless).await, ErrorKind::Invalid, "register no digest");
    for number in 1..=12 {
        let version = put_version(&one, number).await;
        assert_eq!(version.number, number);
        assert_eq!(version.details, new_version(&model(number), &format!("run-{number}")));
        assert_eq!(other.version(number).await.unwrap(), version);
    }
    let numbers: Vec<u64> = other.versions().await.unwrap().iter().map(|version| version.number).collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>(), "versions are ordered by number, 10 behind 9");
    refused(other.version(13).await, ErrorKind::NotFound, "a version that is not there");
}

/// A stage that is run twice.
pub async fn registering_again_gives_the_same_version(stores: Pair) {
    let [one, other] = registries(&stores);
    let first = put_version(&one, 1).await;
    put_version(&one, 2).await;
    let mut again = new_version(&model(1), "run-1");
    again.registered_at += jiff::SignedDuration::from_hours(1);
    assert_eq!(other.register(again).await.unwrap(), first);
    // Another run that made the same model, and the same run with another model, are others.
    assert_eq!(other.register(new_version(&model(1), "run-9")).await.unwrap().number, 3);
    assert_eq!(other.register(new_version(&model(2), "run-1")).await.unwrap().number, 4);
}

/// Two runs end at once.
pub async fn two_registrars_get_two_numbers(stores: Pair) {
    let [one, other] = registries(&stores);
    for seed in [0, 1] {
        one.put_model(&model(seed), &card(&model(seed))).await.unwrap();
    }
    for round in 0..ROUNDS {
        let register = |registry: &ModelRegistry, seed: u64| {
            let registry = registry.clone();
            async move { registry.register(new_version(&model(seed), &format!("run-{round}"))).await.unwrap() }
        };
        let (a, b) = at_once(register(&one, 0), register(&other, 1)).await;
        let mut numbers = [a.number, b.number];
        numbers.sort_unstable();
        assert_eq!(numbers, [2 * round + 1, 2 * round + 2]);
        assert_eq!(one.version(a.number).await.unwrap(), a);
        assert_eq!(one.version(b.number).await.unwrap(), b);
    }
}

/// One run registers its model twice at once.
pub async fn two_registrars_of_one_model_get_one_number(stores: Pair) {
    let [one, other] = registries(&stores);
    one.put_model(&model(0), &card(&model(0))).await.unwrap();
    for round in 0..ROUNDS {
        let register = |registry: &ModelRegistry| {
            let registry = registry.clone();
            async move { registry.register(new_version(&model(0), &format!("run-{round}"))).await.unwrap() }
        };
        let (a, b) = at_once(register(&one), register(&other)).await;
        assert_eq!((a.number, b.number), (round + 1, round + 1));
    }
}

/// Promotion and rolling back.
pub async fn the_pointer_moves_and_its_history_is_complete(stores: Pair) {
    let [one, other] = registries(&stores);
    for number in 1..=3 {
        put_version(&one, number).await;
    }
    let first = one.move_champion(None, event(1, &model(1), "ada")).await.unwrap();
    assert_eq!(other.champion().await.unwrap(), Some(first.clone()));
    assert_eq!(other.champion_if_changed(&first.etag).await.unwrap(), None);
    let second = other.move_champion(Some(&first), event(3, &model(3), "ben")).await.unwrap();
    assert_eq!(one.champion_if_changed(&first.etag).await.unwrap(), Some(second.clone()));
    let mut back = event(1, &model(1), "cleo");
    back.kind = EventKind::RolledBack;
    let third = one.move_champion(Some(&second), back).await.unwrap();
    let events = other.events().await.unwrap();
    assert_eq!(events, [first.event, second.event, third.event]);
    let told: Vec<_> =
        events.iter().map(|e| (e.sequence, e.previous, e.details.version, e.details.kind)).collect();
    let [promoted, rolled_back] = [EventKind::Promoted, EventKind::RolledBack];
    assert_eq!(told, [(1, None, 1, promoted), (2, Some(1), 3, promoted), (3, Some(3), 1, rolled_back)]);
    assert_eq!(one.verify().await.unwrap(), [""; 0]);
}

/// Nobody promotes over what he has not seen.
pub async fn a_move_from_another_state_is_a_conflict_that_names_the_mover(stores: Pair) {
    let [one, other] = registries(&stores);
    for number in 1..=3 {
        put_version(&one, number).await;
    }
    let first = one.move_champion(None, event(1, &model(1), "ada")).await.unwrap();
    let move_from = async |seen: Option<&Champion>, mover: &str| {
        let moved = other.move_champion(seen, event(3, &model(3), "zoe")).await;
        let message = refused(moved, ErrorKind::Conflict, "a move from another state").to_string();
        assert!(message.contains(mover), "the conflict names {mover}: {message}");
    };
    move_from(None, "ada").await;
    let second = one.move_champion(Some(&first), event(2, &model(2), "ben")).await.unwrap();
    move_from(None, "ben").await;
    move_from(Some(&first), "ben").await;
    assert_eq!(other.champion().await.unwrap(), Some(second));
    assert_eq!(one.events().await.unwrap().len(), 2);
    assert_eq!(one.verify().await.unwrap(), [""; 0]);
}

/// What serves can be loaded.
pub async fn the_pointer_moves_only_to_versions_that_are_there(stores: Pair) {
    let [one, _] = registries(&stores);
    put_version(&one, 1).await;
    let first = one.move_champion(None, event(1, &model(1), "ada")).await.unwrap();
    for seen in [None, Some(&first)] {
        let unknown = one.move_champion(seen, event(2, &model(1), "ada")).await;
        refused(unknown, ErrorKind::NotFound, "a version that is not there");
        let other_model = one.move_champion(seen, event(1, &model(2), "ada")).await;
        refused(other_model, ErrorKind::Invalid, "a version as another model");
    }
    assert_eq!(one.champion().await.unwrap(), Some(first));
}

/// Two promotions at once.
pub async fn of_two_movers_one_succeeds(stores: Pair) {
    let [one, other] = registries(&stores);
    for number in 1..=2 {
        put_version(&one, number).await;
    }
    let mut champion = None;
    for round in 0..ROUNDS {
        let moving = |registry: &ModelRegistry, version: u64| {
            let (registry, seen) = (registry.clone(), champion.clone());
            async move { registry.move_champion(seen.as_ref(), event(version, &model(version), "somebody")).await }
        };
        let (a, b) = at_once(moving(&one, 1), moving(&other, 2)).await;
        let (winner, loser) = if a.is_ok() { (a, b) } else { (b, a) };
        refused(loser, ErrorKind::Conflict, &format!("the second mover of round {round}"));
        champion = Some(winner.unwrap());
        assert_eq!(one.champion().await.unwrap(), champion);
        assert_whole(&one, round + 1).await;
    }
}

/// Many movers who try again.
pub async fn no_event_is_lost_among_many_movers(stores: Pair) {
    async fn moving(registry: ModelRegistry, version: u64) -> Vec<Event> {
        let mut moved = Vec::new();
        while moved.len() < ROUNDS as usize {
            let seen = registry.champion().await.unwrap();
            match registry.move_champion(seen.as_ref(), event(version, &model(version), "somebody")).await {
                Ok(champion) => moved.push(champion.event),
                Err(error) => assert_eq!(error.kind, ErrorKind::Conflict, "{error}"),
            }
            // What is read while others move is complete up to somewhere.
            let events = registry.events().await.unwrap();
            assert!(events.iter().map(|event| event.sequence).eq(1..=events.len() as u64), "{events:?}");
            assert_eq!(registry.verify().await.unwrap(), [""; 0], "while others move");
        }
        moved
    }
    let [one, other] = registries(&stores);
    for number in 1..=2 {
        put_version(&one, number).await;
    }
    let (mut moved, by_other) = at_once(moving(one.clone(), 1), moving(other, 2)).await;
    moved.extend(by_other);
    moved.sort_unstable_by_key(|event| event.sequence);
    assert_eq!(one.events().await.unwrap(), moved, "the history is what the movers were told");
    assert_whole(&one, 2 * ROUNDS).await;
}

/// Each state that a death between two steps can leave.
pub async fn a_move_that_died_half_way_loses_nothing(stores: Pair) {
    let [one, other] = registries(&stores);
    // A card without its model, then a model without its version.
    let lone = model(7);
    stores[0].create(&Key::card(lone.digest()), card(&lone).to_json().unwrap().into()).await.unwrap();
    assert_eq!(one.verify().await.unwrap(), [""; 0], "after a death between card and model");
    one.put_model(&lone, &card(&lone)).await.unwrap();
    assert_eq!(one.verify().await.unwrap(), [""; 0], "after a death between model and version");
    for number in 1..=2 {
        put_version(&one, number).await;
    }
    // The event is kept, and the pointer was not yet replaced.
    let first = one.move_champion(None, event(1, &model(1), "ada")).await.unwrap();
    let pointer = stores[0].get(&Key::champion()).await.unwrap().bytes;
    stores[0].create(&Key::event(1), pointer).await.unwrap();
    assert_eq!(other.champion().await.unwrap(), Some(first.clone()));
    assert_whole(&other, 1).await;
    other.move_champion(Some(&first), event(2, &model(2), "ben")).await.unwrap();
    assert_whole(&one, 2).await;
}

/// Every damage is found, and the message says where.
pub async fn verification_names_what_is_wrong(stores: Pair) {
    let [registry, _] = registries(&stores);
    let store = &stores[1];
    for number in 1..=3 {
        put_version(&registry, number).await;
    }
    let mut champion = registry.move_champion(None, event(1, &model(1), "ada")).await.unwrap();
    for number in [2, 3] {
        champion =
            registry.move_champion(Some(&champion), event(number, &model(number), "ada")).await.unwrap();
    }
    assert_eq!(registry.verify().await.unwrap(), [""; 0]);
    let pointer = |change: &dyn Fn(&mut Event)| {
        let mut event = champion.event.clone();
        change(&mut event);
        serde_json::to_vec(&event).unwrap()
    };
    let unknown: Digest = model(99).digest();
    let mut orphan = registry.version(3).await.unwrap();
    orphan.details.model = unknown.to_string();
    let orphan = serde_json::to_vec(&orphan).unwrap();
    let table: [(Key, Vec<u8>, &str); 11] = [
        (Key::model(model(1).digest()), model(2).to_bytes(), "SHA-256"),
        (Key::card(model(1).digest()), b"{".to_vec(), "card.json"),
        (Key::version(2), b"[]".to_vec(), "registry/versions/2.json"),
        (Key::version(2), registry_bytes(&**store, &Key::version(1)).await, "says that it is version 1"),
        (Key::version(3), orphan, &format!("models/{unknown}")),
        (Key::event(1), b"".to_vec(), "registry/events/1.json"),
        (Key::event(2), registry_bytes(&**store, &Key::event(1)).await, "says that it is event 1"),
        (Key::champion(), b"{}".to_vec(), "registry/champion.json"),
        (Key::champion(), pointer(&|event| event.details.version = 9), "version 9, which cannot be read"),
        (
            Key::champion(),
            pointer(&|event| event.details.model = unknown.to_string()),
            "that version is model",
        ),
        (Key::champion(), pointer(&|event| event.previous = Some(1)), "by event 2 that was version 2"),
    ];
    for (key, bytes, expected) in table {
        let right = registry_bytes(&**store, &key).await;
        store.put(&key, bytes.into()).await.unwrap();
        assert_problem(&registry, expected).await;
        store.put(&key, right.into()).await.unwrap();
        assert_eq!(registry.verify().await.unwrap(), [""; 0], "after {key} was restored");
    }
    // What cannot be put right again without taking objects away comes last.
    store.put(&Key::champion(), pointer(&|event| event.sequence = 5).into()).await.unwrap();
    assert_problem(&registry, "events 3 to 4 are absent").await;
    refused(registry.events().await, ErrorKind::Damaged, "a history with a gap");
    store.put(&Key::champion(), pointer(&|event| event.sequence = 1).into()).await.unwrap();
    assert_problem(&registry, "event 2 came after that").await;
    store.put(&Key::champion(), pointer(&|_| ()).into()).await.unwrap();
    let mut far = registry.version(1).await.unwrap();
    far.number = 6;
    store.create(&Key::version(6), serde_json::to_vec(&far).unwrap().into()).await.unwrap();
    assert_problem(&registry, "versions 4 to 5 are absent").await;
}

fn registries(stores: &Pair) -> [ModelRegistry; 2] {
    stores.each_ref().map(|store| ModelRegistry::new(Arc::clone(store)))
}

async fn registry_bytes(store: &dyn ArtifactStore, key: &Key) -> Vec<u8> {
    store.get(key).await.unwrap().bytes.to_vec()
}

async fn assert_problem(registry: &ModelRegistry, expected: &str) {
    let problems = registry.verify().await.unwrap();
    assert!(
        problems.iter().any(|problem| problem.contains(expected)),
        "no problem says {expected:?}: {problems:#?}"
    );
}

/// So many events without a gap, each telling what the one before it told, and nothing else wrong.
async fn assert_whole(registry: &ModelRegistry, count: u64) {
    let events = registry.events().await.unwrap();
    assert!(
        events.iter().map(|event| event.sequence).eq(1..=count),
        "{count} events without a gap: {events:?}"
    );
    let previous: Vec<Option<u64>> = events.iter().map(|event| event.previous).collect();
    let served = [None].into_iter().chain(events.iter().map(|event| Some(event.details.version)));
    assert!(served.zip(previous).all(|(served, previous)| served == previous), "{events:?}");
    assert_eq!(registry.verify().await.unwrap(), [""; 0]);
}
