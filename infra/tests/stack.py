"""template.yaml as CloudFormation makes a stack of it: expanded by SAM for a set of parameters, conditions applied, and
every reference replaced by a name or an ARN in the form that AWS gives them."""

import copy
import json
import logging
import os
import re
from functools import cache
from pathlib import Path

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

logging.getLogger("samtranslator").setLevel(logging.CRITICAL)

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
ACCOUNT = "123456789012"

# The parameters that the tests go through, all of them for what must always hold.
PARAMETERS: dict[str, dict[str, str]] = {
    "dev": {},
    "prod": {"Stage": "prod", "SecretsPrefix": "lurelight/prod"},
    "x86_64": {"Architecture": "x86_64"},
    "vpc": {"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"},
    "mlflow": {"MlflowTrackingUri": "https://mlflow.example.org"},
    "vpc and mlflow": {
        "SubnetIds": "subnet-1",
        "SecurityGroupIds": "sg-1",
        "MlflowTrackingUri": "https://mlflow.example.org",
    },
    "token": {"PredictionAccess": "token"},
    "waf": {"WebAclArn": f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/lurelight/1"},
    "no schedule": {"TrainingSchedule": "DISABLED"},
    "reserved": {"PredictConcurrency": "20"},
    "mail": {"AlarmEmail": "operator@example.org"},
    "existing log role": {"ApiGatewayLogRole": "existing"},
    "prod with everything": {
        "Stage": "prod",
        "Architecture": "x86_64",
        "SubnetIds": "subnet-1,subnet-2",
        "SecurityGroupIds": "sg-1,sg-2",
        "MlflowTrackingUri": "https://mlflow.example.org",
        "PredictionAccess": "token",
        "WebAclArn": f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/lurelight/1",
        "PredictConcurrency": "20",
        "AlarmEmail": "operator@example.org",
        "TrainingAgeAlarmDays": "7",
    },
}


class _NoValue:
    """What AWS::NoValue stands for."""


NO_VALUE = _NoValue()


class NoPolicies:
    """SAM asks for the ARNs of AWS's policies only where a template names one of its policy templates."""

    def load(self) -> dict[str, str]:
        return {}


class Stack:
    """The resources that would be created, as {logical id: {"Type", "Properties", ...}}."""

    def __init__(self, given: dict[str, str], file: str = "template.yaml", called: str | None = None):
        template = yaml_parse((ROOT / file).read_text())
        for resource in template["Resources"].values():
            properties = resource["Properties"]
            if "CodeUri" in properties:
                properties["CodeUri"] = "s3://code/code.zip"
            if "DefinitionUri" in properties:
                properties["DefinitionUri"] = "s3://code/training.asl.json"
        os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
        self._expanded = json.loads(json.dumps(transform(template, dict(given), NoPolicies())))
        stage = given.get("Stage", "dev")
        self.name = called or f"lurelight-{stage}"
        self._values = {
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::StackName": self.name,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": NO_VALUE,
        }
        for name, parameter in self._expanded["Parameters"].items():
            value = given.get(name, parameter.get("Default"))
            if parameter["Type"] == "CommaDelimitedList":
                value = str(value).split(",")
            elif parameter["Type"] == "Number":
                value = int(value)
            self._values[name] = value
        declared = self._expanded["Resources"]
        present = {
            name: resource
            for name, resource in declared.items()
            if "Condition" not in resource or self._holds({"Condition": resource["Condition"]})
        }
        self._declared = declared
        self.resources = {name: self._resolve(copy.deepcopy(resource)) for name, resource in present.items()}
        self.outputs = self._resolve(self._expanded["Outputs"])

    def of_type(self, kind: str) -> dict[str, dict]:
        """The properties of all resources of a type."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def text(self) -> str:
        """All of it as text."""
        return json.dumps([self.resources, self.outputs])

    def _holds(self, condition) -> bool:
        [(operator, of)] = condition.items()
        match operator:
            case "Condition":
                return self._holds(self._expanded["Conditions"][of])
            case "Fn::Equals":
                one, other = self._resolve(of)
                return str(one) == str(other)
            case "Fn::Not":
                return not self._holds(of[0])
            case "Fn::And":
                return all(self._holds(part) for part in of)
            case "Fn::Or":
                return any(self._holds(part) for part in of)
        raise AssertionError(f"the condition {operator} is not known to these tests")

    def _resolve(self, value):
        if isinstance(value, list):
            return [kept for kept in map(self._resolve, value) if kept is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, of)] = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, of)
        resolved = {key: self._resolve(kept) for key, kept in value.items()}
        return {key: kept for key, kept in resolved.items() if kept is not NO_VALUE}

    def _intrinsic(self, name: str, of):
        match name:
            case "Ref":
                return self._values[of] if of in self._values else self._reference(of)
            case "Fn::GetAtt":
                logical, attribute = of.split(".", 1) if isinstance(of, str) else of
                return self._attribute(logical, attribute)
            case "Fn::Sub":
                text, names = of if isinstance(of, list) else (of, {})
                local = {key: self._resolve(kept) for key, kept in names.items()}
                return re.sub(r"\$\{([^!}][^}]*)\}", lambda found: str(self._substituted(found[1], local)), text)
            case "Fn::If":
                condition, yes, no = of
                return self._resolve(yes if self._holds({"Condition": condition}) else no)
            case "Fn::Join":
                separator, parts = of
                return separator.join(str(part) for part in self._resolve(parts))
            case "Fn::FindInMap":
                table, *keys = self._resolve(of)
                found = self._expanded["Mappings"][table]
                for key in keys:
                    found = found[key]
                return found
        raise AssertionError(f"the function {name} is not known to these tests")

    def _substituted(self, name: str, local: dict):
        if name in local:
            return local[name]
        if "." in name:
            return self._attribute(*name.split(".", 1))
        return self._intrinsic("Ref", name)

    def _named(self, logical: str, key: str) -> str:
        return str(self._resolve(self._declared[logical].get("Properties", {}).get(key, logical)))

    def _arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"

    def _reference(self, logical: str) -> str:  # noqa: PLR0911 - a table
        match self._declared[logical]["Type"]:
            case "AWS::Lambda::Function":
                return self._named(logical, "FunctionName")
            case "AWS::Lambda::Alias":
                return self._arn("lambda", f"function:{self._named(logical, 'FunctionName')}:live")
            case "AWS::Logs::LogGroup":
                return self._named(logical, "LogGroupName")
            case "AWS::CloudWatch::Alarm":
                return self._named(logical, "AlarmName")
            case "AWS::ApiGateway::Stage":
                return self._named(logical, "StageName")
            case "AWS::S3::Bucket":
                return "bucket"
            case "AWS::SecretsManager::Secret":
                return self._arn("secretsmanager", f"secret:{self._named(logical, 'Name')}-AbCdEf")
            case "AWS::StepFunctions::StateMachine":
                return self._attribute(logical, "Arn")
            case "AWS::SNS::Topic":
                return self._arn("sns", logical)
            case "AWS::IAM::ManagedPolicy":
                return f"arn:aws:iam::{ACCOUNT}:policy/{logical}"
        return logical

    def _attribute(self, logical: str, attribute: str) -> str:  # noqa: PLR0911 - a table
        match self._declared[logical]["Type"], attribute:
            case "AWS::Lambda::Function", "Arn":
                return self._arn("lambda", f"function:{self._named(logical, 'FunctionName')}")
            case "AWS::S3::Bucket", "Arn":
                return "arn:aws:s3:::bucket"
            case "AWS::Logs::LogGroup", "Arn":
                return self._arn("logs", f"log-group:{self._named(logical, 'LogGroupName')}:*")
            case "AWS::StepFunctions::StateMachine", "Arn":
                return self._arn("states", f"stateMachine:{self._named(logical, 'StateMachineName')}")
            case "AWS::StepFunctions::StateMachine", "Name":
                return self._named(logical, "StateMachineName")
            case "AWS::CloudWatch::Alarm", "Arn":
                return self._arn("cloudwatch", f"alarm:{self._named(logical, 'AlarmName')}")
            case "AWS::SQS::Queue", "Arn":
                return self._arn("sqs", logical)
            case "AWS::IAM::Role", "Arn":
                return f"arn:aws:iam::{ACCOUNT}:role/{logical}"
            case "AWS::Events::Rule", "Arn":
                return self._arn("events", f"rule/{logical}")
        return f"{logical}.{attribute}"


@cache
def stack(name: str) -> Stack:
    """The stack of one of PARAMETERS."""
    return Stack(PARAMETERS[name])
