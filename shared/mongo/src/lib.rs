//! The home of labelled records in MongoDB.
