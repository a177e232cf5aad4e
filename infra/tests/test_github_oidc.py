"""What workflows of GitHub may do in the account: who gets in, with what, and whether it is enough and not more."""

import json
import tomllib
import unittest

from policy import decide, statements
from stack import ACCOUNT, PARAMETERS, REGION, ROOT, Stack, stack

REPOSITORY = "an-owner@123456/a-repository@456789"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
GIVEN = {
    "dev": {"Repository": REPOSITORY},
    "prod": {
        "Repository": REPOSITORY,
        "Stage": "prod",
        "StackName": "lurelight-prod",
        "SecretsPrefix": "lurelight/prod",
        "ProviderArn": PROVIDER,
    },
}
# Statements about "*", and why AWS leaves no choice.
ABOUT_EVERYTHING = {
    "MakeUpTheSessionKey": "a password that belongs to nobody yet has no resource",
    "PutThemIntoTheVpc": "EC2's descriptions know no resource",
    "CheckItsDefinition": "a definition that is only checked has no resource",
    "HaveLogsDelivered": "log deliveries know no resource",
}


def access(stage: str) -> Stack:
    return Stack(GIVEN[stage], "infra/github-oidc.yaml", f"lurelight-github-{stage}")


def arn(service: str, rest: str, region: str = REGION) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{rest}"


def may(of: Stack, role: str, action: str, resource: str, **context: str) -> bool:
    seen = {name.replace("__", ":"): value for name, value in context.items()}
    return bool(decide(statements(of, role), action, resource, seen))


def named(stage: str, logical: str) -> str:
    """A name as CloudFormation makes one up for a resource without one."""
    return f"lurelight-{stage}-{logical}-1A2B3C4D5E6F"


