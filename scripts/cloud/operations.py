"""The steps of scripts/end-to-end that the real programs go through."""

import json
import time
from urllib.parse import quote

from lies import LyingProxy
from predictions import Answer, ask, compare_everywhere, event, verdicts_here
from scene import Scene, check, wait_until
from training import Execution, wait

FAMILIES = (
    "adaboost",
    "blend",
    "decision_tree",
    "extra_trees",
    "gradient_boosting",
    "linfa_trees",
    "logistic_regression",
    "nearest_neighbours",
    "random_forest",
)
FIRST = "first-training"
FIT = "lurelight-dev-fit"


def pushes(scene: Scene) -> str:
    """labelled rows are pushed to the database, and pushing them again changes nothing"""
    said = json.loads(scene.operate("push", str(scene.data), "--json"))
    again = json.loads(scene.operate("push", str(scene.data), "--json"))
    outcomes = [file["outcome"] for answer in (said, again) for file in answer["files"]]
    check(outcomes == ["pushed", "no_change"], f"the outcomes of pushing twice were {outcomes}")
    return f"{said['files'][0]['rows']} rows"


def trains_for_real(scene: Scene) -> str:
    """a training goes from ingest to promote, and makes the model that one machine makes"""
    done = scene.execute(FIRST, {"actor": "end-to-end", "reason": "the first"})
    check(done.status == "SUCCEEDED", f"it ended with {done.error}: {done.cause}")
    check(done.output.get("outcome") == "promoted", f"it answered {done.output}")
    expected = {
        *(f"{stage}.json" for stage in ("ingest", "validate", "transform", "evaluate", "promote")),
        *("valid.parquet", "invalid.csv", "drift.json", "drift.html", "report.html"),
        *("train.bin", "test.bin", "imputer.postcard"),
        *(f"candidates/{family}.{kind}" for family in FAMILIES for kind in ("json", "model")),
    }
    found = set(scene.keys(f"runs/{FIRST}/"))
    check(found == expected, f"absent below runs/: {expected - found}, unexpected: {found - expected}")
    dataset = scene.object(f"runs/{FIRST}/ingest.json")["dataset"]
    check(scene.keys("datasets/") == [f"{dataset}/records.parquet"], "the snapshot is not where it belongs")
    model = scene.object(f"runs/{FIRST}/evaluate.json")["model"]
    check(sorted(scene.keys("models/")) == [f"{model}/card.json", f"{model}/model.lure"], "the model is absent")
    check(sorted(scene.keys("registry/")) == ["champion.json", "versions/1.json"], "the registry is another one")
    scene.program("lurelight", "push", str(scene.data), "--home", "here")
    here = json.loads(scene.program("lurelight", "train", "--home", "here", "--json"))
    version = json.loads(scene.program("lurelight", "models", "show", "1", "--home", "here", "--json"))
    check(model in json.dumps(version), f"the cloud made {model}, and this machine made {here}")
    return f"{done.tasks} tasks, {done.seconds:.0f} s, model {model[:12]}"


def predicts_by_the_champion(scene: Scene) -> str:
    """events of both forms get the verdicts that one machine gives by the champion"""
    health = event("v1", "GET", "/healthz", {"accept": "application/json"})

    def serves_it() -> bool:
        return json.loads(ask(scene.emulator, scene.predict, health).body)["model"].get("registry_version") == 1

    wait_until(serves_it, "the champion does not answer")
    here = verdicts_here(scene.binaries / "lurelight", scene.data, scene.folder / "here")
    largest = compare_everywhere(scene.emulator, scene.predict, scene.data, here)
    return f"{len(here)} rows, {largest} bytes at most"


def changes_nothing(scene: Scene) -> str:
    """a training on the same records changes nothing"""
    before = everything(scene)
    done = scene.execute("same-again")
    check((done.status, done.tasks) == ("SUCCEEDED", 1), f"it ended so: {done}")
    new = everything(scene).items() - before.items()
    names = {key for key, _ in new}
    expected = {f"runs/same-again/{name}" for name in ("ingest.json", "promote.json", "report.html")}
    check(names <= expected and names, f"written were {names}")
    outcome = scene.object("runs/same-again/promote.json")["outcome"]
    check(outcome == "no_change", f"the outcome is {outcome}")
    return f"new are {', '.join(sorted(name.rsplit('/', 1)[1] for name in names))}"


def loses_one_candidate(scene: Scene) -> str:
    """a training of which one candidate cannot be written promotes all the same"""
    weak = scene.execute("weak", {"parameters": {"training": {"families": ["logistic_regression"]}}})
    check(weak.status == "SUCCEEDED", f"it ended with {weak.error}: {weak.cause}")
    scene.operate("models", "promote", "2", "--reason", "to be better than something")
    asked = {"parameters": {"training": {"cv_folds": 4}}}
    done, lies = lied_to(scene, "one-broken", r"^PUT .*/candidates/decision_tree\b", asked)
    check(done.status == "SUCCEEDED", f"it ended with {done.error}: {done.cause}")
    check(lies > 0, "no lie was told")
    failed = [failure["family"] for failure in scene.object("runs/one-broken/evaluate.json")["failed"]]
    check(failed == ["decision_tree"], f"the candidates that failed are {failed}")
    check(done.output["outcome"] == "promoted", f"it answered {done.output}")
    return f"champion is version {done.output['champion']}"


