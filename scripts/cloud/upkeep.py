"""The step of scripts/end-to-end that does what docs/operations.md says, by its own commands."""

from deployment import ROOT
from emulator import REGION
from gateway import Gateway
from pages import Shell, blocks
from scene import Scene, check

PAGE = ROOT / "docs/operations.md"
BACKUP, RESTORED = "lurelight-dev-backup", "restored"


def operates(scene: Scene) -> str:
    """a deployment is looked after, a model rolled back, and everything backed up and restored, as the page says"""
    s3 = scene.emulator.client("s3")
    for bucket in (BACKUP, RESTORED):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    printed: dict[str, str] = {}
    with Gateway(scene) as front, Shell(scene, front.url) as shell:
        for block in blocks(PAGE):
            if not block.is_exercised:
                continue
            if block.section == "Restoring" and "restore_from" in block.text:
                shell.do(f"LURELIGHT_BUCKET={RESTORED}")
            said = "\n".join(shell.do(command) for command in block.commands)
            printed[block.section] = printed.get(block.section, "") + said + "\n"
    after = printed["After a deployment"]
    for words in ('"source":"champion, version', ",phishing,", ",legitimate,", "\n200\n"):
        check(words in f"\n{after}", f"after a deployment nothing says {words!r}: {after}")
    champion = scene.object("registry/champion.json")
    check("it takes too much for phishing" in str(champion), f"the champion was not rolled back: {champion}")
    ours, copied, restored = (contents(scene, bucket) for bucket in (scene.bucket, BACKUP, RESTORED))
    check(ours == copied, f"the backup is another one: {ours.keys() ^ copied.keys()}")
    check(ours == restored, f"what was restored is another one: {ours.keys() ^ restored.keys()}")
    rows = (scene.folder / "checkout/restored.csv").read_text().count("\n") - 1
    pushed = scene.data.read_text().count("\n") - 1
    check(rows == pushed, f"{rows} rows were exported, and {pushed} pushed")
    return f"{len(ours)} objects, {rows} rows"


def contents(scene: Scene, bucket: str) -> dict[str, str]:
    """Each object's state, which is the digest of its content."""
    s3 = scene.emulator.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", [])}
