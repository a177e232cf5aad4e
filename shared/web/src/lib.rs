//! HTTP building blocks of Lurelight's functions. Nothing in here knows what a feature or a model is.
//!
//! - [`edge`]: what stands between the network and the handlers (limits, cross-site check, security
//!   headers, panics, compression, problems as pages)
//! - [`problem`]: RFC 9457 problems, the only shape in which an error leaves the house
//! - [`negotiate`]: which representation a client wants
//! - [`access`]: tokens, sessions, and who may do what
//! - [`fields`]: small bodies, by a form or as JSON
//! - [`answer`]: answers that stay under a size limit by carrying fewer rows
//! - [`layout`]: the frame around every page, and the one stylesheet
//! - [`base_path`]: where the application is mounted, so that links work behind a stage
//! - [`guard`]: cells that a spreadsheet must not execute

pub mod access;
pub mod answer;
pub mod base_path;
pub mod body;
pub mod edge;
pub mod fields;
pub mod guard;
pub mod layout;
pub mod negotiate;
pub mod problem;

pub use answer::Budget;
pub use base_path::{BasePath, Pages};
pub use edge::Limits;
pub use fields::Fields;
pub use problem::{Finding, Problem};
