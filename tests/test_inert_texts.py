"""Texts of saved counts, which anybody may have written, do nothing to whom they are shown."""

from __future__ import annotations

import json
import re
import shutil

import pytest

import weightgauge as wg
from counts_files import parts_of
from kept_models import run, stored

EVIL = "a\x1b[31;1m\x07b\r\nc\u202ed\x00e\u200b%0A::error::f\x9b2J"
FREE = (
    *("tensor", "reason", "decoded", "note", "missing", "model_type", "message", "hint", "model"),
    *("warnings", "value", "expected"),
)


def poisoned(value, name=""):
    """Give every free text of a document an end that a terminal would obey."""
    if isinstance(value, dict):
        return {key: poisoned(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, name) for inner in value]
    return f"{value}{EVIL}" if isinstance(value, str) and name in FREE else value


@pytest.fixture(scope="module")
def evil(tmp_path_factory, write_checkpoint):
    directory = tmp_path_factory.mktemp("evil")
    tensors = {
        "model.embed_tokens.weight": stored((32, 16), "BF16"),
        "model.layers.0.self_attn.q_proj.weight": stored((16, 16), "BF16"),
        "model.layers.0.mlp.up_proj.weight": stored((16, 16), "F32"),
        "model.layers.1.mlp.up_proj.weight": ("F32", (16, 16), bytes(1024)),
        "model.ids": ("I64", (5,), bytes(40)),
        "model.few": stored((3,), "F32"),
        "model.strange.weight": ("F6_E2M3", (8, 16), bytes(96)),
    }
    wg.scan(write_checkpoint(directory / "m.safetensors", tensors)).save(directory / "m.wghist")
    parts = parts_of((directory / "m.wghist").read_bytes())
    document = parts.description
    names = ("part", "kind", "block", "tower", "expert", "head", "step")
    for rule, level in (("empty", "fault"), ("odd-input", "warning"), ("poor-fit", "note")):
        finding = {**dict.fromkeys(names), "id": rule, "level": level, "message": "it is odd"}
        finding |= {"tensor": "w", "hint": "do", "model": "m", "value": "v", "expected": "x"}
        document["findings"] += [finding, {**finding, "tensor": None, "model": None}]
    document["warnings"] = ["a warning"]
    for tower in document["architecture"]["towers"]:
        tower["model_type"] = "llama"
    for row in document["tensors"]:
        row["storage"] = EVIL
    for entry in document["slices"]:
        entry["reason"] = entry["reason"] or "a reason"
        entry["decoded"] = entry["decoded"] or "decoded"
    path = directory / "evil.wghist"
    path.write_bytes(parts.described(poisoned(document)).content())
    assert len(wg.ModelHistograms.load(path).slices) == len(tensors)
    return path


FORMS = ("json", "jsonl", "csv", "tsv", "markdown", "latex", "html")
COMMANDS = [
    ("fit",),
    ("fit", "--trim", "full"),
    ("fit", "--map", "--top", "5"),
    ("fit", "--protocol", "paper"),
    ("ls",),
    ("diagnose",),
    ("check",),
    ("check", "--format", "github"),
    ("check", "--format", "junit"),
    ("check", "--format", "sarif"),
    ("compare",),
    ("report",),
    ("track",),
]


def in_all_forms(command):
    """Return the command as it is and, unless it names a form, with each of those that all have."""
    if "--format" in command or command == ("report",):  # which writes pages alone
        return [command]
    return [command, *((*command, "--format", form) for form in FORMS)]


@pytest.mark.parametrize(
    "command", [each for command in COMMANDS for each in in_all_forms(command)], ids=" ".join
)
def test_no_text_of_a_file_reaches_the_screen_raw(evil, command):
    models = (evil, evil) if command[0] == "compare" else (evil,)
    if command[0] == "track":
        models = [shutil.copy(evil, evil.parent / f"step-{step}.wghist") for step in (1, 2, 3)]
    result = run(*command, *models)
    assert result.exit_code in (0, 1, 3, 4), result.exit_code
    for stream in (result.stdout, result.stderr):
        separators = "\n\t" if command[-1] == "tsv" else "\n"
        found = [c for c in stream if not c.isprintable() and c not in separators]
        assert not found, sorted(set(found))
        if "github" in command:
            assert not re.search("^::error::f", stream, re.MULTILINE)
    if command[-1] == "json" and result.stdout:
        json.loads(result.stdout)


def test_a_scan_of_the_counts_is_told_in_inert_words(evil, tmp_path):
    result = run("scan", evil, "-o", tmp_path / "again.wghist")
    assert result.exit_code in (0, 3)
    assert all(c.isprintable() or c == "\n" for c in result.output)


def test_representations_are_inert(evil):
    kept = wg.ModelHistograms.load(evil)
    shown = [repr(kept), *map(repr, wg.fit(kept).slices), *map(repr, kept.findings)]
    assert all(text.isprintable() for text in shown)
    pages = [each._repr_html_() for each in (kept, wg.diagnose(kept), wg.compare(kept, kept))]
    assert all(page.replace("\n", "").isprintable() for page in pages)
    assert not any("<script" in page or EVIL in page for page in pages)


@pytest.mark.parametrize("figure", ["depth", "heatmap"])
def test_figures_of_the_counts_are_inert(evil, figure, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "figure.svg"
    result = run("plot", figure, evil, "-o", path)
    assert result.exit_code in (0, 3), result.stderr
    assert all(c.isprintable() or c == "\n" for c in result.output)
    # Matplotlib sets formulas with spaces that are not broken.
    assert all(c.isprintable() or c in "\n\xa0" for c in path.read_text("utf-8"))
