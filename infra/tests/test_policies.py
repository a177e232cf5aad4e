"""Who may do what: every statement of every role as a table, and what follows from them as another."""

import json
import unittest

from policy import Statement, may, statements
from stack import ACCOUNT, PARAMETERS, REGION, Stack, stack

# What each function may do with objects: r reads, w writes, l lists them (else a missing one is 403, not 404).
OBJECTS = {
    "datasets": f"datasets/{'0' * 64}/records.parquet",
    "runs": "runs/a-run/ingest.json",
    "models": f"models/{'0' * 64}/model.lure",
    "versions": "registry/versions/1.json",
    "champion": "registry/champion.json",
    "events": "registry/events/1.json",
    "uploads": "uploads/a-job/rows.csv",
    "others": "something/else",
}
# fmt: off
MATRIX = {
    #               datasets  runs   models versions champion events uploads others
    "PredictRole":   ["",     "",    "rl",  "rl",    "rl",    "rl",   "",    ""],
    "AdminRole":     ["",     "rl",  "rl",  "rl",    "rwl",   "rwl",  "",    ""],
    "IngestRole":    ["rwl",  "rwl", "rl",  "rl",    "rl",    "rl",   "",    ""],
    "ValidateRole":  ["rl",   "rwl", "rl",  "rl",    "rl",    "rl",   "",    ""],
    "TransformRole": ["rl",   "rwl", "",    "",      "",      "",     "",    ""],
    "FitRole":       ["",     "rwl", "",    "",      "",      "",     "",    ""],
    "EvaluateRole":  ["",     "rwl", "rwl", "rwl",   "rl",    "rl",   "",    ""],
    "PromoteRole":   ["",     "rwl", "rl",  "rl",    "rwl",   "rwl",  "",    ""],
    "TrainingRole":  ["",     "",    "",    "",      "",      "",     "",    ""],
    "StartTrainingRole": ["", "",    "",    "",      "",      "",     "",    ""],
}
# fmt: on
FUNCTION_ROLES = [role for role in MATRIX if role not in ("TrainingRole", "StartTrainingRole")]
SECRETS = ("mongodb-uri", "administration-tokens", "prediction-tokens", "session-key", "mlflow-credentials")
STAGES = ("ingest", "validate", "transform", "fit", "evaluate", "promote")

# Statements about "*", and why AWS leaves no choice. A tail behind a prefix is no such star.
ABOUT_EVERYTHING = {
    "Trace": "X-Ray's actions know no resource",
    "DeliverItsLog": "log deliveries know no resource; AWS's guide to logs of state machines asks for the star",
    "Attach": "Lambda checks with the star that it may make interfaces, before there is one to name",
    "NotByTheCodeItself": "denies what Attach allows, to the function's own code",
}
# Policies of AWS itself, and why there is one.
BY_AWS = {
    "ApiGatewayRole": (
        "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
        "one role for all APIs of the account in the region, which API Gateway checks for what this policy says",
    )
}
INTERFACES = (
    "ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface ec2:DeleteNetworkInterface "
    "ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:UnassignPrivateIpAddresses"
)


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def keys(*patterns: str) -> list[str]:
    return [f"arn:aws:s3:::bucket/{pattern}" for pattern in patterns]


