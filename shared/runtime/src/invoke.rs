//! Functions that are invoked with events of their own, as the stages of a state machine are.

use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::Instrument;
use tracing::field::Empty;

use crate::metrics::{Measured, Unit, is_cold_start};
use crate::{Error, lambda, panics};

/// What is known of the invocation at hand, beside its event.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Lambda's id of it, by which its log lines are found.
    pub request_id: String,
    /// Whether it is the first of this process.
    pub cold_start: bool,
    /// When Lambda breaks it off.
    pub deadline: SystemTime,
    /// Takes further measurements; `Duration`, `Failed` and `ColdStart` are measured without the function's doing.
    pub measured: Measured,
}

impl Invocation {
    /// The time until Lambda breaks it off.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.duration_since(SystemTime::now()).unwrap_or_default()
    }
}

/// Why an invocation failed, in the two kinds that a state machine tells apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Whether doing the same again may help.
    pub retryable: bool,
    /// What failed, where, why, and what to do about it.
    pub message: String,
}

impl Failure {
    /// Lambda's `errorType` of failures that may pass.
    pub const RETRYABLE: &str = "RetryableFailure";
    /// Lambda's `errorType` of failures that stay until somebody does something.
    pub const PERMANENT: &str = "PermanentFailure";

    /// A failure that may pass by itself.
    #[must_use]
    pub fn retryable(message: impl Into<String>) -> Failure {
        Failure { retryable: true, message: message.into() }
    }

    /// A failure that stays until somebody does something.
    #[must_use]
    pub fn permanent(message: impl Into<String>) -> Failure {
        Failure { retryable: false, message: message.into() }
    }

    /// Its `errorType`.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        if self.retryable { Failure::RETRYABLE } else { Failure::PERMANENT }
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Diagnostic {
        Diagnostic { error_type: failure.error_type().to_owned(), error_message: failure.message }
    }
}

/// Answers Lambda's invocations with `handler` until Lambda ends the process.
///
/// Each has one log line, and whatever is logged meanwhile has its `requestId` and the field `run` of its event, where
/// that has one. An event that cannot be understood and a panic are [`Failure::permanent`]; the process goes on.
///
/// ```no_run
/// use lurelight_runtime::{Failure, Invocation, invoke};
/// # #[derive(serde::Deserialize)] struct Event { run: String }
/// # async fn example() -> Result<(), lurelight_runtime::Error> {
/// lurelight_runtime::telemetry::init();
/// invoke(async |event: Event, _: Invocation| {
///     Err::<(), _>(Failure::retryable(format!("run {}: the store does not answer", event.run)))
/// })
/// .await
/// # }
/// ```
///
/// # Errors
/// Where this is not Lambda, or its Runtime API fails.
pub async fn invoke<E, A>(handler: impl AsyncFn(E, Invocation) -> Result<A, Failure>) -> Result<(), Error>
where
    E: DeserializeOwned,
    A: Serialize,
{
    lambda::require()?;
    let handler = &handler;
    let answer = service_fn(move |event: LambdaEvent<Value>| async move {
        let span = tracing::info_span!("invocation", run = Empty);
        let run = event.payload.get("run").and_then(Value::as_str).map(str::to_owned);
        if let Some(run) = &run {
            span.record("run", run);
        }
        measure(handler, event, run).instrument(span).await
    });
    lambda_runtime::run(answer).await.map_err(|error| Error::Lambda(error.to_string()))
}

async fn measure<E, A>(
    handler: &impl AsyncFn(E, Invocation) -> Result<A, Failure>,
    event: LambdaEvent<Value>,
    run: Option<String>,
) -> Result<A, Failure>
where
    E: DeserializeOwned,
{
    let LambdaEvent { payload, context } = event;
    let (started, measured) = (Instant::now(), Measured::default());
    let invocation = Invocation {
        deadline: context.deadline(),
        cold_start: is_cold_start(),
        request_id: context.request_id,
        measured: measured.clone(),
    };
    let (request_id, cold_start) = (invocation.request_id.clone(), invocation.cold_start);
    let answered = answer(handler, payload, invocation).await;
    let elapsed = started.elapsed();
    let ms = elapsed.as_secs_f64() * 1e3;
    match &answered {
        Ok(_) => tracing::info!(ms, cold_start, "answered"),
        Err(failure) => {
            tracing::error!(
                ms,
                cold_start,
                error_type = failure.error_type(),
                error = failure.message,
                "failed"
            );
        }
    }
    measured.set_duration("Duration", elapsed);
    measured.set("Failed", Unit::Count, answered.is_err().into());
    measured.set("ColdStart", Unit::Count, cold_start.into());
    measured.property("requestId", request_id);
    if let Some(run) = run {
        measured.property("run", run);
    }
    measured.emit();
    answered
}

async fn answer<E, A>(
    handler: &impl AsyncFn(E, Invocation) -> Result<A, Failure>,
    payload: Value,
    invocation: Invocation,
) -> Result<A, Failure>
where
    E: DeserializeOwned,
{
    let event = serde_json::from_value(payload).map_err(|error| {
        Failure::permanent(format!(
            "the event cannot be understood: {error}; it has to be as the state machine or infra/events has it"
        ))
    })?;
    let request_id = invocation.request_id.clone();
    panics::caught(handler(event, invocation)).await.unwrap_or_else(|panic| {
        Err(Failure::permanent(format!(
            "the function panicked ({panic}), which is a defect of the program; the log lines of request {request_id} \
             say where: report it with them"
        )))
    })
}