# What CloudFormation does to make a resource of a type, and to change or delete it, and the resource's ARN.
def needed(stage: str, logical: str, kind: str, properties: dict) -> tuple[str, str]:
    name = named(stage, logical)
    own = f"lurelight-{stage}"
    table = {
        "AWS::ApiGateway::Account": ("apigateway:PATCH", f"arn:aws:apigateway:{REGION}::/account"),
        "AWS::ApiGateway::Deployment": ("apigateway:POST", f"arn:aws:apigateway:{REGION}::/restapis/a1/deployments"),
        "AWS::ApiGateway::RestApi": (
            "apigateway:POST apigateway:PUT apigateway:DELETE",
            f"arn:aws:apigateway:{REGION}::/restapis/a1",
        ),
        "AWS::ApiGateway::Stage": (
            "apigateway:POST apigateway:PATCH",
            f"arn:aws:apigateway:{REGION}::/restapis/a1/stages/{stage}",
        ),
        "AWS::CloudWatch::Alarm": (
            "cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms",
            arn("cloudwatch", f"alarm:{properties.get('AlarmName')}"),
        ),
        "AWS::CloudWatch::Dashboard": (
            "cloudwatch:PutDashboard cloudwatch:DeleteDashboards",
            arn("cloudwatch", f"dashboard/{own}", ""),
        ),
        "AWS::CodeDeploy::Application": ("codedeploy:CreateApplication", arn("codedeploy", f"application:{name}")),
        "AWS::CodeDeploy::DeploymentGroup": (
            "codedeploy:CreateDeploymentGroup codedeploy:CreateDeployment codedeploy:UpdateDeploymentGroup",
            arn("codedeploy", f"deploymentgroup:{name}/{name}"),
        ),
        "AWS::Events::Rule": ("events:PutRule events:PutTargets events:DeleteRule", arn("events", f"rule/{name}")),
        "AWS::IAM::ManagedPolicy": (
            "iam:CreatePolicy iam:CreatePolicyVersion iam:DeletePolicy",
            arn("iam", f"policy/{name}", ""),
        ),
        "AWS::IAM::Role": (
            "iam:CreateRole iam:PutRolePolicy iam:AttachRolePolicy iam:UpdateAssumeRolePolicy iam:DeleteRole",
            arn("iam", f"role/{name}", ""),
        ),
        "AWS::Lambda::Alias": ("lambda:CreateAlias lambda:UpdateAlias", function(properties)),
        "AWS::Lambda::EventInvokeConfig": ("lambda:PutFunctionEventInvokeConfig", function(properties)),
        "AWS::Lambda::Function": (
            "lambda:CreateFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:GetFunction "
            "lambda:PutFunctionConcurrency lambda:TagResource lambda:DeleteFunction",
            function(properties),
        ),
        "AWS::Lambda::Permission": ("lambda:AddPermission lambda:RemovePermission", function(properties)),
        "AWS::Lambda::Version": ("lambda:PublishVersion", function(properties)),
        "AWS::Logs::LogGroup": (
            "logs:CreateLogGroup logs:PutRetentionPolicy logs:DeleteLogGroup",
            arn("logs", f"log-group:{properties.get('LogGroupName')}:*"),
        ),
        "AWS::S3::Bucket": (
            "s3:CreateBucket s3:PutBucketVersioning s3:PutEncryptionConfiguration s3:PutLifecycleConfiguration "
            "s3:PutBucketPublicAccessBlock s3:PutBucketOwnershipControls s3:PutBucketTagging",
            f"arn:aws:s3:::{name.lower()}",
        ),
        "AWS::S3::BucketPolicy": ("s3:PutBucketPolicy", f"arn:aws:s3:::{named(stage, 'bucket').lower()}"),
        "AWS::SNS::Subscription": ("sns:Subscribe sns:Unsubscribe", arn("sns", named(stage, "Alarms"))),
        "AWS::SNS::Topic": ("sns:CreateTopic sns:SetTopicAttributes sns:DeleteTopic", arn("sns", name)),
        "AWS::SNS::TopicPolicy": ("sns:SetTopicAttributes", arn("sns", named(stage, "Alarms"))),
        "AWS::SQS::Queue": ("sqs:CreateQueue sqs:SetQueueAttributes sqs:DeleteQueue", arn("sqs", name)),
        "AWS::SQS::QueuePolicy": ("sqs:SetQueueAttributes", arn("sqs", named(stage, "Failures"))),
        "AWS::Scheduler::Schedule": (
            "scheduler:CreateSchedule scheduler:UpdateSchedule scheduler:DeleteSchedule",
            arn("scheduler", f"schedule/default/{properties.get('Name')}"),
        ),
        "AWS::SecretsManager::Secret": (
            "secretsmanager:CreateSecret secretsmanager:DeleteSecret",
            arn("secretsmanager", f"secret:{properties.get('Name')}-AbCdEf"),
        ),
        "AWS::StepFunctions::StateMachine": (
            "states:CreateStateMachine states:UpdateStateMachine states:DeleteStateMachine",
            arn("states", f"stateMachine:{properties.get('StateMachineName')}"),
        ),
        "AWS::WAFv2::WebACLAssociation": (
            "wafv2:AssociateWebACL apigateway:SetWebACL",
            f"arn:aws:apigateway:{REGION}::/restapis/a1/stages/{stage}",
        ),
    }
    assert kind in table, f"template.yaml has a {kind}: say here what CloudFormation needs for it, and allow that"
    return table[kind]


def function(properties: dict) -> str:
    name = str(properties.get("FunctionName", "")).removesuffix(":live").rsplit(":", 1)[-1]
    return arn("lambda", f"function:{name}")


