"""What the stack is made of, for both stages and for other parameters."""

import json
import re
import tomllib
import unittest

from stack import PARAMETERS, ROOT, stack
from test_policies import SECRETS, STAGES

# Every variable that a function may have, none of which holds a secret.
VARIABLES = {
    "LURELIGHT_BUCKET",
    "LURELIGHT_SECRETS_PREFIX",
    "LURELIGHT_LOG",
}
OWN_VARIABLES = {
    "predict": {
        "LURELIGHT_PREDICTION_ACCESS",
        "LURELIGHT_HANDLER_SECONDS",
        "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH",
    },
    "admin": {"LURELIGHT_STATE_MACHINE_ARN", "LURELIGHT_HANDLER_SECONDS", "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH"},
    "ingest": {"LURELIGHT_STAGE", "LURELIGHT_MONGODB_DATABASE", "LURELIGHT_MONGODB_COLLECTION"},
    "promote": {"LURELIGHT_STAGE", "MLFLOW_EXPERIMENT_NAME"},
} | {name: {"LURELIGHT_STAGE"} for name in ("validate", "transform", "fit", "evaluate")}
NAMES = ("predict", "admin", *STAGES)
ALARMS = {
    "predict-errors",
    "predict-throttles",
    "admin-errors",
    "admin-throttles",
    "api-server-errors",
    "training-failed",
    "training-timed-out",
    "training-too-old",
    "fallback-serves",
    "failures-wait",
}
CLOUDWATCH_LOOKS_BACK_SECONDS = 7 * 86_400


def functions(of) -> dict[str, dict]:
    """The functions by the ends of their names."""
    return {made["FunctionName"].rsplit("-", 1)[1]: made for made in of.of_type("AWS::Lambda::Function").values()}


def variables(function: dict) -> dict[str, str]:
    return function["Environment"]["Variables"]


