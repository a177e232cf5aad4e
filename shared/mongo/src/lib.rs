//! The home of labelled records in MongoDB, Atlas or any other server of its protocol.
//!
//! | collection | a document is | its fields |
//! |---|---|---|
//! | `<name>` | a record as it was pushed | `batch`, `row`, the 30 features by UCI's names (−1, 0, 1 or null for missing), `Result` (`phishing` or `legitimate`), `ingested_at` |
//! | `<name>_batches` | a complete batch | `_id` (its digest), `rows`, `source`, `pushed_at`, `generation`, `hashes` of its rows, `format` |
//! | `<name>_labels` | a relabelling | `_id` (generation and sequence), `batch`, `labels`, `relabelled`, `relabelled_at` |
//!
//! `(batch, row)` is unique in the first; its index and a validator are made with the first row. `Result` holds the
//! word and has UCI's name, so people see at once what a row is, and what mongoexport writes as CSV can be pushed again.
//!
//! No transaction is needed, so a server that stands alone does as well. **A batch is there once its document in
//! `<name>_batches` is**, which is written last and taken away first. Labels that were changed are one new document
//! a call, all or none of them, and belong to one closing of the batch: pushing a deleted batch again brings no old
//! label back.
//!
//! The user needs the role `readWrite` on the database, and no more. All is read from the primary with read concern
//! `majority` and written with write concern `majority`; what an operator writes into the connection string decides
//! TLS, and the waits where it names them.

mod batch;
mod closing;
mod collections;
mod document;
mod failure;
mod labels;
mod records;
mod server;
mod settings;

pub use records::MongoRecords;
pub use settings::{InvalidPlace, MongoPlace, Patience};
