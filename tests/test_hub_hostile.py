"""Servers that answer for the Hub as no Hub does: one clear error each, and no file elsewhere."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from builders import TWO_FLOATS, safetensors_bytes
from hostile_hub import (
    Case,
    HostileHandler,
    HostileHub,
    Respond,
    breaks_off,
    drips,
    running_hostile_hub,
    says,
    sends,
    sends_for_ever,
)
from hub_server import Hub, running_hub
from weightgauge.checkpoint.hub.answers import Answer, check_head
from weightgauge.checkpoint.hub.checks import after_body

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OUTSIDE = "../../../../../outside"
ASKS_FOR_TREES = hasattr(huggingface_hub, "get_cached_repo_tree")  # since 2.0
WEIGHTS = safetensors_bytes({"w": TWO_FLOATS})
FILES = {"model.safetensors": WEIGHTS, "config.json": b"{}"}
LIST_BYTES, FILE_BYTES, PAGES = 200_000, 300_000, 5

CHILD = f"""
import json, os, sys
from weightgauge.checkpoint.hub import limits
from weightgauge.checkpoint.hub.hub_id import HubId
from weightgauge.checkpoint.hub.revisions import hub_revisions
from weightgauge.checkpoint import open_checkpoint
from weightgauge.errors import WeightgaugeError

limits.MOST_LIST_BYTES, limits.MOST_FILE_BYTES = {LIST_BYTES}, {FILE_BYTES}
limits.MOST_PAGES = {PAGES}
limits.MOST_SECONDS = float(os.environ.get("SECONDS", 60))
for model in sys.argv[1:]:
    try:
        if model.startswith("org/refs"):
            hub_revisions(HubId(model, None))
        else:
            for shard in open_checkpoint(model).shards:
                shard.source(as_it_lies=True)
    except WeightgaugeError as error:
        print(json.dumps([type(error).__name__, str(error)]))
    else:
        print(json.dumps(["", "opened"]))
