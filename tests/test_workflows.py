"""What runs on somebody else's machine in this project's name is what was looked at."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCRIPTS = sorted((ROOT / ".ci").iterdir())


def named(paths: list[Path]) -> list:
    assert paths
    return [pytest.param(path, id=path.name) for path in paths]


@pytest.mark.parametrize("path", named(WORKFLOWS))
def test_actions_are_named_by_their_commit(path):
    used = re.findall(r"uses:\s*(\S+)", path.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), action


@pytest.mark.parametrize("path", named(WORKFLOWS))
def test_tools_are_named_by_their_version(path):
    for tool in re.findall(r"pipx run\s+(\S+)", path.read_text()):
        assert re.fullmatch(r"\w+==[\d.]+", tool), tool


@pytest.mark.parametrize("path", named([*WORKFLOWS, *SCRIPTS]))
def test_no_second_index_can_answer_for_a_name(path):
    assert not re.search(r"(?i)extra.index|find.links|--index", path.read_text())


def test_wheels_are_built_for_every_python_that_is_named():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    words = project["tool"]["cibuildwheel"]["build"].split()
    chosen = [re.fullmatch(r"cp3\{([\d,]+)\}(t?)-\*", word).groups() for word in words]
    with_lock, without = (next(m.split(",") for m, free in chosen if free == t) for t in ("", "t"))
    named = re.findall(r"Python :: 3\.(\d+)", "\n".join(project["project"]["classifiers"]))
    assert with_lock == named and without == named[-2:]
    assert project["project"]["requires-python"] == f">=3.{named[0]}"


def test_the_lowest_versions_that_are_allowed_are_tried():
    program = (ROOT / ".ci" / "oldest").read_text(encoding="utf-8").partition("<<'END'\n")[2]
    command = [sys.executable, "-c", program.partition("\nEND\n")[0]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told = done.stdout.splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    allowed = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for name in ("pandas", "parquet", "plot", "polars", "report"):
        allowed += extras[name]
    lowest = [re.sub(r">=([\w.]+)(,<\w+)?", r"==\1", each) for each in allowed]
    assert set(lowest) <= set(told)


def test_what_fuzzers_reach_is_measured_with_every_change():
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert re.search(r"tools/check\b.* coverage\b", text)


def test_what_is_published_is_attested_and_needs_no_secret():
    text = (ROOT / ".github" / "workflows" / "wheels.yml").read_text(encoding="utf-8")
    publish = text.partition("\n  publish:")[2]
    for word in ("id-token: write", "attestations: write", "actions/attest-build-provenance@"):
        assert word in publish
    assert "pypa/gh-action-pypi-publish@" in publish and "secrets." not in text
    assert "write" not in text.partition("\n  publish:")[0]
