//! Versions, and moving the champion between them.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::support::{ADMINISTRATOR, Server};
use crate::{Home, wait};

fn promote(server: &Server, version: u64, body: &Value) -> crate::support::Answer {
    server.post(&format!("/models/{version}/promote"), body).send()
}

#[test]
fn versions_are_listed_with_their_figures_and_the_one_that_serves() {
    let home = Home::new();
    let server = home.server();
    let none = server.get("/models").token(ADMINISTRATOR).send().expect(200).json();
    assert_eq!(none, json!({"champion": null, "versions": [], "moves": []}));
    home.version(1);
    home.version(2);
    promote(&server, 1, &json!({"reason": "first"})).expect(200);
    let listing = server.get("/models").token(ADMINISTRATOR).send().expect(200).json();
    assert_eq!(listing["champion"]["version"], 1);
    let numbers: Vec<_> =
        listing["versions"].as_array().unwrap().iter().map(|listed| &listed["number"]).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(
        (&listing["versions"][1]["champion"], &listing["versions"][1]["f1"]),
        (&json!(true), &json!(0.5))
    );
    let page = server.get("/models").token(ADMINISTRATOR).browser().send().expect(200);
    page.says("Version 1 serves since").says("action=\"/models/2/promote\"").says("href=\"/runs/run-2\"");
    assert!(!page.body.contains("action=\"/models/1/promote\""), "the champion has a button");
    // A card that is damaged is named, and the rest still listed.
    std::fs::write(home.model_file(2).with_file_name("card.json"), "{").unwrap();
    let listing = server.get("/models").token(ADMINISTRATOR).send().expect(200).json();
    assert!(listing["versions"][0]["damage"].as_str().unwrap().contains("is damaged"), "{listing}");
    server.get("/models").token(ADMINISTRATOR).browser().send().expect(200).says("damaged card");
}

#[test]
fn a_version_is_promoted_and_rolled_back_and_every_move_is_kept() {
    let home = Home::new();
    let server = home.server();
    home.version(1);
    home.version(2);
    let moved = promote(&server, 1, &json!({"reason": "it is the first"})).expect(200).json();
    assert_eq!((&moved["changed"], &moved["event"]["sequence"]), (&json!(true), &json!(1)));
    promote(&server, 2, &json!({"reason": "better", "expected": 1})).expect(200);
    assert_eq!(home.serving(), Some(2));
    let again = promote(&server, 2, &json!({"reason": "better"})).expect(200).json();
    assert_eq!((&again["changed"], &again["event"]["sequence"]), (&json!(false), &json!(2)));
    // By the form of the page, which leads back to it.
    let form = "reason=it+was+worse&expected=2";
    let request = server.request("POST", "/models/1/promote").token(ADMINISTRATOR).browser().form(form);
    assert_eq!(request.send().expect(303).header("location"), Some("/models"));
    let events = wait(home.registry.events()).unwrap();
    let kinds: Vec<_> = events
        .iter()
        .map(|event| (event.details.version, serde_json::to_value(event.details.kind).unwrap()))
        .collect();
    assert_eq!(kinds, [(1, json!("promoted")), (2, json!("promoted")), (1, json!("rolled_back"))]);
    assert_eq!(events[2].details.reason, "it was worse");
    assert!(events[2].details.actor.starts_with("administration token "), "{}", events[2].details.actor);
    assert!(!events[2].details.actor.contains(ADMINISTRATOR));
    server.get("/models").token(ADMINISTRATOR).browser().send().says("rolled back").says("it was worse");
}

#[test]
fn what_is_no_promotion_is_refused_and_changes_nothing() {
    let home = Home::new();
    let server = home.server();
    home.version(1);
    for (path, body, status) in [
        ("/models/1/promote", json!({}), 422),
        ("/models/1/promote", json!({"reason": "  "}), 422),
        ("/models/1/promote", json!({"reason": "x".repeat(501)}), 422),
        ("/models/1/promote", json!({"reason": "a\nb"}), 422),
        ("/models/1/promote", json!({"reason": "a", "expected": "x"}), 422),
        ("/models/1/promote", json!({"reason": "a", "force": true}), 400),
        ("/models/1/promote", json!({"reason": 7}), 400),
        ("/models/2/promote", json!({"reason": "a"}), 404),
        ("/models/0/promote", json!({"reason": "a"}), 404),
        ("/models/-1/promote", json!({"reason": "a"}), 404),
        ("/models/latest/promote", json!({"reason": "a"}), 404),
        ("/models/99999999999999999999/promote", json!({"reason": "a"}), 404),
    ] {
        let answer = server.post(path, &body).send();
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
        assert!(answer.json()["title"].is_string());
    }
    assert_eq!(home.serving(), None);
}

#[test]
fn a_damaged_version_is_refused_and_the_champion_stays() {
    let home = Home::new();
    let server = home.server();
    home.version(1);
    home.version(2);
    promote(&server, 1, &json!({"reason": "first"})).expect(200);
    let file = home.model_file(2);
    let whole = std::fs::read(&file).unwrap();
    let card = file.with_file_name("card.json");
    std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let answer = promote(&server, 2, &json!({"reason": "x"})).expect(422);
    answer.says("Version 2 cannot serve, and version 1 still serves").says("is damaged");
    std::fs::write(&file, &whole).unwrap();
    let text = std::fs::read(&card).unwrap();
    std::fs::remove_file(&card).unwrap();
    promote(&server, 2, &json!({"reason": "x"})).expect(422).says("still serves");
    assert_eq!(home.serving(), Some(1));
    std::fs::write(&card, text).unwrap();
    promote(&server, 2, &json!({"reason": "x"})).expect(200);
}

#[test]
fn whoever_saw_an_older_state_is_told_of_the_newer_one() {
    let home = Home::new();
    let server = home.server();
    home.version(1);
    home.version(2);
    promote(&server, 1, &json!({"reason": "first", "expected": 0})).expect(200);
    let late = promote(&server, 2, &json!({"reason": "me too", "expected": 0})).expect(409);
    assert_eq!(late.kind(), "conflict");
    late.says("made version 1 the champion").says("(first)");
    // At a browser it is a page.
    let form = server.request("POST", "/models/2/promote").token(ADMINISTRATOR).browser();
    form.form("reason=late&expected=0").send().expect(409).says("<h1>It is not as you saw it</h1>");
    assert_eq!(home.serving(), Some(1));
}

#[test]
fn of_many_who_move_it_at_once_one_wins_and_the_others_are_told() {
    let home = Home::new();
    // Two processes, so that it is the store that decides.
    let servers = [home.server(), home.server()];
    for number in 1..=8 {
        home.version(number);
    }
    promote(&servers[0], 1, &json!({"reason": "first"})).expect(200);
    let together = Barrier::new(7);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = |version: u64| {
            let (server, together) = (&servers[(version % 2) as usize], &together);
            scope.spawn(move || {
                together.wait();
                promote(server, version, &json!({"reason": "race", "expected": 1})).status
            })
        };
        let asked: Vec<_> = (2..=8).map(ask).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    let events = wait(home.registry.events()).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(wait(home.registry.verify()).unwrap(), Vec::<String>::new());
}