def expected(name: str) -> dict[str, list[Statement]]:
    """Every statement of every role of a stack of PARAMETERS, written out."""
    given = PARAMETERS[name]
    stage = given.get("Stage", "dev")
    prefix = given.get("SecretsPrefix", "lurelight/dev")
    in_vpc, tracked = "SubnetIds" in given, "MlflowTrackingUri" in given
    own = f"lurelight-{stage}"

    def allow(sid: str, actions: str, resources: list[str], condition: tuple = ()) -> Statement:
        return Statement(sid, True, frozenset(actions.split()), frozenset(resources), condition)

    def secrets(*names: str, session: bool = False) -> list[Statement]:
        found = [arn("secretsmanager", f"secret:{prefix}/{name}{tail}") for name in names for tail in ("", "-??????")]
        if session:
            found.append(arn("secretsmanager", f"secret:{prefix}/session-key-AbCdEf"))
        return [allow("ReadSecrets", "secretsmanager:GetSecretValue", found)]

    def function(stage_name: str, folders: str, writes: str, *others: Statement) -> list[Statement]:
        folded = tuple(f"{folder}/*" for folder in folders.split())
        listing = (("StringLike", "s3:prefix", folded),)
        written = [allow("Write", "s3:PutObject s3:AbortMultipartUpload", keys(*writes.split()))] if writes else []
        return [
            allow("WriteItsLog", "logs:CreateLogStream logs:PutLogEvents", [log(f"/aws/lambda/{own}-{stage_name}")]),
            allow("ListWhatItReads", "s3:ListBucket", ["arn:aws:s3:::bucket"], listing),
            allow("Read", "s3:GetObject", keys(*folded)),
            *written,
            *others,
            allow("Trace", "xray:PutTraceSegments xray:PutTelemetryRecords", ["*"]),
            allow("TellOfFailures", "sqs:SendMessage", [arn("sqs", "Failures")]),
        ]

    def log(group: str) -> str:
        return arn("logs", f"log-group:{group}:*")

    own_code = tuple(arn("lambda", f"function:{own}-{stage_name}") for stage_name in ("ingest", "promote"))
    attached = [
        allow("Attach", INTERFACES, ["*"]),
        Statement(
            "NotByTheCodeItself",
            False,
            frozenset(INTERFACES.split()),
            frozenset("*"),
            (("ArnLike", "lambda:SourceFunctionArn", own_code),),
        ),
    ]
    machine = [arn("states", f"stateMachine:{own}-training")]
    moving = "registry/champion.json registry/events/*"
    tokens = given.get("PredictionAccess") == "token"
    roles = {
        "PredictRole": function(
            "predict", "models registry", "", *(secrets("prediction-tokens", session=True) if tokens else [])
        ),
        "AdminRole": function(
            "admin",
            "models registry runs",
            moving,
            *secrets("administration-tokens", "prediction-tokens", session=True),
            allow("StartTraining", "states:StartExecution", machine),
            allow(
                "FollowTraining",
                "states:DescribeExecution states:GetExecutionHistory",
                [arn("states", f"execution:{own}-training:*")],
            ),
        ),
        "IngestRole": function(
            "ingest",
            "datasets models registry runs",
            "datasets/* runs/*",
            *secrets("mongodb-uri"),
            *(attached if in_vpc else []),
        ),
        "ValidateRole": function("validate", "datasets models registry runs", "runs/*"),
        "TransformRole": function("transform", "datasets runs", "runs/*"),
        "FitRole": function("fit", "runs", "runs/*"),
        "EvaluateRole": function("evaluate", "models registry runs", "models/* registry/versions/* runs/*"),
        "PromoteRole": function(
            "promote",
            "models registry runs",
            f"{moving} runs/*",
            *(secrets("mlflow-credentials") if tracked else []),
            *(attached if in_vpc and tracked else []),
        ),
        "TrainingRole": [
            allow(
                "RunTheStages",
                "lambda:InvokeFunction",
                [arn("lambda", f"function:{own}-{stage_name}") for stage_name in STAGES],
            ),
            allow(
                "DeliverItsLog",
                "logs:CreateLogDelivery logs:DeleteLogDelivery logs:DescribeLogGroups logs:DescribeResourcePolicies "
                "logs:GetLogDelivery logs:ListLogDeliveries logs:PutResourcePolicy logs:UpdateLogDelivery",
                ["*"],
            ),
            allow(
                "Trace",
                "xray:GetSamplingRules xray:GetSamplingTargets xray:PutTelemetryRecords xray:PutTraceSegments",
                ["*"],
            ),
        ],
        "StartTrainingRole": [
            allow("StartTraining", "states:StartExecution", machine),
            allow("TellOfFailures", "sqs:SendMessage", [arn("sqs", "Failures")]),
        ],
    }
    if given.get("ApiGatewayLogRole") != "existing":
        roles["ApiGatewayRole"] = []
    if stage == "prod":
        functions = [
            arn("lambda", f"function:{own}-{of}{alias}") for of in ("predict", "admin") for alias in ("", ":live")
        ]
        alarms = [arn("cloudwatch", f"alarm:{own}-{of}-errors") for of in ("predict", "admin", "api-server")]
        roles["CanaryRole"] = [
            allow(
                "MoveTheAlias", "lambda:GetAlias lambda:GetProvisionedConcurrencyConfig lambda:UpdateAlias", functions
            ),
            allow("LookAtTheAlarms", "cloudwatch:DescribeAlarms", alarms),
        ]
    return roles


