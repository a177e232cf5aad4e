//! What stands in the collections, and what happens when others write there.

use std::sync::Arc;

use lurelight_schema::{Feature, Label};
use lurelight_store::{ErrorKind, PushOutcome, RecordStore};
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{ErrorKind as Said, WriteFailure};

use crate::process::{DATABASE, Server};
use crate::{assert_said, block, pushed, records, rows, turned};

pub fn documents(server: &Server) {
    block(async {
        let place = server.place();
        let store = records(&place, &server.uri("lurelight"));
        let rows = rows(1, 3);
        let batch = pushed(&store, &rows).await.unwrap().batch;
        let collection = server.client().await.database(DATABASE).collection::<Document>(place.collection());
        let document = collection.find_one(doc! { "row": 2 }).await.unwrap().unwrap();
        assert_eq!(document.get_str("batch").unwrap(), batch.to_string());
        assert_eq!(document.get_str("Result").unwrap(), rows[2].label.as_str());
        for feature in Feature::ALL {
            let value = document.get(feature.name()).expect("each feature stands there");
            let code = rows[2].vector.code(feature).value().map(i32::from);
            assert_eq!(value.as_i32(), code, "{}", feature.name());
        }
        document.get_datetime("ingested_at").unwrap();
        // Whoever writes a row twice, or something else, is refused by the server itself.
        let refused = |document: Document| {
            let collection = &collection;
            async move {
                match *collection.insert_one(document).await.unwrap_err().kind {
                    Said::Write(WriteFailure::WriteError(error)) => error.code,
                    other => panic!("{other:?}"),
                }
            }
        };
        let mut again = document.clone();
        again.remove("_id");
        assert_eq!(refused(again.clone()).await, 11_000, "a second row 2");
        again.insert("row", 3_i64);
        let wrong: [(&str, Bson); 4] =
            [("port", 2.into()), ("Result", 1.into()), ("batch", "x".into()), ("row", (-1).into())];
        for (key, value) in wrong {
            let mut wrong = again.clone();
            wrong.insert(key, value);
            assert_eq!(refused(wrong).await, 121, "{key}");
            let mut without = again.clone();
            without.remove(key);
            assert_eq!(refused(without).await, 121, "no {key}");
        }
        collection.insert_one(again).await.expect("a whole row is no wrong one");
    });
}

pub fn foreign_rows(server: &Server) {
    block(async {
        let place = server.place();
        let collection = server.client().await.database(DATABASE).collection::<Document>(place.collection());
        collection.insert_many([doc! { "customer": 1 }, doc! { "customer": 2 }]).await.unwrap();
        let store = records(&place, &server.uri("lurelight"));
        let error = pushed(&store, &rows(2, 10)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Damaged);
        assert_said(&error, &[&place.to_string(), "another program", "use another collection"]);
        assert_eq!(collection.list_index_names().await.unwrap(), ["_id_"], "no index was made");
        assert_eq!(collection.count_documents(doc! {}).await.unwrap(), 2);
        // The same where our index is there already.
        let place = server.place();
        let store = records(&place, &server.uri("lurelight"));
        pushed(&store, &rows(3, 10)).await.unwrap();
        let collection = server.client().await.database(DATABASE).collection::<Document>(place.collection());
        let foreign = collection.insert_one(doc! { "customer": 1 }).bypass_document_validation(true).await;
        foreign.unwrap();
        let store = records(&place, &server.uri("lurelight"));
        let error = pushed(&store, &rows(4, 10)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Damaged, "{error}");
    });
}

pub fn foreign_batches(server: &Server) {
    block(async {
        let place = server.place();
        let store = records(&place, &server.uri("lurelight"));
        pushed(&store, &rows(5, 10)).await.unwrap();
        let database = server.client().await.database(DATABASE);
        for beside in ["batches", "labels"] {
            let name = format!("{}_{beside}", place.collection());
            let collection: Collection<Document> = database.collection(&name);
            collection.insert_one(doc! { "_id": "a list of shoes" }).await.unwrap();
            let error = store.batches().await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Damaged, "{error}");
            assert_said(&error, &[&name, "another program"]);
            collection.delete_one(doc! { "_id": "a list of shoes" }).await.unwrap();
            assert_eq!(store.batches().await.unwrap().len(), 1);
        }
    });
}

pub fn changed_rows(server: &Server) {
    block(async {
        let place = server.place();
        let store = records(&place, &server.uri("lurelight"));
        let rows = rows(6, 25_000);
        let batch = pushed(&store, &rows).await.unwrap().batch;
        let collection = server.client().await.database(DATABASE).collection::<Document>(place.collection());
        let damaged = async |range: std::ops::Range<u64>, words: &[&str]| {
            let error = store.read(batch, range).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Damaged, "{error}");
            assert_said(&error, &[&batch.to_string(), "delete the batch and push it again"]);
            assert_said(&error, words);
        };
        let row = doc! { "row": 12_345_i64 };
        let whole = collection.find_one(row.clone()).await.unwrap().unwrap();
        let label = turned(rows[12_345].label).as_str();
        collection.update_one(row.clone(), doc! { "$set": { "Result": label } }).await.unwrap();
        damaged(0..25_000, &["rows 10000 to 19999", "others than when the batch was closed"]).await;
        assert!(
            store.read(batch, 20_000..25_000).await.unwrap() == rows[20_000..],
            "the other rows are whole"
        );
        let set = doc! { "$set": { "port": "open" } };
        collection.update_one(row.clone(), set).bypass_document_validation(true).await.unwrap();
        damaged(12_000..13_000, &["port", "row 12345"]).await;
        collection.delete_one(row.clone()).await.unwrap();
        damaged(12_000..13_000, &["row 12345 is not there"]).await;
        let error = store.relabel(batch, &[(12_345, Label::Phishing)]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Damaged, "{error}");
        collection.insert_one(whole).await.unwrap();
        assert!(store.read(batch, 0..25_000).await.unwrap() == rows, "restored");
    });
}

/// As by a process that died between taking away the closing record and the labels.
pub fn half_deleted(server: &Server) {
    block(async {
        let place = server.place();
        let store = records(&place, &server.uri("lurelight"));
        let rows = rows(7, 100);
        let batch = pushed(&store, &rows).await.unwrap().batch;
        store.relabel(batch, &[(3, turned(rows[3].label))]).await.unwrap();
        let batches = format!("{}_batches", place.collection());
        let batches = server.client().await.database(DATABASE).collection::<Document>(&batches);
        assert_eq!(batches.delete_one(doc! {}).await.unwrap().deleted_count, 1);
        assert_eq!(pushed(&store, &rows).await.unwrap().outcome, PushOutcome::Completed);
        assert!(store.read(batch, 0..100).await.unwrap() == rows, "an old label came back");
        assert_eq!(store.batches().await.unwrap()[0].relabelled, 0);
        assert!(store.delete(batch).await.unwrap());
        let labels = format!("{}_labels", place.collection());
        let labels = server.client().await.database(DATABASE).collection::<Document>(&labels);
        assert_eq!(labels.count_documents(doc! {}).await.unwrap(), 0, "none of any generation is left");
    });
}

pub fn too_many_labels(server: &Server) {
    block(async {
        let store = Arc::new(records(&server.place(), &server.uri("lurelight")));
        let batch = pushed(&*store, &rows(8, 10)).await.unwrap().batch;
        let labels: Vec<_> = (0..2_000_001).map(|row| (row, Label::Phishing)).collect();
        let error = store.relabel(batch, &labels).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
        assert_said(&error, &["2000001", "at most 2000000 at a time", "no label was changed"]);
    });
}