class WhoGetsIn(unittest.TestCase):
    def test_only_jobs_of_one_environment_of_one_repository(self):
        for stage in GIVEN:
            made = access(stage)
            for role, environment in (("DeployRole", stage), ("ModelRole", f"{stage}-model")):
                trust = made.resources[role]["Properties"]["AssumeRolePolicyDocument"]
                [statement] = trust["Statement"]
                self.assertEqual(
                    statement["Condition"],
                    {
                        "StringEquals": {
                            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                            "token.actions.githubusercontent.com:sub": f"repo:{REPOSITORY}:environment:{environment}",
                        }
                    },
                )
                self.assertEqual(statement["Action"], "sts:AssumeRoleWithWebIdentity")
                self.assertEqual(set(statement["Principal"]), {"Federated"})
                self.assertLessEqual(made.resources[role]["Properties"]["MaxSessionDuration"], 3600)

    def test_a_repository_is_named_by_its_ids_or_by_its_names_and_never_by_a_pattern(self):
        pattern = access("dev")._expanded["Parameters"]["Repository"]["AllowedPattern"]
        for good in ("an-owner@123/a-repository@456", "an-owner/a.repository_1"):
            self.assertRegex(good, pattern)
        for bad in ("an-owner/*", "*", "an-owner", "an-owner/a/b", "an-owner@/a@", "an-owner/a:ref:refs/heads/main"):
            self.assertNotRegex(bad, pattern)

    def test_the_provider_is_made_once_an_account(self):
        self.assertIn("Provider", access("dev").resources)
        self.assertNotIn("Provider", access("prod").resources)
        trust = access("prod").resources["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]
        self.assertEqual(trust["Statement"][0]["Principal"], {"Federated": PROVIDER})

    def test_there_is_no_key_that_could_be_lost(self):
        for stage in GIVEN:
            kinds = {resource["Type"] for resource in access(stage).resources.values()}
            self.assertFalse(kinds & {"AWS::IAM::User", "AWS::IAM::AccessKey", "AWS::IAM::Group"})

    def test_the_workflows_use_what_it_gives_and_samconfig_the_same_names(self):
        configured = tomllib.loads((ROOT / "samconfig.toml").read_text())
        for stage, environment in (("dev", "default"), ("prod", "prod")):
            own = access(stage)._values["StackName"]
            self.assertEqual(configured[environment]["global"]["parameters"]["stack_name"], own)
        outputs = access("dev").outputs
        workflows = "".join(file.read_text() for file in (ROOT / ".github/workflows").glob("*.yml"))
        for output, described in outputs.items():
            if output != "ProviderArn":
                variable = described["Description"].split()[2]
                self.assertIn(f"vars.{variable}", workflows, f"{output} is for {variable}")


class WhatTheyMay(unittest.TestCase):
    def test_who_deploys_hands_over_to_cloudformation_and_can_do_nothing_by_hand(self):
        for stage in GIVEN:
            other = {"dev": "prod", "prod": "dev"}[stage]
            made = access(stage)
            own = arn("cloudformation", f"stack/lurelight-{stage}/1")
            service = "cloudformation.amazonaws.com"
            role = made._attribute("CloudFormationRole", "Arn")
            secret = "secretsmanager:GetSecretValue"
            table = [
                (True, "cloudformation:CreateChangeSet", own, {}),
                (True, "cloudformation:ExecuteChangeSet", own, {}),
                (True, "cloudformation:GetTemplate", own, {}),
                (True, "iam:PassRole", role, {"iam__PassedToService": service}),
                (True, "s3:PutObject", f"arn:aws:s3:::bucket/lurelight-{stage}/1", {}),
                (True, "cloudwatch:DescribeAlarms", arn("cloudwatch", f"alarm:lurelight-{stage}-predict-errors"), {}),
                (True, secret, arn("secretsmanager", f"secret:lurelight/{stage}/prediction-tokens-AbCdEf"), {}),
                (False, secret, arn("secretsmanager", f"secret:lurelight/{stage}/administration-tokens-AbCdEf"), {}),
                (False, secret, arn("secretsmanager", f"secret:lurelight/{stage}/mongodb-uri-AbCdEf"), {}),
                (False, secret, arn("secretsmanager", f"secret:lurelight/{other}/prediction-tokens-AbCdEf"), {}),
                (False, "cloudformation:ExecuteChangeSet", arn("cloudformation", f"stack/lurelight-{other}/1"), {}),
                (False, "cloudformation:DeleteStack", own, {}),
                (False, "iam:PassRole", role, {"iam__PassedToService": "lambda.amazonaws.com"}),
                (False, "iam:PassRole", arn("iam", "role/another", ""), {"iam__PassedToService": service}),
                (False, "iam:CreateRole", arn("iam", f"role/lurelight-{stage}-x", ""), {}),
                (False, "lambda:UpdateFunctionCode", arn("lambda", f"function:lurelight-{stage}-predict"), {}),
                (False, "s3:PutObject", f"arn:aws:s3:::bucket/lurelight-{other}/1", {}),
                (False, "s3:DeleteObject", f"arn:aws:s3:::bucket/lurelight-{stage}/1", {}),
            ]
            for allowed, action, resource, context in table:
                with self.subTest(stage=stage, action=action, resource=resource):
                    self.assertIs(may(made, "DeployRole", action, resource, **context), allowed)

    def test_who_moves_the_champion_reads_one_secret(self):
        for stage in GIVEN:
            found = {statement.sid: statement for statement in statements(access(stage), "ModelRole")}
            self.assertEqual(set(found), {"FindTheAddress", "Administer"})
            self.assertEqual(found["Administer"].actions, {"secretsmanager:GetSecretValue"})
            secret = arn("secretsmanager", f"secret:lurelight/{stage}/administration-tokens-??????")
            self.assertEqual(found["Administer"].resources, {secret})
            self.assertEqual(found["FindTheAddress"].actions, {"cloudformation:DescribeStacks"})

    def test_cloudformation_can_make_all_of_the_template(self):
        everything = PARAMETERS["prod with everything"] | {"SecretsPrefix": "lurelight/prod"}
        for stage, deployed in (("dev", stack("vpc and mlflow")), ("prod", Stack(everything))):
            made = access(stage)
            for logical, resource in deployed.resources.items():
                actions, about = needed(stage, logical, resource["Type"], resource.get("Properties", {}))
                for action in actions.split():
                    with self.subTest(stage=stage, resource=logical, action=action):
                        self.assertTrue(may(made, "CloudFormationRole", action, about), f"{action} on {about}")
            for service in ("lambda", "states", "events", "scheduler", "codedeploy", "apigateway"):
                role = arn("iam", f"role/{named(stage, 'ARole')}", "")
                passed = {"iam__PassedToService": f"{service}.amazonaws.com"}
                self.assertTrue(may(made, "CloudFormationRole", "iam:PassRole", role, **passed), service)

    def test_cloudformation_can_do_nothing_under_other_names(self):
        made = access("dev")
        ec2 = {"iam__PassedToService": "ec2.amazonaws.com"}
        table = [
            ("lambda:UpdateFunctionCode", arn("lambda", "function:another"), {}),
            ("lambda:InvokeFunction", arn("lambda", "function:lurelight-dev-admin"), {}),
            ("iam:CreateRole", arn("iam", "role/another", ""), {}),
            ("iam:CreateUser", arn("iam", "user/lurelight-dev-x", ""), {}),
            ("iam:PassRole", arn("iam", "role/lurelight-dev-x", ""), ec2),
            ("iam:PutRolePolicy", arn("iam", "role/lurelight-github-dev-DeployRole-1", ""), {}),
            ("s3:GetObject", "arn:aws:s3:::lurelight-dev-bucket-1/registry/champion.json", {}),
            ("s3:DeleteBucket", "arn:aws:s3:::lurelight-dev-bucket-1", {}),
            ("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:lurelight/dev/session-key-AbCdEf"), {}),
            ("secretsmanager:DeleteSecret", arn("secretsmanager", "secret:lurelight/dev/mongodb-uri-AbCdEf"), {}),
            ("states:StartExecution", arn("states", "stateMachine:lurelight-dev-training"), {}),
        ]
        for action, resource, context in table:
            with self.subTest(action=action, resource=resource):
                self.assertFalse(may(made, "CloudFormationRole", action, resource, **context))

    def test_nobody_changes_the_roles_of_this_stack_whatever_the_other_is_called(self):
        made = Stack(GIVEN["dev"] | {"StackName": "lurelight"}, "infra/github-oidc.yaml", "lurelight-github-dev")
        own = arn("iam", "role/lurelight-github-dev-CloudFormationRole-1", "")
        self.assertFalse(may(made, "CloudFormationRole", "iam:PutRolePolicy", own))
        other = arn("iam", "role/lurelight-PredictRole-1", "")
        self.assertTrue(may(made, "CloudFormationRole", "iam:PutRolePolicy", other))

    def test_a_star_stands_only_where_aws_leaves_no_choice_and_no_action_has_one(self):
        for stage in GIVEN:
            made = access(stage)
            for role in made.of_type("AWS::IAM::Role"):
                for statement in statements(made, role):
                    if statement.allows:
                        self.assertEqual("*" in statement.resources, statement.sid in ABOUT_EVERYTHING, statement.sid)
                        self.assertFalse([action for action in statement.actions if "*" in action], statement.sid)


class WhereThePackagesAre(unittest.TestCase):
    def test_their_bucket_is_closed_encrypted_versioned_and_stays(self):
        made = access("dev")
        for resource in ("Packages", "PackagesPolicy"):
            kept = made.resources[resource]
            self.assertEqual((kept["DeletionPolicy"], kept["UpdateReplacePolicy"]), ("Retain", "Retain"))
        bucket = made.resources["Packages"]["Properties"]
        self.assertEqual(bucket["VersioningConfiguration"], {"Status": "Enabled"})
        self.assertEqual(set(bucket["PublicAccessBlockConfiguration"].values()), {True})
        self.assertIn("OnlyByTls", json.dumps(made.resources["PackagesPolicy"]))


if __name__ == "__main__":
    unittest.main()
