//! The contract, kept.

use std::fmt;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::primitives::DateTime;
use aws_sdk_sfn::types::ExecutionStatus;
use jiff::Timestamp;
use lurelight_aws::failure;
use lurelight_store::{Error, ErrorKind, RunId, RunProgress, RunStatus, TrainingRequest, TrainingRunner};
use serde_json::json;

/// The stages' names, with one of which each state's name begins.
const STAGES: [&str; 6] = ["ingest", "validate", "transform", "fit", "evaluate", "promote"];
/// How many of an execution's last events are looked through for its stage: a family's fit leaves a dozen.
const EVENTS: i32 = 200;
/// The most bytes of an execution's input.
const INPUT_BYTES: usize = 262_144;

/// Starts executions of a state machine, and asks how far they are.
#[derive(Clone)]
pub struct StepFunctionsRunner {
    client: Client,
    machine: String,
}

/// Text that is no ARN of a state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidArn(pub String);

impl fmt::Display for InvalidArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no ARN of a state machine, such as arn:aws:states:eu-central-1:123456789012:stateMachine:lurelight-prod",
            self.0
        )
    }
}

impl std::error::Error for InvalidArn {}

impl StepFunctionsRunner {
    /// The runner on a state machine, by its ARN. Nothing is sent.
    ///
    /// # Errors
    ///
    /// Where the text is not of the form of such an ARN.
    pub fn new(settings: &SdkConfig, machine: impl Into<String>) -> Result<StepFunctionsRunner, InvalidArn> {
        let machine = machine.into();
        let parts: Vec<&str> = machine.split(':').collect();
        match parts[..] {
            ["arn", _, "states", region, account, "stateMachine", name]
                if [region, account, name].iter().all(|part| !part.is_empty()) =>
            {
                Ok(StepFunctionsRunner { client: Client::new(settings), machine })
            }
            _ => Err(InvalidArn(machine)),
        }
    }

    /// The ARN of a run's execution.
    fn execution(&self, run: &RunId) -> String {
        format!("{}:{run}", self.machine.replacen(":stateMachine:", ":execution:", 1))
    }

    /// The stage that an execution is in or was in last.
    async fn stage(&self, run: &RunId) -> Result<Option<String>, Error> {
        let events = self
            .client
            .get_execution_history()
            .execution_arn(self.execution(run))
            .reverse_order(true)
            .include_execution_data(false)
            .max_results(EVENTS)
            .send()
            .await
            .map_err(|error| failure(&what(run), "its history cannot be read", error))?
            .events;
        let mut entered = events.iter().filter_map(|event| event.state_entered_event_details());
        Ok(entered.find_map(|details| stage_of(details.name())).map(str::to_owned))
    }
}

#[async_trait]
impl TrainingRunner for StepFunctionsRunner {
    fn place(&self) -> String {
        format!("Step Functions, {}", self.machine)
    }

    async fn start(&self, request: TrainingRequest) -> Result<RunId, Error> {
        let run = request.run.unwrap_or_else(|| RunId::of_time(Timestamp::now()));
        let input =
            json!({"actor": request.actor, "reason": request.reason, "parameters": request.parameters})
                .to_string();
        if input.len() > INPUT_BYTES {
            let message =
                format!("the reason and the parameters take {} bytes, and {INPUT_BYTES} may be", input.len());
            return Err(Error::new(ErrorKind::Invalid, what(&run), message));
        }
        let execution = self.client.start_execution().state_machine_arn(&self.machine).name(run.as_str());
        match execution.input(input).send().await {
            Ok(_) => Ok(run),
            Err(error) => match failure(&what(&run), "cannot be started", error) {
                // Who asks again for the same name, for whatever reason, means the run that has it.
                error if error.kind == ErrorKind::AlreadyExists => Ok(run),
                error => Err(error),
            },
        }
    }

    async fn state(&self, run: &RunId) -> Result<RunProgress, Error> {
        let described = self.client.describe_execution().execution_arn(self.execution(run)).send().await;
        let described = described.map_err(|error| {
            let error = failure(&what(run), "cannot be looked up", error);
            if error.kind != ErrorKind::NotFound {
                return error;
            }
            let message = "no run of this name was started here within the last 90 days, for which executions are \
                           remembered; list the runs to see which were";
            Error { message: message.to_owned(), ..error }
        })?;
        Ok(RunProgress {
            status: status(&described),
            stage: self.stage(run).await?,
            started_at: timestamp(described.start_date()),
            ended_at: described.stop_date().map(timestamp),
        })
    }
}

impl fmt::Debug for StepFunctionsRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepFunctionsRunner").field("machine", &self.machine).finish_non_exhaustive()
    }
}

fn what(run: &RunId) -> String {
    format!("run {run}")
}

fn status(described: &DescribeExecutionOutput) -> RunStatus {
    let reason = || match (described.error(), described.cause()) {
        (Some(error), Some(cause)) => format!("{error}: {cause}"),
        (Some(said), None) | (None, Some(said)) => said.to_owned(),
        (None, None) => "no reason was given".to_owned(),
    };
    match described.status() {
        ExecutionStatus::Succeeded => RunStatus::Succeeded,
        ExecutionStatus::Failed => RunStatus::Failed { reason: reason() },
        ExecutionStatus::TimedOut => {
            RunStatus::Stopped { reason: format!("its time was over ({})", reason()) }
        }
        ExecutionStatus::Aborted => RunStatus::Stopped { reason: format!("it was stopped ({})", reason()) },
        // Running, or waiting to be redriven.
        _ => RunStatus::Running,
    }
}

fn timestamp(time: &DateTime) -> Timestamp {
    Timestamp::from_nanosecond(time.as_nanos()).unwrap_or_default()
}

/// The stage whose name a state's name begins with.
fn stage_of(state: &str) -> Option<&'static str> {
    let state = state.to_ascii_lowercase();
    STAGES.into_iter().find(|stage| state.starts_with(stage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_belong_to_the_stage_that_they_begin_with() {
        let table = [
            ("Ingest", Some("ingest")),
            ("Fit", Some("fit")),
            ("FitEachFamily", Some("fit")),
            ("Validate outcome", Some("validate")),
            ("RecordFailure", None),
        ];
        for (state, expected) in table {
            assert_eq!(stage_of(state), expected, "{state}");
        }
    }

    #[test]
    fn an_arn_is_read_or_refused() {
        let settings = SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build();
        let runner = |arn: &str| StepFunctionsRunner::new(&settings, arn);
        for arn in [
            "",
            "training",
            "arn:aws:states:us-east-1:0:stateMachine:",
            "arn:aws:states:us-east-1:0:execution:training:run",
            "arn:aws:lambda:us-east-1:0:function:train",
        ] {
            assert_eq!(runner(arn).err(), Some(InvalidArn(arn.to_owned())));
        }
        let runner = runner("arn:aws:states:us-east-1:000000000000:stateMachine:training").unwrap();
        let execution = runner.execution(&"a-run".parse().unwrap());
        assert_eq!(execution, "arn:aws:states:us-east-1:000000000000:execution:training:a-run");
    }
}