class Functions(unittest.TestCase):
    def test_each_has_its_memory_time_log_trace_and_processor(self):
        for name, given in PARAMETERS.items():
            made = stack(name)
            logs = {log["LogGroupName"]: log for log in made.of_type("AWS::Logs::LogGroup").values()}
            self.assertEqual(set(functions(made)), set(NAMES))
            for short, function in functions(made).items():
                with self.subTest(parameters=name, function=short):
                    self.assertEqual(function["Runtime"], "provided.al2023")
                    self.assertEqual(function["Architectures"], [given.get("Architecture", "arm64")])
                    self.assertEqual(function["TracingConfig"], {"Mode": "Active"})
                    self.assertLessEqual(512, function["MemorySize"])
                    # A new account may give a function so much and no more.
                    self.assertLessEqual(function["MemorySize"], 3008)
                    self.assertLessEqual(29, function["Timeout"])
                    group = f"/aws/lambda/{made.name}-{short}"
                    self.assertEqual(function["LoggingConfig"], {"LogFormat": "JSON", "LogGroup": group})
                    self.assertEqual(logs[group]["RetentionInDays"], 30)
                    stage = given.get("Stage", "dev")
                    self.assertIn({"Key": "Stage", "Value": stage}, function["Tags"])

    def test_fitting_has_more_than_one_processor(self):
        self.assertGreater(functions(stack("dev"))["fit"]["MemorySize"], 1769)

    def test_no_variable_holds_a_secret(self):
        for name, given in PARAMETERS.items():
            for short, function in functions(stack(name)).items():
                allowed = VARIABLES | OWN_VARIABLES[short]
                if short == "promote" and "MlflowTrackingUri" in given:
                    allowed = allowed | {"MLFLOW_TRACKING_URI"}
                self.assertEqual(set(variables(function)), allowed, f"{name}: {short}")
                for value in variables(function).values():
                    self.assertFalse([secret for secret in SECRETS if secret in value], value)

    def test_no_secret_is_resolved_into_the_stack_and_no_url_goes_past_the_api(self):
        for name in PARAMETERS:
            text = stack(name).text()
            self.assertNotIn("{{resolve:", text)
            self.assertEqual(stack(name).of_type("AWS::Lambda::Url"), {})
            [session_key] = stack(name).of_type("AWS::SecretsManager::Secret").values()
            self.assertEqual(set(session_key), {"Name", "Description", "GenerateSecretString"})
            self.assertGreaterEqual(session_key["GenerateSecretString"]["PasswordLength"], 32)
            outputs = json.dumps(stack(name).outputs)
            self.assertFalse([secret for secret in SECRETS if secret in outputs])

    def test_each_stage_is_told_which_it_is(self):
        for short, function in functions(stack("dev")).items():
            self.assertEqual(variables(function).get("LURELIGHT_STAGE"), short if short in STAGES else None)

    def test_who_talks_to_mongodb_or_mlflow_is_in_the_vpc_and_nobody_else(self):
        for name, given in PARAMETERS.items():
            inside = {short for short, function in functions(stack(name)).items() if "VpcConfig" in function}
            wanted = {"ingest"} if "SubnetIds" in given else set()
            if wanted and "MlflowTrackingUri" in given:
                wanted.add("promote")
            self.assertEqual(inside, wanted, name)
        config = functions(stack("vpc"))["ingest"]["VpcConfig"]
        self.assertEqual(config, {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]})

    def test_concurrency_is_reserved_for_predictions_where_asked_for(self):
        for name, given in PARAMETERS.items():
            for short, function in functions(stack(name)).items():
                reserved = (
                    int(given["PredictConcurrency"]) if short == "predict" and "PredictConcurrency" in given else None
                )
                self.assertEqual(function.get("ReservedConcurrentExecutions"), reserved, f"{name}: {short}")

    def test_what_nobody_waited_for_ends_in_the_queue(self):
        for name in PARAMETERS:
            configs = stack(name).of_type("AWS::Lambda::EventInvokeConfig").values()
            self.assertCountEqual([config["FunctionName"].rsplit("-", 1)[1] for config in configs], NAMES)
            for config in configs:
                self.assertTrue(config["DestinationConfig"]["OnFailure"]["Destination"].endswith(":Failures"))

    def test_the_programs_are_built_by_cargo_lambda_one_for_six_stages(self):
        text = (ROOT / "template.yaml").read_text()
        found = re.findall(r"CodeUri: functions/(\w+)", text)
        self.assertCountEqual(found, ["predict", "admin"] + ["train"] * 6)
        self.assertEqual(text.count("BuildMethod: rust-cargolambda"), 8)
        self.assertEqual(text.count("Binary: train"), 6)


