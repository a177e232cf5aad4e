"""The steps of scripts/end-to-end that replace secrets by the commands of docs/secrets.md, while requests go on."""

import secrets
import time
from urllib.parse import urlencode

from asker import Asker
from deployment import ROOT
from pages import Block, Shell, blocks
from predictions import Answer, ask, event
from scene import Scene, check

PAGE = ROOT / "docs/secrets.md"
TOKENS = ("administration-tokens", "prediction-tokens")
# What the page says: a new token is known after so many seconds, and an old one refused after so many.
KNOWN_SECONDS = 10
REFUSED_SECONDS = 300
# The driver closes a connection that nobody used for a minute, and the next one asks for the password again.
IDLE_SECONDS = 65
ROW = ",".join(["1"] * 30)


def rotates(scene: Scene) -> str:
    """tokens, session key and database user are replaced, and no request and no training fails meanwhile"""
    client = Client(scene)
    prepare(scene, client)
    with Shell(scene) as shell, Asker(client.questions()) as asker:
        replace_session_key(scene, client, shell)
        replace_tokens(scene, client, shell, asker)
        trainings = replace_database_user(scene, shell)
    failed = asker.not_answered()
    check(not failed, f"{len(failed)} of {len(asker.asked)} requests failed, the first of them {failed[:3]}")
    scene.emulator.set_variables(scene.outputs["PredictFunctionName"], LURELIGHT_PREDICTION_ACCESS="open")
    return f"{len(asker.asked)} requests and {trainings} trainings, none failed"


def forgets(scene: Scene) -> str:
    """the token that was taken away is refused within the time that the page says"""
    watch = scene.watch
    check(watch is not None, "the step rotate was not gone through")
    # One process may know it longer than another, so the first refusal says nothing yet.
    while time.monotonic() - watch.since < REFUSED_SECONDS + 10:
        time.sleep(1)
    watch.asker.stop()
    asked = [(asked.begun - watch.since, asked.answer) for asked in watch.asker.asked]
    refused = [seconds for seconds, answer in asked if answer == "401"]
    late = [(seconds, answer) for seconds, answer in asked if seconds > REFUSED_SECONDS]
    check(any(answer == "200" for _, answer in asked), "the old token was never good, so this proves nothing")
    check(late and all(answer == "401" for _, answer in late), f"after that time it was answered with {late}")
    # Whose token was taken away has no session either.
    for cookie, status in ((watch.old_cookie, 401), (watch.client.cookie, 200)):
        answer = watch.client.admin("GET", "/runs", {"cookie": cookie})
        check(answer.status == status, f"a session is answered with {answer.status} and not {status}: {answer.body!r}")
    return f"for the first time after {min(refused):.0f} s, and without exception after {REFUSED_SECONDS} s"


