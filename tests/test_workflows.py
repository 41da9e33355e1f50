"""What runs on somebody else's machine in this project's name is what was looked at."""

from __future__ import annotations

import re
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
