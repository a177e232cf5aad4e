#!/usr/bin/env python3
"""What a month costs at three sizes, as the table of docs/deployment.md.

Usage: costs.py [--check]

Prices are list prices of us-east-1 in US dollars, without taxes, collected on 2026-11-24; each line names the page
that has today's. What is free every month for every account is taken off, what is free in the first year is not.

--check fails where docs/deployment.md has another table.
"""

import sys
from pathlib import Path
from typing import NamedTuple

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/deployment.md"

# Per unit, and how much of it is free every month.
PRICES = {
    "API Gateway, a million requests": (3.50, 0),  # aws.amazon.com/api-gateway/pricing (REST)
    "Lambda, a million requests": (0.20, 1),  # aws.amazon.com/lambda/pricing
    "Lambda on arm64, a GB-second": (0.0000133334, 400_000),  # aws.amazon.com/lambda/pricing
    "Step Functions, a state transition": (0.000025, 4_000),  # aws.amazon.com/step-functions/pricing (Standard)
    "S3, a GB-month": (0.023, 0),  # aws.amazon.com/s3/pricing
    "S3, a thousand writes or lists": (0.005, 0),
    "S3, a thousand reads": (0.0004, 0),
    "Secrets Manager, a secret": (0.40, 0),  # aws.amazon.com/secrets-manager/pricing
    "CloudWatch, an alarm": (0.10, 10),  # aws.amazon.com/cloudwatch/pricing
    "CloudWatch, a metric": (0.30, 10),
    "CloudWatch, a GB of logs": (0.50, 5),
    "CloudWatch, a dashboard": (3.00, 3),
    "X-Ray, a million traces": (5.00, 0.1),  # aws.amazon.com/xray/pricing
    "Transfer to the internet, a GB": (0.09, 100),  # aws.amazon.com/ec2/pricing/on-demand
}


class Size(NamedTuple):
    """A month's use."""

    name: str
    million_requests: float
    request_ms: float
    answer_kb: float
    trainings: int
    training_gb_seconds: float
    kept_gb: float


SIZES = (
    Size("small", 0.01, 20, 10, 30, 150, 0.2),
    Size("middling", 1, 20, 10, 30, 600, 2),
    Size("large", 30, 50, 100, 60, 5_000, 50),
)
PREDICT_GB = 1.0
LOOKS_EVERY_SECONDS = 5
TRANSITIONS_A_TRAINING = 40
OBJECTS_A_TRAINING = 60
METRICS = 21  # seven of predict, two of each stage, the runs that ended by two
LOGGED_KB_A_REQUEST = 2
TRACED_SHARE = 0.05


def lines(size: Size) -> dict[str, float]:
    """How much of each thing a month takes."""
    requests = size.million_requests * 1e6
    compute = requests * size.request_ms / 1000 * PREDICT_GB + size.trainings * size.training_gb_seconds
    # A warm process looks for another champion every five seconds at most, and one process is warm at least.
    looks = min(requests, 30 * 86_400 / LOOKS_EVERY_SECONDS * max(1.0, size.million_requests))
    return {
        "API Gateway, a million requests": size.million_requests,
        "Lambda, a million requests": size.million_requests + size.trainings * 15 / 1e6,
        "Lambda on arm64, a GB-second": compute,
        "Step Functions, a state transition": size.trainings * TRANSITIONS_A_TRAINING,
        "S3, a GB-month": size.kept_gb,
        "S3, a thousand writes or lists": size.trainings * OBJECTS_A_TRAINING / 1e3,
        "S3, a thousand reads": looks / 1e3,
        "Secrets Manager, a secret": 4,
        "CloudWatch, an alarm": 10,
        "CloudWatch, a metric": METRICS,
        "CloudWatch, a GB of logs": requests * LOGGED_KB_A_REQUEST / 1e6,
        "CloudWatch, a dashboard": 1,
        "X-Ray, a million traces": size.million_requests * TRACED_SHARE,
        "Transfer to the internet, a GB": requests * size.answer_kb / 1e6,
    }


def costs(size: Size) -> dict[str, float]:
    """Dollars by service."""
    spent: dict[str, float] = {}
    for name, amount in lines(size).items():
        price, free = PRICES[name]
        service = name.split(",")[0].removesuffix(" on arm64")
        spent[service] = spent.get(service, 0) + price * max(0, amount - free)
    return spent


def table() -> str:
    """The table in Markdown."""
    spent = {size.name: costs(size) for size in SIZES}
    rows = ["| a month | " + " | ".join(spent) + " |", "|---|" + "---|" * len(SIZES)]
    described = {
        "requests": lambda size: f"{size.million_requests * 1e6:,.0f}",
        "an answer takes, and has": lambda size: f"{size.request_ms} ms, {size.answer_kb} kB",
        "trainings, of GB-seconds each": lambda size: f"{size.trainings}, {size.training_gb_seconds:,}",
    }
    rows += [f"| {what} | " + " | ".join(of(size) for size in SIZES) + " |" for what, of in described.items()]
    for service in spent[SIZES[0].name]:
        rows.append(f"| {service} | " + " | ".join(f"${spent[size.name][service]:,.2f}" for size in SIZES) + " |")
    totals = " | ".join(f"**${sum(spent[size.name].values()):,.2f}**" for size in SIZES)
    return "\n".join([*rows, f"| **all of AWS** | {totals} |"])


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        if table() in DOCUMENT.read_text():
            return 0
        print(f"{DOCUMENT.name} has another table of costs than scripts/cloud/costs.py prints", file=sys.stderr)
        return 1
    print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