def permitted(of: Stack, role: str, key: str) -> str:
    """What a role may do with an object, in the letters of MATRIX."""
    place = f"arn:aws:s3:::bucket/{key}"
    found = ""
    if may(of, role, "s3:GetObject", place):
        found += "r"
    create = {"s3__if-none-match": "*", "s3__ObjectCreationOperation": "true"}
    writes = [may(of, role, action, place, **create) for action in ("s3:PutObject", "s3:AbortMultipartUpload")]
    if any(writes):
        found += "w" if all(writes) else "?"
    # S3 decides between 404 and 403 for a missing object by whether its whole key may be listed.
    if may(of, role, "s3:ListBucket", "arn:aws:s3:::bucket", s3__prefix=key):
        found += "l"
    return found


class Statements(unittest.TestCase):
    maxDiff = None

    def test_every_statement_of_every_role_is_in_the_table_and_no_other(self):
        for name in PARAMETERS:
            made = stack(name)
            table = expected(name)
            self.assertEqual(set(made.of_type("AWS::IAM::Role")), set(table), name)
            for role, listed in table.items():
                with self.subTest(parameters=name, role=role):
                    self.assertCountEqual(statements(made, role), listed)

    def test_no_action_has_a_star_and_no_resource_but_the_tail_behind_a_prefix(self):
        for name in PARAMETERS:
            made = stack(name)
            for role in made.of_type("AWS::IAM::Role"):
                for statement in statements(made, role):
                    with self.subTest(parameters=name, role=role, statement=statement.sid):
                        self.assertFalse([action for action in statement.actions if "*" in action])
                        if statement.resources == {"*"}:
                            self.assertIn(statement.sid, ABOUT_EVERYTHING)
                            continue
                        for resource in statement.resources:
                            head, star, tail = resource.partition("*")
                            behind_a_prefix = head.endswith(("/", ":")) and head.count(":") >= 5 and not tail
                            self.assertTrue(not star or behind_a_prefix, resource)

    def test_policies_of_aws_are_attached_where_there_is_a_reason(self):
        for name in PARAMETERS:
            for role, properties in stack(name).of_type("AWS::IAM::Role").items():
                theirs = [found for found in properties.get("ManagedPolicyArns", []) if ":aws:policy/" in found]
                self.assertEqual(theirs, [BY_AWS[role][0]] if role in BY_AWS else [], f"{name}: {role}")

    def test_each_role_is_taken_by_one_service_and_each_function_has_its_own(self):
        services = {
            "TrainingRole": ["states.amazonaws.com"],
            "StartTrainingRole": ["scheduler.amazonaws.com", "events.amazonaws.com"],
            "CanaryRole": ["codedeploy.amazonaws.com"],
            "ApiGatewayRole": ["apigateway.amazonaws.com"],
        }
        for name in PARAMETERS:
            made = stack(name)
            for role, properties in made.of_type("AWS::IAM::Role").items():
                [trust] = properties["AssumeRolePolicyDocument"]["Statement"]
                found = trust["Principal"]["Service"]
                found = found if isinstance(found, list) else [found]
                self.assertEqual(found, services.get(role, ["lambda.amazonaws.com"]), f"{name}: {role}")
                self.assertEqual((trust["Effect"], trust["Action"]), ("Allow", "sts:AssumeRole"))
            taken = [function["Role"].rsplit("/", 1)[1] for function in made.of_type("AWS::Lambda::Function").values()]
            self.assertCountEqual(taken, FUNCTION_ROLES)
            for function in made.of_type("AWS::Lambda::Function").values():
                role = function["FunctionName"].rsplit("-", 1)[1].capitalize() + "Role"
                self.assertEqual(function["Role"], f"arn:aws:iam::{ACCOUNT}:role/{role}")