"""


def environment(home: Path, hub: Hub, **settings: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "HUGGING")) and not name.lower().endswith("_proxy")
    }
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "HF_HOME": str(home / "a" / "b" / "c" / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_ENDPOINT": hub.endpoint,
        **settings,
    }


def answers(home: Path, hub: Hub, models: list[str], **settings: str) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *models],
        env=environment(home, hub, **settings),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=100,  # against a hang
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def hub() -> Iterator[HostileHub]:
    with running_hostile_hub() as running:
        yield running


INFO, TREE, REFS = r"GET /api/models/org/\w+", r"GET .*/tree/.*", r"GET .*/refs"
HEAD, GET, WHOLE = r"HEAD .*config\.json", r"GET .*config\.json", r"GET .*model\.safetensors"


def info(**changed: Any) -> Respond:
    usual = {"id": "org/x", "sha": COMMIT, "siblings": [{"rfilename": "model.safetensors"}]}
    return sends(json.dumps({**usual, **changed}).encode())


def named(name: Any) -> Respond:
    return info(siblings=[{"rfilename": name}])


def tree(**changed: Any) -> Respond:
    usual = {"type": "file", "path": "config.json", "size": 2, "oid": COMMIT}
    return sends(json.dumps([{**usual, **changed}]).encode())


def headers(**changed: str) -> Mapping[str, str | None]:
    return {name.replace("_", "-"): value for name, value in changed.items()}


def part(shown: str, body: bytes = WEIGHTS) -> Respond:
    return sends(body, 206, Content_Range=shown, X_Repo_Commit=COMMIT)


def next_page(address: str) -> Respond:
    def respond(handler: HostileHandler) -> None:
        here = handler.hub.endpoint + handler.path
        link = address.format(here=here, n=len(here))
        sends(b"[]", Link=f'<{link}>; rel="next"')(handler)

    return respond


CASES = {
    # what describes the model
    "page": Case(INFO, sends(b"<!DOCTYPE html><p>Log in"), None, ("JSON", "<!DOCTYPE html>")),
    "nothing": Case(INFO, sends(b""), None, ("JSON",)),
    "nested": Case(INFO, sends(b"[" * 100_000), None, ("JSON", "[[[")),
    "list": Case(INFO, sends(b"[]"), None, ("a description of the model", "a list")),
    "number": Case(INFO, sends(b"7"), None, ("the number 7",)),
    "commit_up": Case(INFO, info(sha=OUTSIDE), None, ("commit", OUTSIDE, "40 or 64")),
    "commit_none": Case(INFO, info(sha=None), None, ("commit", "nothing")),
    "commit_long": Case(INFO, info(sha="a" * 41), None, ("commit",)),
    "files_object": Case(INFO, info(siblings={}), None, ("list of the model's files",)),
    "name_number": Case(INFO, named(5), None, ("no file can have the name the number 5",)),
    "name_text": Case(INFO, info(siblings=["x"]), None, ()),
    "name_surrogate": Case(INFO, named("\ud800"), None, ("name '\\ud800'",)),
    "name_nul": Case(INFO, named("a\0b"), None, ("name 'a\\x00b'",)),
    "name_absolute": Case(INFO, named("/etc/x"), None, ("name '/etc/x'",)),
    "name_up": Case(INFO, named("../x"), None, ("name '../x'",)),
    "name_escape": Case(INFO, named("../\x1b[2J"), None, ("name '../\\x1b[2J'",)),
    "other_fields": Case(INFO, info(createdAt=[1], lastModified={}), None, ()),
    "bomb": Case(
        INFO, sends(gzip.compress(bytes(10**8)), Content_Encoding="gzip"), None, ("compressed",)
    ),
    "endless": Case(INFO, sends_for_ever(), None, (f"more than {LIST_BYTES:,} bytes",)),
    "to_file": Case(INFO, sends(b"", 302, Location="file:///etc/passwd"), None, ("file:///etc",)),
    "broken_off": Case(INFO, breaks_off, None, ("broke off",)),
    "no_http": Case(INFO, says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), None, ("none of a Hub",)),
    # the list of its files
    "tree_object": Case(TREE, sends(b"{}"), None, ("a list of files", "an object")),
    "tree_text": Case(TREE, sends(b'["x"]'), None, ("a text",)),
    "tree_up": Case(TREE, tree(path="../../x"), None, ("name '../../x'",)),
    "tree_digest": Case(TREE, tree(oid=OUTSIDE), None, ("digest", OUTSIDE)),
    "tree_lfs": Case(TREE, tree(lfs={"oid": OUTSIDE, "size": 2}), None, ("digest", OUTSIDE)),
    "tree_xet": Case(TREE, tree(xetHash=OUTSIDE), None, ("digest", OUTSIDE)),
    "tree_size": Case(TREE, tree(size=-1), None, ("the size of a file is the number -1",)),
    "tree_itself": Case(TREE, next_page("{here}"), None, ("itself as the next",)),
    "tree_pages": Case(TREE, next_page("{here}&more={n}"), None, (f"more than {PAGES} pages",)),
    "tree_elsewhere": Case(TREE, next_page("http://127.0.0.2:1/x"), None, ("another server",)),
    # branches
    "refs_list": Case(REFS, sends(b"[]"), None, ("a list",)),
    "refs_name": Case(REFS, sends(b'{"branches": [{"name": "../x"}]}'), None, ("revision",)),
    # what is said of a small file, and its content
    "etag_up": Case(HEAD, None, headers(ETag=f'"{OUTSIDE}"'), ("etag", OUTSIDE)),
    "etag_dots": Case(HEAD, None, headers(ETag='".."'), ("etag",)),
    "linked_etag": Case(HEAD, None, headers(X_Linked_Etag=OUTSIDE), ("x-linked-etag", OUTSIDE)),
    "head_commit": Case(HEAD, None, headers(X_Repo_Commit=OUTSIDE), ("x-repo-commit", OUTSIDE)),
    "head_xet": Case(HEAD, None, headers(X_Xet_Hash=OUTSIDE), ("x-xet-hash", OUTSIDE)),
    "head_gone": Case(
        HEAD,
        sends(b"", 404, X_Repo_Commit=OUTSIDE, X_Error_Code="EntryNotFound"),
        None,
        ("x-repo-commit", OUTSIDE),
    ),
    "head_token": Case(
        HEAD,
        None,
        headers(X_Xet_Hash="0" * 64, X_Xet_Refresh_Route="http://127.0.0.2:1/x"),
        ("another server",),
    ),
    "head_to_file": Case(
        HEAD,
        sends(b"", 302, Location="file:///etc/passwd", X_Repo_Commit=COMMIT, ETag='"a"'),
        None,
        ("file:///etc",),
    ),
    "head_bare": Case(HEAD, sends(b""), None, ("FileMetadataError",)),
    "config_endless": Case(GET, sends_for_ever(), None, (f"more than {FILE_BYTES:,} bytes",)),
    # the first bytes of the weights
    "part_other": Case(WHOLE, part("bytes 5-9/100"), None, ("bytes 5-9/100", "0-99999")),
    "part_unsaid": Case(WHOLE, part("five"), None, ("'five'",)),
    "part_short": Case(WHOLE, part("bytes 0-99/100", b"abc"), None, ("3 bytes",)),
    "part_endless": Case(
        WHOLE,
        sends_for_ever(206, Content_Range="bytes 0-99999/200000"),
        None,
        ("more than 100,000 bytes",),
    ),
    "whole_endless": Case(WHOLE, sends_for_ever(), None, ("does not say how long",)),
}
ASKED = {name: case for name, case in CASES.items() if case.request != TREE or ASKS_FOR_TREES}


def test_each_answer_is_told_as_what_it_is(hub: HostileHub, tmp_path: Path) -> None:
    hub.cases = dict(ASKED)
    for name in ASKED:
        hub.add(f"org/{name}", FILES)
    found = answers(tmp_path, hub, [f"org/{name}" for name in ASKED])
    for (name, case), (kind, message) in zip(ASKED.items(), found, strict=True):
        assert kind == "HubAnswerError", (name, kind, message)
        assert hub.endpoint in message, (name, message)
        for each in case.told:
            assert each in message, (name, message)
        assert message.isprintable(), name
        assert len(message) < 1500, name
        assert "could not be reached" not in message, name
    cache = tmp_path / "a" / "b" / "c" / "hf"
    elsewhere = [p for p in tmp_path.rglob("*") if p.is_file() and not p.is_relative_to(cache)]
    assert elsewhere == []
    assert [p for p in cache.rglob("*") if "outside" in p.name] == []


def test_a_page_in_the_place_of_weights_is_no_checkpoint(hub: HostileHub, tmp_path: Path) -> None:
    hub.cases = {"page": Case(WHOLE, sends(b"<!DOCTYPE html><html><p>Sign in</p></html>"))}
    hub.add("org/page", FILES)
    ((kind, message),) = answers(tmp_path, hub, ["org/page"])
    assert kind == "NotACheckpointError"
    assert "HTML" in message


@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n[", b"SSH-"]
)
def test_an_answer_without_end_is_not_waited_for(
    hub: HostileHub, tmp_path: Path, first: bytes
) -> None:
    hub.cases = {"slow": Case(INFO, drips(first)), "slow_file": Case(WHOLE, drips(first))}
    for name in hub.cases:
        hub.add(f"org/{name}", FILES)
    for kind, message in answers(tmp_path, hub, ["org/slow", "org/slow_file"], SECONDS="1.5"):
        assert kind == "HubAnswerError"
        assert f"{hub.endpoint} did not come to an end of its answer within 2 s" in message


def test_weights_that_come_too_slowly_or_are_too_many(hub: HostileHub, tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Repo-Commit: %s\r\n\r\n" % COMMIT.encode()
    asks_for_all = Case(r"GET .*long/resolve.*model\.safetensors", sends_for_ever())
    hub.cases = {"slow": Case(r"HEAD .*model\.safetensors", drips(head[:40])), "long": asks_for_all}
    hub.add("org/slow", FILES)
    hub.add("org/long", {"model.safetensors": WEIGHTS})
    hub.ranges = False
    slow, long = answers(tmp_path, hub, ["org/slow", "org/long"], SECONDS="3")
    assert slow[0] == long[0] == "HubAnswerError"
    assert "did not come to an end" in slow[1]


def test_the_token_goes_to_no_other_server(hub: HostileHub, tmp_path: Path) -> None:
    with running_hub() as other:
        away = f"http://localhost:{other.endpoint.rpartition(':')[2]}"
        other.add("org/moved", FILES)
        other.add("org/listed", FILES)
        hub.cases = {
            "moved": Case(INFO, sends(b"", 307, Location=f"{away}/api/models/org/moved")),
            "listed": Case(TREE, next_page(f"{away}/api/models/org/listed/tree/main?x")),
            "stored": Case(
                r"(HEAD|GET) .*(config\.json|safetensors)",
                sends(
                    b"",
                    302,
                    Location=f"{away}/org/moved/resolve/main/config.json",
                    X_Repo_Commit=COMMIT,
                    ETag='"abc"',
                    X_Linked_Size="2",
                ),
            ),
        }
        hub.add("org/moved", FILES)
        hub.add("org/listed", FILES)
        hub.add("org/stored", FILES)
        models = ["org/moved", "org/listed", "org/stored"]
        answers(tmp_path, hub, models, HF_TOKEN="hf_secret")
        assert hub.tokens == {"Bearer hf_secret"}
        assert other.requests != []
        assert other.tokens == set()


def test_the_command_says_one_line_and_exits_with_1(hub: HostileHub, tmp_path: Path) -> None:
    hub.cases = {"up": Case(INFO, info(sha=OUTSIDE))}
    hub.add("org/up", FILES)
    done = subprocess.run(
        [sys.executable, "-m", "weightgauge", "ls", "org/up"],
        env=environment(tmp_path, hub),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {hub.endpoint} is no Hub, or is out of order")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        *(
            (path, "info")
            for path in ("org/x", "gpt2", "org/x/revision/main", "gpt2/revision/main")
        ),
        *((f"org/x/tree/{COMMIT}{folder}", "tree") for folder in ("", "/a", "/a/refs")),
        *((f"{name}/refs", "refs") for name in ("org/x", "gpt2")),
        *((f"{name}/xet-read-token/{COMMIT}", None) for name in ("org/x", "gpt2")),
        *(("org/x/paths-info/main", None), ("org/x/commits/main", None), ("", None)),
        *(("org/x/safetensors-metadata/model.safetensors", None), ("org/x/resolve/main/a", None)),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/mirror"])
def test_lists_are_known_by_their_addresses(path: str, kind: str | None, prefix: str) -> None:
    """What is no list is not held to the form of one: tokens of the storage have no commit."""
    url = f"https://huggingface.co{prefix}/api/models/{path}"
    answer = Answer("GET", url, {}, 200, {})
    assert answer.list_of == kind
    if kind is None:
        after_body(answer, lambda: b'{"casUrl": "https://a", "exp": 1, "accessToken": "b"}')


def test_what_the_hub_sends_is_taken() -> None:
    page = "https://huggingface.co"
    link = (
        f'<{page}/api/models/org/x/xet-read-token/{COMMIT}>; rel="xet-auth", '
        '<https://cas-server.xethub.hf.co/reconstruction/0>; rel="xet-reconstruction-info"'
    )
    stored = {"location": "https://cas-bridge.xethub.hf.co/x?y=1", "x-linked-size": "7"}
    stored |= {"x-linked-etag": f'"{"0" * 64}"', "etag": 'W/"1-a/b+c="', "link": link}
    moved = {"location": f"/api/resolve-cache/models/org/x/{COMMIT}/a", "etag": 'W/"1-a/b+c="'}
    for status, headers in ((302, stored), (307, moved), (200, {"etag": f'"{COMMIT}"'})):
        told = {"x-repo-commit": COMMIT, **headers}
        answer = Answer("HEAD", f"{page}/org/x/resolve/main/a", {}, status, told)
        check_head(answer, trusted=lambda url: url.startswith(page))
