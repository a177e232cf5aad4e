//! The stages from records to a champion: ingest, validate, transform, fit, evaluate, promote. Each is a plain
//! function of a request and the stores; whatever runs them only passes keys, digests and counts on.
