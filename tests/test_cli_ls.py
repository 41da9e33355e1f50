"""`weightgauge ls`: a choice of tensors, what the header says of itself, and what is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import weightgauge as wg
from builders import TWO_FLOATS, safetensors_bytes, write_files
from weightgauge import demo
from weightgauge.cli import main

STEP = str(demo.paths()["step-0"])


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["ls", *map(str, arguments)], prog_name="weightgauge")


def listed(*arguments: object) -> list[dict[str, object]]:
    tensors: list[dict[str, object]] = json.loads(run(*arguments, "--json").stdout)["tensors"]
    return tensors


def test_include_exclude_and_kind() -> None:
    every = listed(STEP)
    chosen = listed(STEP, "--include", "*.0.*", "--include", "*.1.*", "--exclude", "*.1.*")
    assert {row["block"] for row in chosen} == {0}
    assert listed(STEP, "--kind", "q", "--kind", "o") == [
        row for row in every if row["kind"] in ("q", "o")
    ]
    totals = json.loads(run(STEP, "--kind", "q", "--json").stdout)["totals"]
    assert totals["tensors"] == len(listed(STEP, "--kind", "q"))


def test_choice_from_saved_counts(tmp_path: Path) -> None:
    wg.scan(STEP).save(tmp_path / "kept.wghist")
    options = ("--include", "*.0.*", "--kind", "q")
    kept, stored = listed(tmp_path / "kept.wghist", *options), listed(STEP, *options)
    assert all(row.pop("digest") for row in kept)  # only what was read has a digest
    assert not any(row.pop("digest") for row in stored)
    assert kept == stored


@pytest.mark.parametrize("option", [("--include", "nothing*"), ("--kind", "router")])
def test_nothing_is_left(option: tuple[str, str]) -> None:
    found = run(STEP, *option)
    assert found.exit_code == 1
    assert "none of the" in f"{found.exception}{found.stderr}"


def test_header_is_shown_short_and_inert(tmp_path: Path) -> None:
    metadata = {"evil\x1b[31m": "\u202e" * 5, "long": "x" * 100_000}
    metadata |= {f"key{i:02}": "1" for i in range(20)}
    content = safetensors_bytes({"w": TWO_FLOATS}, metadata=metadata)
    path = write_files(tmp_path, {"model.safetensors": content}) / "model.safetensors"
    shown = run(path).stdout
    assert "\x1b" not in shown and "\u202e" not in shown
    assert "evil\\x1b[31m: \\u202e" in shown
    assert len(shown) < 3000
    assert "... and 10 more: --json" in shown
    assert json.loads(run(path, "--json").stdout)["metadata"] == metadata


def test_findings_and_warnings_are_in_its_json_and_on_stderr(tmp_path: Path) -> None:
    files = {"model-00001-of-00002.safetensors": safetensors_bytes({"w": TWO_FLOATS})}
    write_files(tmp_path, {**files, "old.bin": b""})
    found = run(tmp_path, "--include", "w", "--include", "nothing", "--json")
    document = json.loads(found.stdout)
    assert [each["id"] for each in document["findings"]] == ["missing-file", "left-out"]
    assert document["warnings"] == ["the pattern 'nothing' matches no tensor"]
    assert "1 of 2 files is missing" in found.stderr
    assert "old.bin" not in found.stderr
