//! The pipeline in the cloud: a run is an execution of a state machine of Step Functions, and has its name.
//!
//! The execution's input is `{"actor", "reason", "parameters"}`; the state machine hands it to the first stage with the
//! execution's name and time. Names of states begin with the name of their stage, in whatever case.

mod runner;

pub use runner::{InvalidArn, StepFunctionsRunner};
