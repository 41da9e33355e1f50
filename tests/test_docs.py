"""The documentation: links lead somewhere, files that are named exist, commands are mentioned."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from weightgauge import demo
from weightgauge.cli.failures import BUG, FAILED, INTERRUPTED, OK, PARTIAL, USAGE
from weightgauge.cli.group import main
from weightgauge.findings import RULES
from weightgauge.fits.slice_fit import STATUSES
from weightgauge.records import FITTED

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = {".git", ".venv", "build", "node_modules"}
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not OUTSIDE & set(path.relative_to(ROOT).parts)
)
FOR_PEOPLE = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
# Folders at the root that documentation names files in.
FOLDERS = ("python/", "cpp/", "tests/", "bench/", "docs/", "tools/", ".ci/")
# Capitals stand for a name to choose, as in cli/commands/NAME.py.
TO_CHOOSE = re.compile(r"\b[A-Z]{4,}\b")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.*?) *$", FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links_of(text: str) -> list[str]:
    """Return where the links of a page lead, those to other machines left out."""
    found = LINK.findall(FENCE.sub("", text))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def files_named_in(text: str) -> list[str]:
    """Return the paths from the root that a page names as code."""
    words = [word for code in CODE.findall(FENCE.sub("", text)) for word in code.split()]
    return [word for word in words if word.startswith(FOLDERS) and not TO_CHOOSE.search(word)]


def test_pages_links_and_names_are_found():
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md"} <= {name(p) for p in PAGES}
    everything = "\n".join(text_of(page) for page in PAGES)
    assert len(links_of(everything)) > 10
    assert len(files_named_in(everything)) > 20
    assert links_of("[a](b.md) [c](https://d.e)\n```\n[f](g.md)\n```\n") == ["b.md"]
    assert files_named_in("`pytest bench/x.py` `cpp/NAMES.cpp` python/y") == ["bench/x.py"]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for link in links_of(text_of(page)):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_exist(page):
    for path in files_named_in(text_of(page)):
        file, _, test = path.partition("::")
        assert list(ROOT.glob(file.rstrip("/:,"))), path
        assert not test or f"\ndef {test}(" in text_of(ROOT / file), path


def test_the_site_leads_to_every_page():
    config = yaml.safe_load((ROOT / "tools" / "site" / "mkdocs.yml").read_text(encoding="utf-8"))
    named = [page for part in config["nav"] for page in places_in(part)]
    assert len(named) == len(set(named))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= set(named)


def places_in(part):
    """Return the pages of a part of the site, whatever parts it has itself."""
    (inner,) = part.values()
    return (
        [inner] if isinstance(inner, str) else [page for each in inner for page in places_in(each)]
    )


def test_layers_and_rooms_are_in_the_map():
    page = text_of(ROOT / "docs" / "architecture.md")
    rooms = [path for path in (ROOT / "cpp" / "core").iterdir() if path.is_dir()]
    package = ROOT / "python" / "weightgauge"
    packages = [path.parent for path in package.glob("*/__init__.py")]
    assert len(rooms) > 5 and len(packages) > 5
    for folder in (*rooms, *packages):
        assert f"`{folder.name}/`" in page, folder.name
    for module in package.glob("*.py"):
        assert module.stem.startswith("_") or f"`{module.stem}`" in page, module.stem


def test_every_rule_is_in_the_table_with_what_to_do():
    page = text_of(ROOT / "docs" / "health.md")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    told = {row[0].strip("`"): tuple(row[1:3]) for row in rows if len(row) == 4}
    assert told == {rule.id: (rule.level, rule.asks) for rule in RULES.values()}
    assert all(len(row[3]) > 5 for row in rows if len(row) == 4)


def test_every_threshold_is_told_with_its_default():
    page = text_of(ROOT / "docs" / "health.md")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    section = page.partition("### Thresholds")[2].partition("### ")[0]
    told = {row[0].strip("`"): float(row[1]) for row in rows if len(row) == 3 and row[2] in section}
    decided = {rule.id: rule.threshold for rule in RULES.values() if rule.threshold is not None}
    assert told == decided


def commands() -> list[str]:
    return main.list_commands(click.Context(main))


@pytest.mark.parametrize("command", commands())
def test_every_command_is_mentioned(command):
    pages = "\n".join(text_of(page) for page in FOR_PEOPLE)
    assert re.search(rf"weightgauge {command}\b|`{command}`", pages)


def rows_of(section: str) -> list[list[str]]:
    """Return the cells of the table under a heading of the page on JSON, without its head."""
    text = text_of(ROOT / "docs" / "json.md").partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


JSON_COMMANDS = {
    "fit": ["step-last"],
    "diagnose": ["step-last"],
    "check": ["step-last"],
    "compare": ["step-0", "step-last"],
    "scan": ["step-last", "-o", "kept.wghist"],
    "ls": ["step-last"],
}


@pytest.mark.parametrize("row", rows_of("Documents"), ids=lambda row: row[0].strip("`"))
def test_the_keys_of_json_documents_are_told(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for step, path in demo.paths().items():
        (tmp_path / step).symlink_to(path)
    command = row[0].strip("`")
    done = CliRunner().invoke(main, [command, *JSON_COMMANDS[command], "--json"])
    document = json.loads(done.stdout)
    told = set(CODE.findall(row[1].partition("(no ")[0]))
    common = {"schema_version", "weightgauge", "verdict", "findings"}
    assert set(document) == told | common - set(CODE.findall(row[1].partition("(no ")[2]))
    if row[2] != "none":
        done = CliRunner().invoke(main, [command, *JSON_COMMANDS[command], "--format", "csv"])
        head, *rows = csv.reader(done.stdout.splitlines())
        assert len(rows) == len(document[row[2].strip("`")])
        joins = {"model_a", "model_b"} if command == "compare" else {"model", "step"}
        assert joins | {"weightgauge"} <= set(head)
        assert ("protocol" in head) == (command != "ls")
        for name in joins - {"step"}:
            assert all(each[head.index(name)] for each in rows), name


def test_all_statuses_are_told():
    told = {row[0].strip("`"): row[1] == "yes" for row in rows_of("Statuses of a slice")}
    assert told == {status: status in FITTED for status in STATUSES}
    exits = {int(row[0]) for row in rows_of("Exit statuses")}
    assert exits == {OK, FAILED, USAGE, PARTIAL, 4, BUG, INTERRUPTED}


def test_the_readme_is_short():
    assert len(text_of(ROOT / "README.md").splitlines()) < 130