class WhatFollows(unittest.TestCase):
    def test_each_role_reads_writes_and_lists_what_the_matrix_says(self):
        for name in PARAMETERS:
            made = stack(name)
            for role, row in MATRIX.items():
                found = [permitted(made, role, key) for key in OBJECTS.values()]
                self.assertEqual(
                    dict(zip(OBJECTS, found, strict=True)), dict(zip(OBJECTS, row, strict=True)), f"{name}: {role}"
                )

    def test_nobody_deletes_or_reads_old_versions_or_changes_the_bucket(self):
        barred = [
            "s3:BypassGovernanceRetention",
            "s3:DeleteBucket",
            "s3:DeleteObject",
            "s3:DeleteObjectVersion",
            "s3:GetObjectVersion",
            "s3:PutBucketPolicy",
            "s3:PutLifecycleConfiguration",
            "s3:PutObjectAcl",
        ]
        for name in PARAMETERS:
            made = stack(name)
            for role in made.of_type("AWS::IAM::Role"):
                for action in barred:
                    for key in OBJECTS.values():
                        self.assertFalse(may(made, role, action, f"arn:aws:s3:::bucket/{key}"), (name, role, action))
                    self.assertFalse(may(made, role, action, "arn:aws:s3:::bucket"), (name, role, action))

    def test_nobody_lists_the_whole_bucket(self):
        for role in FUNCTION_ROLES:
            for context in ({}, {"s3__prefix": ""}, {"s3__prefix": "uploads/"}, {"s3__prefix": "reg"}):
                self.assertFalse(may(stack("dev"), role, "s3:ListBucket", "arn:aws:s3:::bucket", **context), role)

    def test_each_secret_is_read_by_those_who_need_it(self):
        always = {
            "mongodb-uri": {"IngestRole"},
            "administration-tokens": {"AdminRole"},
            "prediction-tokens": {"AdminRole"},
            "session-key": {"AdminRole"},
            "mlflow-credentials": set(),
        }
        for name, given in PARAMETERS.items():
            readers = {secret: set(roles) for secret, roles in always.items()}
            if given.get("PredictionAccess") == "token":
                readers["prediction-tokens"].add("PredictRole")
                readers["session-key"].add("PredictRole")
            if "MlflowTrackingUri" in given:
                readers["mlflow-credentials"].add("PromoteRole")
            made = stack(name)
            prefix = given.get("SecretsPrefix", "lurelight/dev")
            for secret in SECRETS:
                place = arn("secretsmanager", f"secret:{prefix}/{secret}-AbCdEf")
                found = {
                    role
                    for role in made.of_type("AWS::IAM::Role")
                    if may(made, role, "secretsmanager:GetSecretValue", place)
                }
                self.assertEqual(found, readers[secret], f"{name}: {secret}")

    def test_secrets_of_another_stage_and_names_that_go_on_are_out_of_reach(self):
        made = stack("prod with everything")
        for role in made.of_type("AWS::IAM::Role"):
            for place in ("lurelight/prod/mongodb-uri-AbCdEf", "lurelight/dev/mongodb-uri-too-AbCdEf", "others-AbCdEf"):
                resource = arn("secretsmanager", f"secret:{place}")
                self.assertFalse(may(made, role, "secretsmanager:GetSecretValue", resource), (role, place))
            for action in ("secretsmanager:PutSecretValue", "secretsmanager:DescribeSecret"):
                resource = arn("secretsmanager", "secret:lurelight/dev/mongodb-uri-AbCdEf")
                self.assertFalse(may(made, role, action, resource), (role, action))

    def test_only_the_state_machine_invokes_and_only_the_six_stages(self):
        for name in PARAMETERS:
            made = stack(name)
            for role in made.of_type("AWS::IAM::Role"):
                for function in made.of_type("AWS::Lambda::Function").values():
                    stage = function["FunctionName"].rsplit("-", 1)[1]
                    invokes = may(
                        made, role, "lambda:InvokeFunction", arn("lambda", f"function:{function['FunctionName']}")
                    )
                    self.assertEqual(invokes, role == "TrainingRole" and stage in STAGES, f"{name}: {role}, {stage}")

    def test_only_admin_and_the_schedule_start_the_training(self):
        for name in PARAMETERS:
            made = stack(name)
            machine = arn("states", f"stateMachine:{made.name}-training")
            roles = made.of_type("AWS::IAM::Role")
            starters = {role for role in roles if may(made, role, "states:StartExecution", machine)}
            self.assertEqual(starters, {"AdminRole", "StartTrainingRole"}, name)
            other = arn("states", "stateMachine:another")
            self.assertFalse([role for role in roles if may(made, role, "states:StartExecution", other)])
            execution = arn("states", f"execution:{made.name}-training:a-run")
            followers = {role for role in roles if may(made, role, "states:DescribeExecution", execution)}
            self.assertEqual(followers, {"AdminRole"}, name)

    def test_functions_in_a_vpc_cannot_make_interfaces_themselves(self):
        made = stack("vpc and mlflow")
        for role, function in (("IngestRole", "ingest"), ("PromoteRole", "promote")):
            place = arn("ec2", "network-interface/eni-1")
            self.assertTrue(may(made, role, "ec2:CreateNetworkInterface", place))
            source = arn("lambda", f"function:lurelight-dev-{function}")
            self.assertFalse(
                may(made, role, "ec2:CreateNetworkInterface", place, lambda__SourceFunctionArn=source), role
            )