class Stages(unittest.TestCase):
    def test_traffic_is_shifted_bit_by_bit_in_prod_alone(self):
        for name, given in PARAMETERS.items():
            made = stack(name)
            prod = given.get("Stage") == "prod"
            groups = made.of_type("AWS::CodeDeploy::DeploymentGroup")
            self.assertEqual(len(made.of_type("AWS::CodeDeploy::Application")), 1 if prod else 0, name)
            self.assertEqual(len(groups), 2 if prod else 0, name)
            for group in groups.values():
                self.assertIn("LambdaCanary", group["DeploymentConfigName"])
                self.assertIn("DEPLOYMENT_STOP_ON_ALARM", group["AutoRollbackConfiguration"]["Events"])
                known = {alarm["AlarmName"] for alarm in made.of_type("AWS::CloudWatch::Alarm").values()}
                watched = {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}
                self.assertTrue(watched and watched <= known, watched)
                self.assertTrue(group["ServiceRoleArn"].endswith("role/CanaryRole"))
            for alias in ("PredictFunctionAliaslive", "AdminFunctionAliaslive"):
                shifted = "CodeDeployLambdaAliasUpdate" in made.resources[alias].get("UpdatePolicy", {})
                self.assertEqual(shifted, prod, f"{name}: {alias}")
                self.assertEqual(made.resources[alias]["Properties"]["Name"], "live")

    def test_a_new_version_is_watched_where_it_is_called_by_its_alias(self):
        for alarm, function in (("PredictErrors", "predict"), ("AdminErrors", "admin")):
            dimensions = stack("prod").resources[alarm]["Properties"]["Dimensions"]
            named = {dimension["Name"]: dimension["Value"] for dimension in dimensions}
            own = f"lurelight-prod-{function}"
            self.assertEqual(named, {"FunctionName": own, "Resource": f"{own}:live"})

    def test_whoever_has_no_stage_gets_dev(self):
        self.assertEqual(stack("dev").of_type("AWS::ApiGateway::Stage")["ApiStage"]["StageName"], "dev")
        self.assertEqual(stack("prod").of_type("AWS::ApiGateway::Stage")["ApiStage"]["StageName"], "prod")

    def test_a_changed_parameter_publishes_another_version(self):
        """Else the alias goes on serving the function as it was before."""
        declared = stack("dev")._expanded
        for function in ("PredictFunction", "AdminFunction"):
            properties = dict(declared["Resources"][function]["Properties"])
            # Neither belongs to a version.
            del properties["Tags"]
            properties.pop("ReservedConcurrentExecutions", None)
            used = {name for name in declared["Parameters"] if f'"{name}"' in json.dumps(properties)}
            self.assertIn("LogLevel", used)
            [version] = [name for name in declared["Resources"] if name.startswith(f"{function}Version")]
            description = declared["Resources"][version]["Properties"]["Description"]["Fn::Sub"]
            named = set(re.findall(r"[$][{](\w+)[}]", description))
            self.assertEqual(named, used, f"{function}: in the version's description (first), and used (second)")

    def test_the_description_of_a_version_fits(self):
        longest = stack("dev")._expanded["Parameters"]["SecretsPrefix"]["MaxLength"] + len("token debug x86_64   ")
        self.assertLessEqual(longest, 256)


