//! Several runs at the same time.

use lurelight_pipeline::{Outcome, PromotionRules, RunRequest};

use crate::house::{House, made_up, request, seeded};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_runs_at_once_both_end_and_one_champion_serves() {
    let house = House::with(&made_up(1, 3_000)).await;
    let (left, right) = (seeded("left", 1), seeded("right", 2));
    let (a, b) = tokio::join!(house.run(&left), house.run(&right));
    let mut outcomes = [a.unwrap().outcome, b.unwrap().outcome];
    outcomes.sort_by_key(|outcome| *outcome != Outcome::Promoted);
    // The second one finds a champion that differs by its seed alone.
    assert_eq!(outcomes, [Outcome::Promoted, Outcome::NoChange]);
    let registry = house.stores.registry();
    assert_eq!(registry.versions().await.unwrap().len(), 2);
    assert_eq!(registry.events().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_that_meet_at_the_pointer_decide_again_and_no_event_is_lost() {
    let house = House::with(&made_up(1, 3_000)).await;
    // Different folds make each a challenger of its own, and whoever comes later is promoted as well.
    let lenient =
        PromotionRules { max_f1_loss: 1.0, max_false_positive_rate: 1.0, min_f1: 0.0, min_roc_auc: 0.0 };
    let requests: Vec<RunRequest> = (2..6)
        .map(|cv_folds| {
            let mut request = request(&format!("folds-{cv_folds}"));
            request.training.cv_folds = cv_folds;
            request.promotion = lenient;
            request
        })
        .collect();
    let [a, b, c, d] = &requests[..] else { panic!() };
    let (a, b, c, d) = tokio::join!(house.run(a), house.run(b), house.run(c), house.run(d));
    let reports = [a, b, c, d].map(|report| report.unwrap());
    let registry = house.stores.registry();
    let events = registry.events().await.unwrap();
    let promoted = reports.iter().filter(|report| report.outcome == Outcome::Promoted).count();
    assert!(promoted >= 1);
    assert_eq!(events.len(), promoted);
    for (i, event) in events.iter().enumerate() {
        assert_eq!(event.sequence, i as u64 + 1);
        assert_eq!(event.previous, i.checked_sub(1).map(|before| events[before].details.version));
        let report = reports.iter().find(|report| report.event == Some(event.sequence)).unwrap();
        assert_eq!(report.version, Some(event.details.version));
        // It was compared with the champion whose place it took, not with an earlier one.
        assert_eq!(report.champion.as_ref().map(|champion| champion.version), event.previous);
    }
    assert_eq!(registry.champion().await.unwrap().unwrap().event, *events.last().unwrap());
}
