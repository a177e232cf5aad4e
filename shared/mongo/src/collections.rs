//! Index and validator of the collection of records, made where they are absent.

use std::sync::atomic::Ordering;

use mongodb::IndexModel;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;

use crate::document::{is_ours, validator};
use crate::failure::{Failure, code};
use crate::server::Server;

/// Makes sure, once in the life of a client, that the collection takes records and each row once.
///
/// Nothing of a collection that is there already is changed, but for the index: a role that may change validators is
/// not asked for.
pub(crate) async fn prepare(server: &Server) -> Result<(), Failure> {
    if server.is_prepared.load(Ordering::Relaxed) {
        return Ok(());
    }
    match indexes(server).await? {
        Some(indexes) => {
            let is_indexed = indexes.iter().any(|index| {
                index.keys == keys()
                    && index.options.as_ref().is_some_and(|options| options.unique == Some(true))
            });
            if !is_indexed {
                // No index is made in a collection of somebody else.
                refuse_foreign(server, doc! {}).await?;
                make_index(server).await?;
            }
            // In the order of the index texts stand between other types.
            for sort in [1, -1] {
                refuse_foreign(server, doc! { "batch": sort, "row": sort }).await?;
            }
        }
        None => {
            make_collection(server).await?;
            make_index(server).await?;
        }
    }
    server.is_prepared.store(true, Ordering::Relaxed);
    Ok(())
}

fn keys() -> Document {
    doc! { "batch": 1, "row": 1 }
}

/// The indexes of the collection, or nothing where there is no such collection.
async fn indexes(server: &Server) -> Result<Option<Vec<IndexModel>>, Failure> {
    let mut cursor = match server.answer(server.rows.list_indexes()).await {
        Err(failure) if failure.code() == Some(code::NAMESPACE_NOT_FOUND) => return Ok(None),
        cursor => cursor?,
    };
    let mut indexes = Vec::new();
    while server.answer(cursor.advance()).await? {
        indexes.push(cursor.deserialize_current()?);
    }
    Ok(Some(indexes).filter(|indexes| !indexes.is_empty()))
}

async fn make_collection(server: &Server) -> Result<(), Failure> {
    let database = server.rows.client().database(&server.rows.namespace().db);
    let made = database.create_collection(server.rows.name()).validator(validator());
    match server.answer(made).await {
        // Another process was quicker.
        Err(failure) if failure.code() == Some(code::NAMESPACE_EXISTS) => Ok(()),
        made => made,
    }
}

async fn make_index(server: &Server) -> Result<(), Failure> {
    let options = IndexOptions::builder().unique(true).build();
    let index = IndexModel::builder().keys(keys()).options(options).build();
    match server.answer(server.rows.create_index(index)).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.code() == Some(code::DUPLICATE_KEY) => Err(foreign()),
        Err(failure) => Err(failure),
    }
}

async fn refuse_foreign(server: &Server, sort: Document) -> Result<(), Failure> {
    let first = server.rows.find_one(doc! {}).sort(sort);
    let first: Option<RawDocumentBuf> = server.answer(first).await?;
    if first.is_some_and(|document| !is_ours(&document)) { Err(foreign()) } else { Ok(()) }
}

fn foreign() -> Failure {
    Failure::damaged(
        "the collection holds documents of another program; nothing was written: use another collection, or take them away",
    )
}
