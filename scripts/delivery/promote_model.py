#!/usr/bin/env python3
"""Lets another version of the model serve, over the API, and waits until it does."""

import argparse
import json
import os
import shlex
import sys
import time
import urllib.error
import urllib.request

from commands import Commands, DeliveryError, ended, tool

SCRIPT = "scripts/delivery/promote_model.py"
TOKEN = "LURELIGHT_TOKEN"
ANSWER_SECONDS = 40  # API Gateway gives up after 29
# Who serves looks every five seconds, beside a request.
TRIES, TRIES_APART_SECONDS = 20, 3


def token(commands: Commands, secret: str | None) -> str:
    """The token of the environment, or the first one of a secret."""
    if secret is None:
        if not commands.dry and not os.environ.get(TOKEN):
            raise DeliveryError(
                f"{TOKEN} holds no token of administration, and --token-secret names no secret with one"
            )
        return os.environ.get(TOKEN, "")
    command = (tool("awscli", "aws"), "secretsmanager", "get-secret-value", "--secret-id", secret)
    tokens = (commands.read(*command, "--query", "SecretString", "--output", "text", dry="TOKEN") or "").split()
    if not tokens:
        raise DeliveryError(f"the secret {secret} holds no token")
    return tokens[0]


def ask(url: str, token: str | None = None, body: dict | None = None) -> dict:
    """The JSON that the server answers; a refusal is told in its own words."""
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    request.add_header("Accept", "application/json")
    if body is not None:
        request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            said = error.read().decode(errors="replace")
        raise DeliveryError(f"{url} answers {error.code}: {said[:600]}") from error
    except (OSError, ValueError) as error:
        raise DeliveryError(f"no answer from {url} that can be read: {error}") from error


def serving(url: str) -> str:
    """Which model answers, as health tells it."""
    return ask(url + "healthz").get("model", {}).get("source", "unknown")


def promote(asked: argparse.Namespace, commands: Commands) -> None:
    url = asked.url.rstrip("/") + "/"
    secret = token(commands, asked.token_secret)
    target = f"{url}models/{asked.version}/promote"
    body = {"reason": asked.reason}
    if commands.dry:
        print(f"GET {url}healthz")
        print(f"POST {target} {shlex.quote(json.dumps(body))}")
        print(f"GET {url}healthz  # until it names version {asked.version}")
        return
    print(f"before: {serving(url)}")
    moved = ask(target, secret, body)
    event = moved["event"]
    if moved["changed"]:
        print(f"event {event['sequence']}: {event['kind']}, version {event['version']}, by {event['actor']}")
    else:
        print(f"version {event['version']} serves already; nothing was changed")
    found = ""
    for _ in range(TRIES):
        found = serving(url)
        if found == f"champion, version {asked.version}":
            print(f"after: {found}")
            return
        time.sleep(TRIES_APART_SECONDS)
    raise DeliveryError(
        f"version {asked.version} is the champion now, and {url}healthz says after "
        f"{TRIES * TRIES_APART_SECONDS} s that what answers is: {found}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog=SCRIPT,
        description="Lets a version of the model serve, an older one as well, by POST /models/VERSION/promote, and "
        "waits until health names it. The reason stands in the log of the champion for ever.",
        epilog=f"{TOKEN} holds a token of administration, unless --token-secret names a secret of Secrets Manager. "
        "Exit codes: 0 it serves; 1 it does not, and why; 2 wrong usage.",
    )
    parser.add_argument("url", help="where the page is, such as http://127.0.0.1:9000/")
    parser.add_argument("version", type=int, help="the number of the version; GET /models lists them")
    parser.add_argument("--reason", required=True, help="why, in words")
    parser.add_argument("--token-secret", metavar="NAME", help="such as lurelight/prod/administration-tokens")
    parser.add_argument("--dry-run", action="store_true", help="print the commands and the requests, and send none")
    asked = parser.parse_args()
    if not asked.url.startswith(("http://", "https://")):
        parser.error(f"{asked.url} is no address; it begins with http:// or https://")
    if asked.version < 1 or not asked.reason.strip():
        parser.error("a version is 1 or more, and a reason is not empty")
    return ended(SCRIPT, lambda: promote(asked, Commands(asked.dry_run)))


if __name__ == "__main__":
    sys.exit(main())