class TheBucketItself(unittest.TestCase):
    """What the bucket's own policy decides, whoever asks."""

    CREATING = {"s3__ObjectCreationOperation": "true"}  # noqa: RUF012
    PART = {"s3__ObjectCreationOperation": "false"}  # noqa: RUF012

    def puts(self, key: str, **context: str) -> bool:
        return may(stack("dev"), "EvaluateRole", "s3:PutObject", f"arn:aws:s3:::bucket/{key}", **context)

    def test_models_and_versions_are_written_with_a_condition_or_not_at_all(self):
        for key in (OBJECTS["models"], OBJECTS["versions"]):
            self.assertFalse(self.puts(key, **self.CREATING), key)
            self.assertTrue(self.puts(key, **self.CREATING, **{"s3__if-none-match": "*"}), key)

    def test_an_etag_is_no_substitute_for_the_condition(self):
        self.assertFalse(self.puts(OBJECTS["models"], **self.CREATING, **{"s3__if-match": "an-etag"}))

    def test_parts_of_an_upload_need_no_condition_for_they_cannot_carry_it(self):
        self.assertTrue(self.puts(OBJECTS["models"], **self.PART))

    def test_runs_may_be_written_again(self):
        self.assertTrue(self.puts(OBJECTS["runs"], **self.CREATING))

    def test_without_tls_nothing_is_done(self):
        made = stack("dev")
        for role in FUNCTION_ROLES:
            for key in OBJECTS.values():
                for action in ("s3:GetObject", "s3:PutObject"):
                    allowed = may(made, role, action, f"arn:aws:s3:::bucket/{key}", aws__SecureTransport="false")
                    self.assertFalse(allowed, (role, action, key))

    def test_policies_of_resources_allow_services_alone_and_one_source(self):
        for name in PARAMETERS:
            made = stack(name)
            for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
                [properties] = made.of_type(kind).values()
                for written in properties["PolicyDocument"]["Statement"]:
                    if written["Effect"] == "Deny":
                        continue
                    self.assertEqual(list(written["Principal"]), ["Service"], json.dumps(written))
                    [keys_of] = written["Condition"].values()
                    self.assertIn(next(iter(keys_of)), ("aws:SourceArn", "aws:SourceAccount"))


if __name__ == "__main__":
    unittest.main()