def breaks_every_candidate(scene: Scene) -> str:
    """a training without any candidate fails, says why, and leaves the champion"""
    before = everything(scene, "registry/")
    asked = {"parameters": {"training": {"cv_folds": 5}}}
    done, _ = lied_to(scene, "all-broken", r"^PUT .*/candidates/", asked)
    check((done.status, done.error) == ("FAILED", "PermanentFailure"), f"it ended so: {done}")
    check("no candidate could be fitted" in done.cause, f"the cause is {done.cause}")
    check(everything(scene, "registry/") == before, "the registry has changed")
    failure = scene.object("runs/all-broken/failure.json")
    check(failure["stage"] == "evaluate", f"the failure is {failure}")
    return failure["cause"][:60] + "…"


def outlives_the_database(scene: Scene) -> str:
    """a database that is away when a training begins is waited for"""
    states = scene.emulator.client("stepfunctions")
    asked = {"parameters": {"training": {"families": ["decision_tree"]}}}
    scene.database.stop()
    started = time.monotonic()
    execution = states.start_execution(
        stateMachineArn=scene.outputs["TrainingArn"], name="outage", input=json.dumps(asked)
    )["executionArn"]

    def has_failed_once() -> bool:
        events = states.get_execution_history(executionArn=execution)["events"]
        return any(found["type"] == "TaskFailed" for found in events)

    wait_until(has_failed_once, "ingest does not notice that the database is away")
    scene.database.start()
    done = wait(scene.emulator, execution, started)
    check(done.status == "SUCCEEDED", f"it ended with {done.error}: {done.cause}")
    check(done.failed_tasks >= 1, "ingest never failed")
    return f"{done.failed_tasks} of the attempts failed"


def administers(scene: Scene) -> str:
    """administration needs its token, starts a training, shows it and rolls the champion back"""
    refused = administer(scene, "GET", "/runs", None)
    check(refused.status == 401, f"without a token the answer is {refused.status}")
    asked = {"reason": "asked for over the web", "run": "by-web"}
    started = administer(scene, "POST", "/train", asked)
    check(started.status == 202, f"the answer is {started.status}: {started.body[:500]!r}")

    def has_ended() -> bool:
        shown = administer(scene, "GET", "/runs/by-web", {})
        check(shown.status == 200, f"the answer is {shown.status}: {shown.body[:500]!r}")
        return json.loads(shown.body)["state"] == "ended"

    wait_until(has_ended, "the training does not end")
    moved = administer(scene, "POST", "/models/1/promote", {"reason": "it was good enough"})
    check(moved.status == 200, f"the answer is {moved.status}: {moved.body[:500]!r}")
    champion = scene.object("registry/champion.json")
    check(champion["version"] == 1, f"the champion is {champion}")
    log = scene.operate("models", "log")
    check("it was good enough" in log, f"the log of the champion is {log}")
    return f"sequence {champion['sequence']}"


def keeps_secrets(scene: Scene) -> str:
    """no secret stands in logs, in variables, in executions or in the stack"""
    key = scene.emulator.client("secretsmanager").get_secret_value(SecretId="lurelight/dev/session-key")
    passwords = [form for password in scene.database.passwords for form in (password, quote(password, safe=""))]
    secrets = {scene.token, *key["SecretString"].split(), *passwords, *scene.other_secrets}
    places = {"the emulator's log": scene.emulator.log.read_text(errors="replace")}
    functions = scene.emulator.client("lambda")
    for found in functions.list_functions()["Functions"]:
        places[f"the configuration of {found['FunctionName']}"] = json.dumps(found, default=str)
    logs = scene.emulator.client("logs")
    lines = 0
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        events = logs.filter_log_events(logGroupName=name)["events"]
        lines += len(events)
        places[name] = "\n".join(found["message"] for found in events)
    states = scene.emulator.client("stepfunctions")
    machine = scene.outputs["TrainingArn"]
    places["the state machine"] = states.describe_state_machine(stateMachineArn=machine)["definition"]
    for found in states.list_executions(stateMachineArn=machine)["executions"]:
        history = states.get_execution_history(executionArn=found["executionArn"], includeExecutionData=True)
        places[f"execution {found['name']}"] = json.dumps(history, default=str)
    stack = scene.emulator.client("cloudformation").get_template(StackName="lurelight-dev")
    places["the stack"] = json.dumps(stack, default=str)
    check(lines > 0, "there is no log line in which a secret could stand")
    for place, text in places.items():
        for secret in secrets:
            # Not shown whole here either.
            check(secret not in text, f"the secret that begins with {secret[:4]} stands in {place}")
    return f"{len(secrets)} secrets, {len(places)} places, {lines} log lines"


def administer(scene: Scene, method: str, path: str, body: dict | None) -> Answer:
    """A request to administration as a program makes it; without a body to send, without a token as well."""
    headers = {"accept": "application/json", "content-type": "application/json"}
    if body is not None:
        headers["authorization"] = f"Bearer {scene.token}"
    sent = json.dumps(body).encode() if body else b""
    return ask(scene.emulator, scene.outputs["AdminFunctionName"], event("v1", method, path, headers, sent))


def lied_to(scene: Scene, run: str, refused: str, asked: dict) -> tuple[Execution, int]:
    """A training whose `fit` may not make some requests of S3, and how many were refused."""
    with LyingProxy(scene.emulator.port, refused) as proxy:
        scene.emulator.set_variables(FIT, AWS_ENDPOINT_URL_S3=proxy.endpoint)
        try:
            done = scene.execute(run, asked)
        finally:
            scene.emulator.set_variables(FIT, AWS_ENDPOINT_URL_S3=None)
        return done, len(proxy.lies)


def everything(scene: Scene, prefix: str = "") -> dict[str, str]:
    """Each object below a prefix of the bucket, with its state."""
    listed = scene.emulator.client("s3").get_paginator("list_objects_v2")
    pages = listed.paginate(Bucket=scene.bucket, Prefix=prefix)
    return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", [])}