class Client:
    """Somebody who has a token of each role, and a browser that is signed in."""

    def __init__(self, scene: Scene):
        self.scene = scene
        self.administration = scene.token
        self.prediction = secrets.token_hex(32)
        self.cookie = ""

    def questions(self) -> dict:
        return {
            "runs by token": lambda: self.admin("GET", "/runs", bearer(self.administration)).status,
            "runs by session": lambda: self.admin("GET", "/runs", {"cookie": self.cookie}).status,
            "verdict by token": lambda: self.predict(bearer(self.prediction)).status,
            "verdict by session": lambda: self.predict({"cookie": self.cookie}).status,
            "sign in, and runs": lambda: self.admin("GET", "/runs", {"cookie": self.signed_in()}).status,
        }

    def admin(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        sent = {"accept": "application/json"} | headers
        return ask(self.scene.emulator, self.scene.outputs["AdminFunctionName"], event("v1", method, path, sent, body))

    def predict(self, headers: dict[str, str]) -> Answer:
        header = self.scene.data.read_text().split("\n", 1)[0].split(",")
        body = ",".join(header[-31:-1]) + f"\n{ROW}\n"
        sent = {"accept": "application/json", "content-type": "text/csv"} | headers
        function = self.scene.outputs["PredictFunctionName"]
        return ask(self.scene.emulator, function, event("v1", "POST", "/predict", sent, body.encode()))

    def signed_in(self) -> str:
        """A new session, as a browser sends it."""
        form = urlencode({"token": self.administration}).encode()
        answer = self.admin("POST", "/session", {"content-type": "application/x-www-form-urlencoded"}, form)
        check(answer.status == 200, f"signing in is answered with {answer.status}: {answer.body!r}")
        return answer.headers["set-cookie"].split(";", 1)[0]


class Watch:
    """An old token that is asked with until it is refused."""

    def __init__(self, client: Client, old: str, old_cookie: str):
        self.client = client
        self.old_cookie = old_cookie
        self.since = time.monotonic()
        question = {"runs by the old token": lambda: client.admin("GET", "/runs", bearer(old)).status}
        self.asker = Asker(question, pause_seconds=2)


def prepare(scene: Scene, client: Client) -> None:
    """Predictions ask for a token, and somebody is signed in."""
    scene.emulator.client("secretsmanager").create_secret(
        Name=f"lurelight/dev/{TOKENS[1]}", SecretString=client.prediction
    )
    # The function itself and not its alias: what is deployed to the others stays as it is.
    scene.emulator.set_variables(scene.outputs["PredictFunctionName"], LURELIGHT_PREDICTION_ACCESS="token")
    client.cookie = client.signed_in()
    nobody = client.predict({})
    check(nobody.status == 401, f"a verdict without a token is answered with {nobody.status}")


def replace_session_key(scene: Scene, client: Client, shell: Shell) -> None:
    before, old = client.cookie, shell.do("secret session-key")
    twice, _at_last = page("The session key")
    for command in twice.commands:
        shell.do(command)
    # A session of a later second: before it is used, no process has seen the new key sign anything.
    time.sleep(1)
    client.cookie = client.signed_in()
    check(client.cookie != before, "the session is the old one")
    check(client.admin("GET", "/runs", {"cookie": before}).status == 200, "who was signed in is signed out")
    scene.other_secrets += [old, shell.do('printf %s "$new"')]


def replace_tokens(scene: Scene, client: Client, shell: Shell, asker: Asker) -> None:
    both, alone = page("Tokens")
    old_cookie, old, new = client.cookie, {}, {}
    for name in TOKENS:
        old[name] = shell.do(f"secret {name}")
        for command in both.commands:
            shell.do(command.replace(TOKENS[0], name))
        new[name] = shell.do('printf %s "$new"')
    time.sleep(KNOWN_SECONDS)
    # Handed out: from here on everybody asks with the new ones, and signs in anew.
    client.administration, client.prediction = (new[name] for name in TOKENS)
    client.cookie = client.signed_in()
    # Nobody uses the old ones any more, not even in a request that is under way.
    asker.go_round()
    for name in TOKENS:
        shell.do(f"name={name} new={new[name]}")
        for command in alone.commands:
            shell.do(command)
    scene.token = client.administration
    scene.other_secrets += [*old.values(), *new.values()]
    scene.watch = Watch(client, old[TOKENS[0]], old_cookie)
    scene.exits.enter_context(scene.watch.asker)


def replace_database_user(scene: Scene, shell: Shell) -> int:
    """Returns how many trainings there were."""
    trained(scene, "by-the-old-user", 6)
    old, new = scene.database.user, "lurelight-2"
    shell.do(f"uri='{scene.database.add_user(new)}'")
    _typed, put = page("The database user")
    for command in put.commands:
        shell.do(command)
    trained(scene, "while-both-are-there", 7)
    scene.database.drop_user(old)
    time.sleep(IDLE_SECONDS)
    check(not log_of_refusals(scene), "the old user was refused before it was dropped")
    trained(scene, "by-the-new-user", 8)
    check(len(log_of_refusals(scene)) == 1, "a process that knew the old user should have been refused, once")
    said = scene.operate("batches")
    check(said.strip() != "", "the command line finds no batch")
    return 3


def trained(scene: Scene, run: str, folds: int) -> None:
    """One with options that no version was made with, so that it goes through all stages."""
    asked = {"parameters": {"training": {"families": ["decision_tree"], "cv_folds": folds}}}
    done = scene.execute(run, asked)
    check(done.status == "SUCCEEDED", f"{run} ended with {done.error}: {done.cause}")
    check(done.failed_tasks == 0, f"{done.failed_tasks} stages of {run} had to be tried again")


def log_of_refusals(scene: Scene) -> list[str]:
    found = scene.emulator.client("logs").filter_log_events(logGroupName="/aws/lambda/lurelight-dev-ingest")
    lines = [line for logged in found["events"] for line in logged["message"].splitlines()]
    return [line for line in lines if "the user known so far was refused" in line]


def page(section: str) -> list[Block]:
    return [block for block in blocks(PAGE) if block.section == section]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