class TheApi(unittest.TestCase):
    def test_its_paths_and_methods_are_the_routers(self):
        wanted = json.loads((ROOT / "infra/routes.json").read_text())
        for name in PARAMETERS:
            body = stack(name).resources["Api"]["Properties"]["Body"]
            found: dict[str, dict[str, list[str]]] = {"predict": {}, "admin": {}}
            for path, methods in body["paths"].items():
                for method, operation in methods.items():
                    uri = operation["x-amazon-apigateway-integration"]["uri"]
                    function = re.search(rf"function:{stack(name).name}-(\w+):live/invocations$", uri)
                    self.assertIsNotNone(function, f"{path} does not go to an alias: {uri}")
                    found[function[1]].setdefault(path, []).append(method.upper())
            for function, routes in wanted.items():
                ordered = {path: sorted(methods) for path, methods in found[function].items()}
                self.assertEqual(
                    ordered,
                    {path: sorted(methods) for path, methods in routes.items()},
                    f"{name}: template.yaml (first) and infra/routes.json (second) differ for {function}; the "
                    "stylesheet's path changes with its content, so write the new one into both",
                )

    def test_it_is_regional_throttled_logged_and_takes_any_bytes(self):
        for name in PARAMETERS:
            made = stack(name)
            api = made.resources["Api"]["Properties"]
            self.assertEqual(api["EndpointConfiguration"], {"Types": ["REGIONAL"]})
            self.assertEqual(
                api["Body"].get("x-amazon-apigateway-binary-media-types") or api["BinaryMediaTypes"], ["*/*"]
            )
            stage = made.resources["ApiStage"]["Properties"]
            [settings] = stage["MethodSettings"]
            self.assertEqual((settings["ResourcePath"], settings["HttpMethod"]), ("/*", "*"))
            self.assertEqual((settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]), (20, 40))
            self.assertIs(settings["DataTraceEnabled"], False)
            self.assertIs(stage["TracingEnabled"], True)
            log = json.loads(stage["AccessLogSetting"]["Format"])
            self.assertTrue({"requestId", "status", "route", "latencyMs"} <= log.keys())
            # A path or a query may carry what somebody typed.
            self.assertFalse([value for value in log.values() if value in ("$context.path", "$context.authorizer")])
            group = stage["AccessLogSetting"]["DestinationArn"]
            self.assertTrue(group.endswith(f":log-group:/aws/apigateway/{made.name}"), group)

    def test_what_it_says_by_itself_is_json_of_a_problem(self):
        responses = stack("dev").resources["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
        for kind, response in responses.items():
            problem = json.loads(response["responseTemplates"]["application/json"])
            self.assertEqual(str(problem["status"]), str(response["statusCode"]), kind)

    def test_only_this_api_may_call_the_functions(self):
        for name in PARAMETERS:
            for permission in stack(name).of_type("AWS::Lambda::Permission").values():
                self.assertEqual(permission["Principal"], "apigateway.amazonaws.com")
                self.assertRegex(permission["SourceArn"], r":Api/\*/[A-Z]+/")
                self.assertTrue(permission["FunctionName"].endswith(":live"))

    def test_a_firewall_stands_before_it_where_one_is_named(self):
        for name, given in PARAMETERS.items():
            found = stack(name).of_type("AWS::WAFv2::WebACLAssociation")
            self.assertEqual(len(found), 1 if "WebAclArn" in given else 0, name)
        [firewall] = stack("waf").of_type("AWS::WAFv2::WebACLAssociation").values()
        self.assertEqual(firewall["ResourceArn"], "arn:aws:apigateway:eu-central-1::/restapis/Api/stages/dev")

    def test_the_role_for_logs_of_all_apis_is_set_where_asked_for_and_stays(self):
        for name, given in PARAMETERS.items():
            made = stack(name)
            self.assertEqual("ApiGatewayAccount" in made.resources, given.get("ApiGatewayLogRole") != "existing", name)
        for resource in ("ApiGatewayAccount", "ApiGatewayRole"):
            self.assertEqual(stack("dev").resources[resource]["DeletionPolicy"], "Retain")


class WhatIsKept(unittest.TestCase):
    def test_the_bucket_outlives_the_stack(self):
        for name in PARAMETERS:
            for resource in ("Bucket", "BucketPolicy"):
                kept = stack(name).resources[resource]
                self.assertEqual((kept["DeletionPolicy"], kept["UpdateReplacePolicy"]), ("Retain", "Retain"))

    def test_the_bucket_is_versioned_encrypted_and_closed(self):
        bucket = stack("dev").resources["Bucket"]["Properties"]
        self.assertEqual(bucket["VersioningConfiguration"], {"Status": "Enabled"})
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        self.assertEqual(rule["ServerSideEncryptionByDefault"], {"SSEAlgorithm": "AES256"})
        self.assertEqual(set(bucket["PublicAccessBlockConfiguration"].values()), {True})
        self.assertEqual(len(bucket["PublicAccessBlockConfiguration"]), 4)
        self.assertEqual(bucket["OwnershipControls"], {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})

    def test_what_may_go_goes_and_nothing_else(self):
        rules = stack("dev").resources["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        self.assertEqual({rule["Status"] for rule in rules}, {"Enabled"})
        expire = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
        self.assertEqual(expire, {"uploads/": 7, "results/": 7})
        self.assertEqual(sum("NoncurrentVersionExpiration" in rule for rule in rules), 1)
        self.assertEqual(sum("AbortIncompleteMultipartUpload" in rule for rule in rules), 1)


class WhoIsTold(unittest.TestCase):
    def test_every_alarm_is_sent_and_no_other_is_there(self):
        for name, given in PARAMETERS.items():
            made = stack(name)
            alarms = made.of_type("AWS::CloudWatch::Alarm").values()
            wanted = ALARMS - ({"training-too-old"} if given.get("TrainingSchedule") == "DISABLED" else set())
            self.assertEqual({alarm["AlarmName"].removeprefix(f"{made.name}-") for alarm in alarms}, wanted, name)
            for alarm in alarms:
                self.assertEqual(alarm["AlarmActions"], [made.outputs["AlarmsArn"]["Value"]])
                self.assertGreater(len(alarm["AlarmDescription"]), 20)

    def test_the_alarm_on_age_looks_back_as_far_as_it_can_and_takes_silence_for_age(self):
        for name in PARAMETERS:
            for alarm in stack(name).of_type("AWS::CloudWatch::Alarm").values():
                looks_back = alarm["Period"] * int(alarm["EvaluationPeriods"])
                # Beyond a day only periods of an hour or more may be asked for.
                most = CLOUDWATCH_LOOKS_BACK_SECONDS if alarm["Period"] >= 3600 else 86_400
                self.assertLessEqual(looks_back, most, alarm["AlarmName"])
                silence = "breaching" if alarm["AlarmName"].endswith("too-old") else "notBreaching"
                self.assertEqual(alarm["TreatMissingData"], silence)

    def test_somebody_gets_mail_where_an_address_is_given(self):
        for name, given in PARAMETERS.items():
            found = [made["Endpoint"] for made in stack(name).of_type("AWS::SNS::Subscription").values()]
            self.assertEqual(found, [given["AlarmEmail"]] if "AlarmEmail" in given else [], name)

    def test_the_dashboard_names_what_exists(self):
        for name in PARAMETERS:
            made = stack(name)
            body = json.loads(made.resources["Dashboard"]["Properties"]["DashboardBody"])
            text = json.dumps(body)
            for log in made.of_type("AWS::Logs::LogGroup").values():
                if log["LogGroupName"].startswith("/aws/lambda/"):
                    self.assertIn(log["LogGroupName"], text)
            [alarms] = [widget for widget in body["widgets"] if widget["type"] == "alarm"]
            known = {alarm["AlarmName"] for alarm in made.of_type("AWS::CloudWatch::Alarm").values()}
            self.assertEqual({arn.rsplit(":", 1)[1] for arn in alarms["properties"]["alarms"]}, known, name)
            self.assertGreaterEqual(len(body["widgets"]), 8)

    def test_every_log_ends_some_day(self):
        for name in PARAMETERS:
            for log in stack(name).of_type("AWS::Logs::LogGroup").values():
                self.assertEqual(log["RetentionInDays"], 30)

    def test_whoever_deployed_learns_where_everything_is(self):
        for name in PARAMETERS:
            outputs = stack(name).outputs
            self.assertTrue({"Url", "BucketName", "TrainingArn", "AlarmsArn", "DashboardUrl"} <= outputs.keys())
            stage = PARAMETERS[name].get("Stage", "dev")
            self.assertTrue(outputs["Url"]["Value"].endswith(f"amazonaws.com/{stage}/"))


class Parameters(unittest.TestCase):
    def test_each_is_described_and_has_a_default(self):
        for name, parameter in stack("dev")._expanded["Parameters"].items():
            self.assertIn("Description", parameter, name)
            self.assertIn("Default", parameter, name)

    def test_samconfig_names_parameters_that_exist_with_values_that_are_allowed(self):
        configured = tomllib.loads((ROOT / "samconfig.toml").read_text())
        declared = stack("dev")._expanded["Parameters"]
        for environment, stage in (("default", "dev"), ("prod", "prod")):
            deployed = configured[environment]["deploy"]["parameters"]
            given = dict(pair.split("=", 1) for pair in deployed["parameter_overrides"].split())
            self.assertEqual(given["Stage"], stage)
            self.assertEqual(configured[environment]["global"]["parameters"]["stack_name"], f"lurelight-{stage}")
            for name, value in given.items():
                allowed = declared[name].get("AllowedValues")
                self.assertTrue(allowed is None or value in map(str, allowed), f"{name}={value}")


if __name__ == "__main__":
    unittest.main()
