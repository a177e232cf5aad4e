"""What the state machine does with answers and failures, from its definition alone."""

import json
import re
import unittest

from stack import PARAMETERS, ROOT, stack
from test_policies import STAGES

RETRIED = {
    "RetryableFailure",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
RUN = "8f14e45f-ceea-467f-a8d6-3c1f2b9d0e71"


def definition(name: str = "dev") -> dict:
    """The definition as CloudFormation fills it in."""
    text = (ROOT / "infra/training.asl.json").read_text()
    substitutions = stack(name).resources["Training"]["Properties"]["DefinitionSubstitutions"]
    for key, value in substitutions.items():
        text = text.replace(f"${{{key}}}", str(value))
    assert "${" not in text, f"not filled in: {re.findall(r'[$]{[^}]*}', text)}"
    return json.loads(text)


def all_states(machine: dict) -> dict[str, dict]:
    found = dict(machine["States"])
    for state in machine["States"].values():
        found |= state.get("ItemProcessor", {}).get("States", {})
    return found


def tasks(name: str = "dev") -> dict[str, dict]:
    return {key: state for key, state in all_states(definition(name)).items() if state["Type"] == "Task"}


def called(state: dict) -> str:
    """The function that a task calls, by the end of its name."""
    return state["Parameters"]["FunctionName"].rsplit("-", 1)[1]


def filled(template, state: dict, context: dict):
    """A payload as Step Functions makes it of a template, for the paths that are used here."""
    if isinstance(template, str):
        root, path = (context, template[3:]) if template.startswith("$$.") else (state, template[2:])
        for part in filter(None, path.split(".")):
            root = root[part]
        return root
    made = {}
    for key, value in template.items():
        if key.endswith(".$"):
            made[key[:-2]] = filled(value, state, context)
        else:
            made[key] = filled(value, state, context) if isinstance(value, dict) else value
    return made


def event(name: str) -> dict:
    return json.loads((ROOT / f"infra/events/{name}.json").read_text())


class TheStateMachine(unittest.TestCase):
    def test_it_calls_the_six_functions_and_no_other(self):
        for name in PARAMETERS:
            states = tasks(name)
            self.assertEqual({called(state) for state in states.values()}, set(STAGES), name)
            expected = {stage.capitalize(): stage for stage in STAGES} | {"RecordFailure": "promote"}
            self.assertEqual({key: called(state) for key, state in states.items()}, expected)
            self.assertEqual({state["Resource"] for state in states.values()}, {"arn:aws:states:::lambda:invoke"})

    def test_it_fits_so_many_families_at_once_as_the_parameter_says(self):
        self.assertEqual(definition()["States"]["FitFamilies"]["MaxConcurrency"], 4)

    def test_every_task_ends_is_retried_and_is_caught(self):
        for key, state in tasks().items():
            with self.subTest(state=key):
                self.assertIn("TimeoutSeconds", state)
                [caught] = state["Catch"]
                self.assertEqual(caught["ErrorEquals"], ["States.ALL"])
                errors = [error for retry in state["Retry"] for error in retry["ErrorEquals"]]
                self.assertCountEqual(errors, RETRIED)
                for retry in state["Retry"]:
                    self.assertEqual(retry["JitterStrategy"], "FULL")
                    self.assertIn("MaxDelaySeconds", retry)
                    self.assertLessEqual(1, retry["MaxAttempts"])

    def test_a_task_waits_longer_than_its_function_may_take(self):
        timeouts = {
            made["FunctionName"].rsplit("-", 1)[1]: made["Timeout"]
            for made in stack("dev").of_type("AWS::Lambda::Function").values()
        }
        for state in tasks().values():
            self.assertGreater(state["TimeoutSeconds"], timeouts[called(state)])

    def test_all_may_end_before_the_machine_does(self):
        once_each = sum(state["TimeoutSeconds"] for state in tasks().values())
        self.assertLess(once_each, definition()["TimeoutSeconds"])

    def test_ingest_outlives_two_minutes_without_a_database(self):
        [retry] = [each for each in tasks()["Ingest"]["Retry"] if "RetryableFailure" in each["ErrorEquals"]]
        delays = [
            min(retry["IntervalSeconds"] * retry["BackoffRate"] ** attempt, retry["MaxDelaySeconds"])
            for attempt in range(retry["MaxAttempts"])
        ]
        # Full jitter draws each delay between 0 and its most: the mean of the sum, less two standard deviations.
        mean = sum(delays) / 2
        deviation = sum(delay**2 / 12 for delay in delays) ** 0.5
        self.assertGreater(mean - 2 * deviation, 120)

    def test_every_way_leads_on_and_every_state_is_reached(self):
        machine = definition()
        for states, start in (
            (machine["States"], machine["StartAt"]),
            (machine["States"]["FitFamilies"]["ItemProcessor"]["States"], "Fit"),
        ):
            reached, ahead = set(), [start]
            while ahead:
                state = states[key := ahead.pop()]
                if key in reached:
                    continue
                reached.add(key)
                choices = [choice["Next"] for choice in state.get("Choices", [])]
                caught = [each["Next"] for each in state.get("Catch", [])]
                ahead += [*choices, *caught, *(state[way] for way in ("Next", "Default") if way in state)]
            self.assertEqual(reached, set(states))

    def test_every_failure_is_recorded_with_its_stage_and_fails_the_execution(self):
        states = definition()["States"]
        for stage in STAGES:
            failed = states[f"{stage.capitalize()}Failed"]
            self.assertEqual(failed["Parameters"]["stage"], stage)
            self.assertEqual(failed["Next"], "RecordFailure")
            of = states["FitFamilies"] if stage == "fit" else states[stage.capitalize()]
            self.assertEqual(of["Catch"][0]["Next"], f"{stage.capitalize()}Failed")
        record = states["RecordFailure"]
        self.assertEqual((record["Next"], record["Catch"][0]["Next"]), ("RunFailed", "RunFailed"))
        # Where recording fails too, the execution still ends with the first failure.
        self.assertEqual(record["Catch"][0]["ResultPath"], "$.recording")
        self.assertEqual(states["RunFailed"]["Type"], "Fail")
        self.assertEqual(states["RunFailed"]["ErrorPath"], "$.failure.error")

    def test_no_change_ends_well_and_unfit_data_does_not(self):
        states = definition()["States"]
        ways = {choice["StringEquals"]: choice["Next"] for choice in states["AnythingNew"]["Choices"]}
        self.assertEqual(ways, {"no_change": "Unchanged", "continue": "Validate"})
        self.assertEqual(states["Unchanged"]["Type"], "Succeed")
        ways = {choice["StringEquals"]: choice["Next"] for choice in states["AnythingToLearn"]["Choices"]}
        self.assertEqual(ways, {"unfit": "Unfit", "continue": "Transform"})
        self.assertEqual(states["Unfit"]["Next"], "RecordFailure")

    def test_one_candidate_that_fails_does_not_fail_the_others(self):
        fit = definition()["States"]["FitFamilies"]["ItemProcessor"]["States"]
        self.assertEqual(fit["Fit"]["Catch"][0]["Next"], "CandidateFailed")
        self.assertIs(fit["CandidateFailed"]["End"], True)


class Events(unittest.TestCase):
    """The samples are what the state machine sends."""

    def test_the_sample_events_are_what_the_stages_are_sent(self):
        started = event("train-ingest")["at"]
        context = {"Execution": {"Name": RUN, "StartTime": started}}
        ingested = event("train-ingest-answer")
        failure = event("train-promote-failure")["failure"]
        inputs = {
            "Ingest": ("train-ingest", event("execution-schedule")),
            "Validate": ("train-validate", ingested),
            "Transform": ("train-transform", ingested),
            "Fit": ("train-fit", next(of for of in ingested["families"] if of["family"] == "gradient_boosting")),
            "Evaluate": ("train-evaluate", ingested),
            "Promote": ("train-promote", ingested),
            "RecordFailure": ("train-promote-failure", {"failure": failure}),
        }
        for key, state in tasks().items():
            name, given = inputs[key]
            self.assertEqual(filled(state["Parameters"]["Payload"], given, context), event(name), key)

    def test_the_sample_answers_hold_what_is_read_of_them(self):
        self.assertEqual(event("train-ingest-answer")["outcome"], "continue")
        self.assertTrue({"outcome", "reason"} <= event("train-validate-answer").keys())
        for stage in STAGES:
            answer = event(f"train-{stage}-answer")
            self.assertEqual((answer["version"], answer["run"]), (1, RUN), stage)
        self.assertEqual(event("train-promote-failure-answer")["outcome"], "recorded")

    def test_the_schedule_and_the_rule_for_drift_start_it_as_the_samples_say(self):
        for name, given in PARAMETERS.items():
            [schedule] = stack(name).of_type("AWS::Scheduler::Schedule").values()
            self.assertEqual(json.loads(schedule["Target"]["Input"]), event("execution-schedule"))
            self.assertEqual(schedule["State"], given.get("TrainingSchedule", "ENABLED"))
            self.assertEqual(schedule["ScheduleExpressionTimezone"], "Etc/UTC")
            self.assertEqual(schedule["FlexibleTimeWindow"]["Mode"], "FLEXIBLE")
            self.assertTrue(schedule["Target"]["DeadLetterConfig"]["Arn"].endswith(":Failures"))
            self.assertTrue(schedule["Target"]["RoleArn"].endswith("/StartTrainingRole"))
            [rule] = stack(name).of_type("AWS::Events::Rule").values()
            [target] = rule["Targets"]
            sample = event("execution-drift")
            made = target["InputTransformer"]["InputTemplate"].replace("<reason>", json.dumps(sample["reason"]))
            self.assertEqual(json.loads(made), sample)
            self.assertTrue(target["RoleArn"].endswith("/StartTrainingRole"))

    def test_executions_are_logged_and_traced(self):
        for name in PARAMETERS:
            machine = stack(name).resources["Training"]["Properties"]
            [destination] = machine["LoggingConfiguration"]["Destinations"]
            group = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]
            self.assertTrue(group.endswith(f"/aws/vendedlogs/states/{stack(name).name}-training:*"))
            self.assertEqual(machine["TracingConfiguration"], {"Enabled": True})


if __name__ == "__main__":
    unittest.main()
