//! Step Functions as an emulator plays it: the real client, a real state machine, real executions.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

#[path = "../../../aws/tests/emulator/aws.rs"]
mod aws;
#[path = "../../../aws/tests/emulator/lies.rs"]
mod lies;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_sfn::Client;
use libtest_mimic::{Arguments, Trial};
use lurelight_stepfunctions::StepFunctionsRunner;
use lurelight_store::conformance::runner::{Runners, run};
use lurelight_store::{ErrorKind, RunStatus, TrainingRequest, TrainingRunner};
use serde_json::{Value, json};

use aws::Emulator;
use lies::{Lie, Proxy};

/// How long a process may take to listen.
const PATIENCE: Duration = Duration::from_secs(120);
/// The emulator looks at no role.
const ROLE: &str = "arn:aws:iam::000000000000:role/any";

type Case = (&'static str, fn(&Emulator));

const CASES: &[Case] = &[
    ("keeps_the_contract_of_runners", contract),
    ("an_execution_gets_the_actor_the_reason_and_the_parameters", input),
    ("a_stopped_execution_is_known_as_one", stopped),
    ("a_machine_that_is_absent_is_said", no_machine),
    ("a_service_that_is_gone_is_said", gone),
    ("a_service_that_refuses_throttles_or_says_nothing_is_said", failing),
    ("an_unknown_authority_is_said", unknown_authority),
    ("a_start_whose_answer_is_lost_is_one_run", lost_answer),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let program = aws::program();
    let emulator =
        program.as_deref().filter(|_| !arguments.list).map(|program| Arc::new(Emulator::start(program)));
    let trials = CASES.iter().map(|&(name, case)| {
        let emulator = emulator.clone();
        Trial::test(name, move || {
            case(&emulator.expect("it was started"));
            Ok(())
        })
        .with_ignored_flag(program.is_none())
        .with_kind(if program.is_none() { "no ministack: run scripts/tools ministack" } else { "" })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    drop(emulator);
    conclusion.exit_code()
}

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}

fn contract(emulator: &Emulator) {
    block(run("Step Functions", async || Runners {
        good: Arc::new(machine(emulator, short()).await),
        bad: Arc::new(machine(emulator, broken()).await),
    }));
}

fn input(emulator: &Emulator) {
    block(async {
        let runner = machine(emulator, short()).await;
        let parameters = json!({"training": {"seed": 7}});
        let request = TrainingRequest {
            run: None,
            actor: "somebody".to_owned(),
            reason: "rows \"have\" drifted".to_owned(),
            parameters: parameters.as_object().unwrap().clone(),
        };
        let run = runner.start(request).await.unwrap();
        let place = runner.place();
        let execution = place.replace("Step Functions, ", "").replace(":stateMachine:", ":execution:");
        let described = Client::new(&emulator.settings())
            .describe_execution()
            .execution_arn(format!("{execution}:{run}"))
            .send()
            .await
            .unwrap();
        let input: Value = serde_json::from_str(described.input().unwrap()).unwrap();
        let expected =
            json!({"actor": "somebody", "reason": "rows \"have\" drifted", "parameters": parameters});
        assert_eq!(input, expected);
    });
}

fn stopped(emulator: &Emulator) {
    block(async {
        let definition = json!({
            "StartAt": "Validate", "States": {"Validate": {"Type": "Wait", "Seconds": 600, "End": true}},
        });
        let runner = machine(emulator, definition).await;
        let run = runner.start(request("long")).await.unwrap();
        let mut state = runner.state(&run).await.unwrap();
        while state.stage.is_none() {
            assert_eq!((&state.status, state.ended_at), (&RunStatus::Running, None));
            tokio::time::sleep(Duration::from_millis(20)).await;
            state = runner.state(&run).await.unwrap();
        }
        let execution =
            runner.place().replace("Step Functions, ", "").replace(":stateMachine:", ":execution:");
        let client = Client::new(&emulator.settings());
        let stop = client.stop_execution().execution_arn(format!("{execution}:{run}")).error("Operator");
        stop.cause("somebody saw enough").send().await.unwrap();
        let state = runner.state(&run).await.unwrap();
        let RunStatus::Stopped { reason } = &state.status else { panic!("{state:?}") };
        assert!(reason.starts_with("it was stopped"), "{reason}");
        assert!(state.ended_at.is_some());
        assert_eq!(state.stage.as_deref(), Some("validate"));
    });
}

fn no_machine(emulator: &Emulator) {
    block(async {
        let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:absent";
        let runner = StepFunctionsRunner::new(&emulator.settings(), arn).unwrap();
        let error = runner.start(request("any")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.to_string().contains("check its ARN"), "{error}");
    });
}

fn gone(_: &Emulator) {
    block(async {
        // A port that was free a moment ago.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:training";
        let runner = StepFunctionsRunner::new(&aws::settings(address), arn).unwrap();
        for error in [
            runner.start(request("any")).await.map(drop).unwrap_err(),
            runner.state(&"any".parse().unwrap()).await.map(drop).unwrap_err(),
        ] {
            assert_eq!(error.kind, ErrorKind::Unavailable);
            assert!(error.to_string().starts_with("run any: "), "{error}");
        }
    });
}

fn failing(emulator: &Emulator) {
    block(async {
        let there = machine(emulator, short()).await;
        let proxy = Proxy::before(emulator.address).await;
        let runner = StepFunctionsRunner::new(&aws::hasty(proxy.address), arn(&there)).unwrap();
        for (lie, expected, words) in [
            (Lie::Denied, ErrorKind::PermissionDenied, ["let this role do it", "does not help"]),
            (Lie::SlowDown, ErrorKind::Unavailable, ["ThrottlingException", "later helps"]),
            (Lie::Silence, ErrorKind::Unavailable, ["in time", "may help"]),
        ] {
            proxy.lie(lie, 100);
            for error in [
                runner.start(request("any")).await.map(drop).unwrap_err(),
                runner.state(&"any".parse().unwrap()).await.map(drop).unwrap_err(),
            ] {
                assert_eq!(error.kind, expected, "{lie:?}: {error}");
                let text = error.to_string();
                for word in ["run any: "].iter().chain(&words) {
                    assert!(text.contains(word), "{lie:?}: {word:?} is not said: {text}");
                }
            }
        }
        proxy.lie(Lie::SlowDown, 1);
        runner.start(request("any")).await.expect("once is no failure");
        assert_eq!(proxy.lies_left(), 0);
    });
}

fn unknown_authority(_: &Emulator) {
    let impostor = aws::Impostor::start();
    block(async {
        let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:training";
        let runner = StepFunctionsRunner::new(&impostor.settings(), arn).unwrap();
        let error = runner.start(request("any")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{error:?}");
        for word in ["run any: ", "certificate", "SSL_CERT_FILE", "does not help"] {
            assert!(error.to_string().contains(word), "{word:?} is not said: {error}");
        }
    });
}

/// The client asks again for the same name and the same input, which is the same execution.
fn lost_answer(emulator: &Emulator) {
    block(async {
        let there = machine(emulator, short()).await;
        let proxy = Proxy::before(emulator.address).await;
        let runner = StepFunctionsRunner::new(&aws::settings(proxy.address), arn(&there)).unwrap();
        proxy.lie(Lie::AnswerLost, 1);
        let run = runner.start(request("once")).await.unwrap();
        assert_eq!(proxy.lies_left(), 0, "the lie must have been told");
        let client = Client::new(&emulator.settings());
        let listed = client.list_executions().state_machine_arn(arn(&there)).send().await.unwrap();
        let names: Vec<&str> = listed.executions().iter().map(|execution| execution.name()).collect();
        assert_eq!(names, [run.as_str()]);
    });
}

fn arn(runner: &StepFunctionsRunner) -> String {
    runner.place().replace("Step Functions, ", "")
}

/// Long enough to be seen running.
fn short() -> Value {
    json!({
        "StartAt": "Ingest",
        "States": {
            "Ingest": {"Type": "Wait", "Seconds": 1, "Next": "Promote"},
            "Promote": {"Type": "Pass", "End": true},
        },
    })
}

fn broken() -> Value {
    json!({
        "StartAt": "Ingest",
        "States": {"Ingest": {"Type": "Fail", "Error": "Permanent", "Cause": "there are no records"}},
    })
}

async fn machine(emulator: &Emulator, definition: Value) -> StepFunctionsRunner {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("training-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let machine = Client::new(&emulator.settings())
        .create_state_machine()
        .name(name)
        .role_arn(ROLE)
        .definition(definition.to_string())
        .send()
        .await
        .unwrap();
    StepFunctionsRunner::new(&emulator.settings(), machine.state_machine_arn()).unwrap()
}

fn request(run: &str) -> TrainingRequest {
    TrainingRequest {
        run: Some(run.parse().unwrap()),
        actor: "the test".to_owned(),
        reason: "to see it".to_owned(),
        parameters: serde_json::Map::new(),
    }
}
