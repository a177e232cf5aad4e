"""Decides by IAM's rules: what no statement allows is denied, and a denial wins. It knows the operators that the
template uses, and stops at any other."""

import re
from dataclasses import dataclass

from stack import Stack


@dataclass(frozen=True)
class Statement:
    """A statement of a policy, its actions and resources as sets."""

    sid: str
    allows: bool
    actions: frozenset[str]
    resources: frozenset[str]
    condition: tuple
    """Triples of operator, key and values."""

    @staticmethod
    def of(written: dict) -> "Statement":
        unknown = written.keys() - {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
        assert not unknown, f"these tests cannot judge a statement with {unknown}"
        condition = tuple(
            (operator, key, tuple(listed(values)))
            for operator, keys in written.get("Condition", {}).items()
            for key, values in keys.items()
        )
        return Statement(
            written["Sid"],
            {"Allow": True, "Deny": False}[written["Effect"]],
            frozenset(listed(written["Action"])),
            frozenset(listed(written["Resource"])),
            condition,
        )

    def fits(self, action: str, resource: str, context: dict[str, str]) -> bool:
        return (
            any(matches(pattern, action) for pattern in self.actions)
            and any(matches(pattern, resource) for pattern in self.resources)
            and all(holds(*part, context) for part in self.condition)
        )


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def matches(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern of IAM: `*` for any characters, `?` for one."""
    parts = (".*" if letter == "*" else "." if letter == "?" else re.escape(letter) for letter in pattern)
    return re.fullmatch("".join(parts), text) is not None


def holds(operator: str, key: str, values: tuple[str, ...], context: dict[str, str]) -> bool:
    found = context.get(key)
    match operator:
        case "Null":
            return (found is None) == (values == ("true",))
        case "Bool":
            return found == values[0]
        case "StringEquals" | "ArnEquals":
            return found in values
        case "StringLike" | "ArnLike":
            return found is not None and any(matches(value, found) for value in values)
    raise AssertionError(f"the operator {operator} is not known to these tests")


def decide(statements: list[Statement], action: str, resource: str, context: dict[str, str]) -> bool | None:
    """True where a statement allows it and none denies it, False where one denies it, None where none speaks."""
    fitting = [statement for statement in statements if statement.fits(action, resource, context)]
    if any(not statement.allows for statement in fitting):
        return False
    return True if fitting else None


def statements(stack: Stack, role: str) -> list[Statement]:
    """Those of a role, its own and those of the policies that are attached to it."""
    properties = stack.resources[role]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    for attached in properties.get("ManagedPolicyArns", []):
        ours = attached.rsplit("/", 1)[1]
        if ours in stack.resources:
            documents.append(stack.resources[ours]["Properties"]["PolicyDocument"])
    return [Statement.of(written) for document in documents for written in document["Statement"]]


def may(stack: Stack, role: str, action: str, resource: str, **context: str) -> bool:
    """Whether the role's policies, and the bucket's, let it do so. Underscores in the context's names are colons."""
    seen = {"aws:SecureTransport": "true"} | {name.replace("__", ":"): value for name, value in context.items()}
    [bucket] = stack.of_type("AWS::S3::BucketPolicy").values()
    theirs = [Statement.of(written) for written in bucket["PolicyDocument"]["Statement"]]
    return bool(decide(statements(stack, role), action, resource, seen)) and (
        decide(theirs, action, resource, seen) is not False
    )
