"""Findings on the page: verdict below the title, faults above the first table, colour."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from diagnosed import run
from test_findings import FIELDS
from weightgauge.findings import grouped
from weightgauge.reporting.document import Column, DocumentTable, Section
from weightgauge.reporting.terminal_text import cells
from weightgauge.reporting.views.diagnose import diagnose_document
from weightgauge.reporting.views.fit import fit_document
from weightgauge.reporting.writers.medium import Medium
from weightgauge.reporting.writers.text import write

ZEROS = [f"model.layers.{block}.self_attn.q_proj.weight" for block in range(4)]
NAN = "model.layers.5.mlp.down_proj.weight"
VERDICT = "2 faults, 1 warning"


@pytest.fixture(scope="module")
def sick(tmp_path_factory, write_checkpoint):
    """A model with four matrices of zeros, a NaN, and a matrix of which half the rows are zeros."""
    tensors, config = models.llama(seed=1)
    for name in ZEROS:
        tensors[name] = np.zeros_like(tensors[name])
    tensors[NAN][0, 0] = np.nan
    tensors["model.layers.4.mlp.up_proj.weight"][::2] = 0
    folder = tmp_path_factory.mktemp("sick") / "m"
    return models.put(write_checkpoint, folder, tensors, config)


@pytest.fixture(scope="module")
def documents(sick):
    return {
        "fit": fit_document(wg.fit(sick)),
        "diagnose": diagnose_document(wg.diagnose(sick)),
    }


@pytest.mark.parametrize("width", [80, 200, None])
@pytest.mark.parametrize("command", ["fit", "diagnose"])
def test_what_is_wrong_stands_above_the_first_table(documents, command, width):
    document = documents[command]
    lines = write(document, Medium(width=width)).splitlines()
    title = next(n for n, line in enumerate(lines) if not document.title.endswith(line))
    assert lines[title].startswith(VERDICT)
    first_table = next(n for n, line in enumerate(lines) if set(line) == {"-", " "})
    of_level = {
        level: [n for n, line in enumerate(lines) if line.startswith(f"{level}  ")]
        for level in ("fault", "warning", "note")
    }
    assert [len(of_level[level]) for level in ("fault", "warning")] == [2, 1]
    shown = [*of_level["fault"], *of_level["warning"]]
    assert title < min(shown) and shown == sorted(shown) and max(shown) < first_table
    text = " ".join(" ".join(lines).split())
    names = ", ".join(ZEROS[:3])
    for words in (
        f"fault all-zero all weights of 4 tensors are zero: {names} and 1 more",
        f"fault non-finite {NAN}: 1 of 32,768 weights is NaN or infinite",
        "warning dead-rows model.layers.4.mlp.up_proj.weight: 128 of 256 rows are all zeros",
    ):
        assert words in text
    if width is not None:
        assert all(cells(line) <= width for line in lines if line not in document.title)


@pytest.mark.parametrize("command", ["fit", "diagnose"])
def test_levels_have_a_colour_on_a_terminal_and_nowhere_else(documents, command):
    document = documents[command]
    plain = write(document, Medium(width=200))
    coloured = write(document, Medium(width=200, colour=True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert "\x1b[1;31mfault  all-zero\x1b[0m" in coloured
    assert "\x1b[33mwarning  dead-rows\x1b[0m" in coloured
    (verdict,) = (line for line in coloured.splitlines() if VERDICT in line)
    assert verdict.startswith("\x1b[1;31m") and verdict.endswith("\x1b[0m")


@pytest.mark.parametrize("command", ["fit", "diagnose"])
def test_a_pipe_gets_the_verdict_second_and_no_colour(sick, command):
    result = run(command, sick)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == str(sick) and lines[1].startswith(VERDICT)
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("command", ["fit", "diagnose"])
def test_json_has_the_verdict_and_every_finding(sick, command):
    document = json.loads(run(command, sick, "--json").stdout)
    assert document["verdict"].startswith(VERDICT)
    assert all(list(row) == FIELDS for row in document["findings"])
    assert [row["tensor"] for row in document["findings"] if row["id"] == "all-zero"] == ZEROS
    levels = [row["level"] for row in document["findings"]]
    assert levels == sorted(levels, key=("fault", "warning", "note").index)
    assert "alerts" not in document


def test_a_model_that_is_well_says_so(write_checkpoint, tmp_path):
    path = models.put(write_checkpoint, tmp_path / "m", *models.llama(seed=1))
    assert run("fit", path).stdout.splitlines()[1] == "No fault found"
    lines = run("diagnose", path).stdout.splitlines()
    assert re.fullmatch(r"No fault found; [0-9]+ notes", lines[1])


def test_a_file_of_counts_keeps_what_headers_showed(write_checkpoint, tmp_path):
    tensors, config = models.llama(seed=1)
    del tensors["lm_head.weight"]
    tensors["model.layers.0.mlp.up_proj.weight"] = np.zeros((0,), models.BF16)
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    kept = tmp_path / "kept.wghist"
    (histograms := wg.scan(path)).save(kept)
    (path / "model.safetensors").unlink()
    loaded = wg.ModelHistograms.load(kept)
    assert loaded.findings == histograms.findings
    assert {each.id for each in loaded.findings} == {"missing-head", "empty"}
    assert {"missing-head", "empty"} <= {each.id for each in wg.diagnose(kept).findings}


def test_findings_about_tensors_that_were_not_chosen_are_left_out(sick):
    found = wg.fit(sick, include="*q_proj*").findings
    assert {each.tensor for each in found if each.tensor} == set(ZEROS)


def test_a_run_shows_its_verdict_and_its_faults_first(sick, write_checkpoint, tmp_path):
    well = models.put(write_checkpoint, tmp_path / "well", *models.llama(seed=1))
    result = run("track", well, sick, "--steps", "0,500")
    lines = result.stdout.splitlines()
    assert re.match("[0-9]+ faults?", lines[1])
    assert lines[2].startswith("fault  ")
    assert max(n for n, line in enumerate(lines) if line.startswith("fault  ")) < lines.index(
        "By kind"
    )


def test_several_models_have_a_verdict_each(sick, write_checkpoint, tmp_path):
    well = models.put(write_checkpoint, tmp_path / "well", *models.llama(seed=1))
    lines = run("fit", well, sick).stdout.splitlines()
    assert f"{well}: No fault found" in lines and lines[1] == VERDICT
    text = " ".join(" ".join(lines).split())
    assert f"{sick}: {VERDICT}" in text
    assert f" fault non-finite {sick}: {NAN}: 1 of 32,768 weights is NaN" in text
    assert text.index("warning dead-rows") < text.index("Median k")
    document = json.loads(run("fit", well, sick, "--json").stdout)
    assert document["verdicts"][0] == "No fault found"
    assert {row["model"] for row in document["findings"]} == {str(sick)}
    assert [row["tensor"] for row in document["findings"] if row["id"] == "all-zero"] == ZEROS


def test_many_findings_of_one_rule_take_one_line(sick):
    found = wg.fit(sick).findings
    assert [len(group.findings) for group in grouped(found)][:2] == [4, 1]


def test_hints_are_below_faults_and_warnings(documents):
    lines = write(documents["fit"], Medium(width=200)).splitlines()
    (at,) = (n for n, line in enumerate(lines) if line.startswith("fault  non-finite"))
    assert (
        "  hint: a diverged training run or a damaged file; take an earlier checkpoint"
        in (lines[at + 1 : at + 3])
    )


def test_nothing_looked_for_says_nothing():
    from weightgauge.reporting.document import Document

    table = DocumentTable((Column(key="a"),), [{"a": "1"}])
    assert write(Document(title="t", sections=(Section("", (table,)),)), Medium()).startswith(
        "t\na"
    )


def test_a_cell_with_nan_is_marked(sick):
    text = run("fit", sick).stdout
    row = next(line for line in text.splitlines() if re.match(r" +5 ", line))
    assert re.search(r"±[0-9.]+ n\b", row)
    assert "n: some weights are NaN or infinite; the fit is of the others." in text
