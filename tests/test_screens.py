"""Screens in the documentation are what the commands print of the models that the package has.

WEIGHTGAUGE_WRITE_GOLDEN=1 renews them: read what has changed.
"""

from __future__ import annotations

import os
import re
import runpy
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from weightgauge import demo
from weightgauge.cli.group import main

DOCS = Path(__file__).resolve().parent.parent / "docs"
SCREEN = re.compile(
    r"(<!-- screen: (?P<words>[^|\n]+?)(?: \| first (?P<lines>\d+) lines)? -->\n```text\n)"
    r".*?(?=```\n)",
    re.DOTALL,
)
FOLDER = demo.paths()["step-0"].parent  # where these models lie, which is said nowhere
PAGES = [page for page in sorted(DOCS.glob("*.md")) if SCREEN.search(page.read_text("utf-8"))]


def printed(words: str) -> str:
    """Return the command and what it prints on a terminal of 110 columns."""
    done = CliRunner().invoke(main, shlex.split(words), env={"COLUMNS": "110"})
    assert done.exit_code == 0, done.output
    return f"$ weightgauge {words}\n{done.stdout}".replace(f"{FOLDER}{os.sep}", "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_screens_are_not_older_than_the_code(page, monkeypatch):
    monkeypatch.chdir(FOLDER)
    text = page.read_text("utf-8")

    def renewed(match: re.Match[str]) -> str:
        lines = printed(match["words"]).splitlines(keepends=True)
        if match["lines"]:
            lines = [*lines[: int(match["lines"])], "...\n"]
        return match[1] + "".join(lines)

    new = SCREEN.sub(renewed, text)
    if os.environ.get("WEIGHTGAUGE_WRITE_GOLDEN"):
        page.write_text(new, "utf-8")
    assert page.read_text("utf-8") == new


def test_there_are_screens():
    assert [page.name for page in PAGES] == ["guide.md"]


def test_the_picture_of_a_terminal_is_not_older_than_the_code():
    """Its text and colours: another version of rich may arrange them otherwise."""
    kept = (DOCS / "pictures" / "terminal.svg").read_text("utf-8")
    new = runpy.run_path(str(DOCS.parent / "tools" / "pictures"))["terminal"]()
    words, colours = re.compile(r">([^<>]+)</text>"), re.compile(r"#[0-9a-f]{6}")
    assert "".join(words.findall(new)) == "".join(words.findall(kept))
    assert set(colours.findall(new)) == set(colours.findall(kept))
    assert "k&#160;by&#160;kind&#160;and&#160;block" in kept
