"""`track`, `scaling` and `fit` of several models on the command line."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import os
import re
import tomllib

import pytest

import weightgauge as wg
from diagnosed import GAUSSIAN, run
from made_runs import write_run
from weightgauge.diagnosis.training import training_state
from weightgauge.reporting.sparkline import BLOCKS, PLAIN_BLOCKS, sparkline
from weightgauge.trajectory import reading
from weightgauge.trajectory.record import LONG_COLUMNS


@pytest.fixture
def folder(tmp_path, write_checkpoint, monkeypatch):
    monkeypatch.setattr(reading, "PAUSES_S", ())
    steps = {
        step: {"q": (k, lam), "o": (GAUSSIAN, 0.02)}
        for step, k, lam in ((0, GAUSSIAN, 0.02), (500, 1.0, 0.03), (1500, 0.8, 0.05))
    }
    return write_run(tmp_path / "run", write_checkpoint, steps)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


# ---------------------------------------------------------------- track


def test_track_tells_the_verdict_first_then_a_row_a_kind(folder):
    (folder / "weightgauge.toml").write_text("[training]\nlr = 0.01\nweight_decay = 0.1\n")
    result = run("track", folder)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == str(folder)
    assert lines[1] == "No fault found; 1 note"
    assert lines[2] == "3 steps from 0 to 1,500, 4 slices"
    (q,) = [line.split() for line in lines if line.startswith("q ")]
    assert (q[1], q[5]) == ("█▄▁", "500")  # the course of k, and its onset
    assert "▁▄█" in q  # of ln lambda: ln 1.5 of ln 2.5
    assert math.isclose(float(q[3]), 0.8, abs_tol=0.05)
    assert [line.split()[:4] for line in lines if line.lstrip().startswith("1,500")] == [
        ["1,500", "1.500", "saturated"]
    ]
    assert "--schedule" in result.stdout
    assert "--optimizer" in result.stdout
    assert "the same at all steps: o" in result.stdout


@pytest.mark.parametrize("command", ["track", "scaling"])
def test_t_over_tau_is_explained_where_it_is_shown(folder, command):
    told = "T/tau: steps x learning rate x weight decay;"
    assert told not in " ".join(run(command, folder).stdout.split())
    shown = run(command, folder, "--lr", "0.01", "--weight-decay", "0.1").stdout
    page = " ".join(shown.split())
    assert told in page
    states = dict(re.findall(r"([\w-]+) from ([\d.]+) on", page))
    assert bool(states) == (command == "track")  # which has a column of them
    for name, least in states.items():
        assert training_state(float(least)) == name != training_state(float(least) - 1e-9)
    assert not states or f"else {training_state(0)}." in page


def test_track_for_programs(folder):
    result = run("track", folder, "--json")
    document = json.loads(result.stdout)
    assert document == wg.track(folder).to_dict()
    assert document["verdict"] == "No fault found; 1 note"
    result = run("track", folder, "--format", "csv")
    rows = rows_of(result.stdout)
    assert list(rows[0]) == [*LONG_COLUMNS, "protocol", "weightgauge"]
    assert [row["step"] for row in rows] == ["0"] * 4 + ["500"] * 4 + ["1500"] * 4
    assert [float(row["k"]) for row in rows] == [row["k"] for row in wg.track(folder).to_dicts()]


def test_track_of_models_with_steps(folder):
    models = [folder / "checkpoint-0", folder / "checkpoint-500"]
    document = json.loads(run("track", *models, "--steps", "7,5", "--json").stdout)
    assert document["steps"] == [5, 7]
    assert document["models"][0].endswith("checkpoint-500")
    wrong = run("track", *models, "--steps", "1,b")
    assert (wrong.exit_code, "whole numbers" in wrong.stderr) == (2, True)
    few = run("track", *models, "--steps", "1")
    assert (few.exit_code, "1 step is given for 2 models" in few.stderr) == (1, True)


def test_a_step_that_cannot_be_read_shows_above_the_table(folder):
    path = folder / "checkpoint-500" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    result = run("track", folder)
    assert result.exit_code == 3
    assert "step 500 cannot be read" in result.stderr
    lines = result.stdout.splitlines()
    assert lines[1].startswith("1 fault")
    assert lines[2].startswith("fault  unreadable-step  step 500 cannot be read")


@pytest.mark.parametrize("step", [1500, 0])
def test_scaling_tells_of_a_step_that_cannot_be_read(folder, step):
    path = folder / f"checkpoint-{step}" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    result = run("scaling", folder)
    assert result.exit_code == 3
    assert result.stderr.startswith(f"error: step {step:,} cannot be read")
    document = json.loads(run("scaling", folder, "--json").stdout)
    assert [each["step"] for each in document["findings"]] == [step]
    assert document["runs"][0]["step"] == (500 if step else 1500)


@pytest.mark.parametrize("figure", ["trajectory", "scaling"])
def test_figures_of_runs_tell_of_a_step_that_cannot_be_read(folder, tmp_path, figure):
    pytest.importorskip("matplotlib")
    path = folder / "checkpoint-1500" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    given = ["--optimizer", "adamw", "--lr", "1e-3", "--weight-decay", "0.1"]
    options = given if figure == "scaling" else []
    result = run("plot", figure, folder, *options, "-o", tmp_path / "out.svg")
    assert result.exit_code == 3 and (tmp_path / "out.svg").exists()
    assert result.stderr.count("step 1,500 cannot be read") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["track", "/nowhere/at/all"], 1, "no file or directory"),
        (["track"], 2, "RUN"),
        (["scaling"], 2, "RUN"),
        (["track", ".", "--schedule", "poly"], 2, "poly"),
        (["track", ".", "--lr", "0"], 1, "lr must be a positive number"),
    ],
)
def test_what_is_refused(tmp_path, monkeypatch, arguments, code, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoint-1").mkdir()
    result = run(*arguments)
    assert (result.exit_code, word in result.stderr) == (code, True), result.stderr


def test_whether_lambda_levelled_off_is_told_from_five_steps_on(tmp_path, write_checkpoint):
    def page(count):
        steps = {10 * i: {"o": (GAUSSIAN, 0.1 + 0.01 * i)} for i in range(count)}
        return run("track", write_run(tmp_path / f"of-{count}", write_checkpoint, steps)).stdout

    few = page(4)
    assert "lambda level" not in few and "too few steps" not in few
    assert "lambda level" in page(5)


@pytest.mark.parametrize(("count", "heading"), [(9, "Training"), (11, "Training, 9 of 11 steps")])
def test_steps_that_are_left_out_are_counted(tmp_path, write_checkpoint, count, heading):
    steps = {10 * i: {"o": (GAUSSIAN, 0.1 + 0.01 * i)} for i in range(count)}
    folder = write_run(tmp_path / "run", write_checkpoint, steps)
    settings = ("--lr", "1e-3", "--weight-decay", "0.1", "--optimizer", "adamw")
    lines = run("track", folder, *settings).stdout.splitlines()
    table = lines[lines.index(heading) + 3 :]
    assert [line.split()[0] for line in table[:9]][::8] == ["0", str(10 * (count - 1))]


def test_a_kind_that_is_gone_at_the_end_has_no_last_number(tmp_path, write_checkpoint):
    kinds = dict.fromkeys(("o", "up"), (GAUSSIAN, 0.1))
    folder = write_run(tmp_path / "run", write_checkpoint, {0: kinds, 10: kinds})
    write_run(folder, write_checkpoint, {20: {"o": (GAUSSIAN, 0.1)}})
    (table,) = run("track", folder).stdout.split("\n\n")[1:2]
    gone = next(line for line in table.splitlines() if line.startswith("ffn_in"))
    there = next(line for line in table.splitlines() if line.startswith("o "))
    assert (gone.count("1.2"), there.count("1.2")) == (1, 2)  # k first, and k last
    assert ("±" in gone, "±" in there) == (False, True)


def test_a_step_that_may_still_be_written_says_so(folder, monkeypatch):
    monkeypatch.setattr("weightgauge.trajectory.reading.PAUSES_S", ())
    (folder / "checkpoint-900").mkdir()
    page = " ".join(run("track", folder).stdout.split())
    assert "it is empty hint: It changed a moment ago: it may still be written" in page


# ---------------------------------------------------------------- scaling


def test_scaling(tmp_path, write_checkpoint):
    folders = []
    for i, ratio in enumerate((0.05, 0.1, 0.2, 0.3)):
        kinds = {"o": (GAUSSIAN, 0.01 + 0.1 * ratio), "up": (GAUSSIAN, 0.01 + 0.2 * ratio)}
        folders.append(write_run(tmp_path / f"run{i}", write_checkpoint, {1000: kinds}))
        (folders[-1] / "weightgauge.toml").write_text(
            f"[training]\nlr = {0.1 * ratio**2}\nweight_decay = 0.1\noptimizer = 'adamw'\n"
        )
    (folders[0] / "weightgauge.toml").write_text("[training]\noptimizer = 'lion'\nlr = 0.1\n")
    text = run("scaling", *folders)
    assert (text.exit_code, text.stderr) == (0, "")
    assert "the law is asked of 3 of 4 runs" in text.stdout
    assert "run0 is not asked: needs weight decay (--weight-decay)." in text.stdout.replace(
        "\n", " "
    )
    assert "too few to tell one law from another" in " ".join(text.stdout.split())
    document = json.loads(run("scaling", *folders, "--json").stdout)
    assert document == wg.scaling(folders).to_dict()
    assert [law["kind"] for law in document["laws"]] == ["o", "ffn_in", "pooled"]
    rows = rows_of(run("scaling", *folders, "--format", "csv").stdout)
    assert [row["kind"] for row in rows] == ["o", "ffn_in", "pooled"]
    assert float(rows[0]["ols_slope"]) == pytest.approx(0.1, rel=0.05)
    none = run("scaling", *folders[:1])
    assert (none.exit_code, "the law is asked of 0 of 1 run" in none.stdout) == (0, True)


def test_scaling_asks_for_nothing_where_the_optimiser_rules_the_law_out(tmp_path, write_checkpoint):
    folder = write_run(tmp_path / "a", write_checkpoint, {9: {"o": (GAUSSIAN, 0.1)}})
    text = run("scaling", folder, "--optimizer", "sgd").stdout
    assert "does not follow for sgd" in text.replace("\n", " ")
    assert "[training]" not in text and "needs" not in text


def test_scaling_with_settings_of_each_run(tmp_path, write_checkpoint):
    folders = [
        write_run(tmp_path / name, write_checkpoint, {1000: {"o": (GAUSSIAN, lam)}})
        for name, lam in (("a", 0.1), ("b", 0.2), ("c", 0.4))
    ]
    (folders[2] / "weightgauge.toml").write_text("[training]\nlr = 16e-3\n")
    given = ("--optimizer", "adamw", "--lr", "1e-3, 4e-3,", "--weight-decay", "0.1")
    found = json.loads(run("scaling", *folders, *given, "--json").stdout)
    assert [each["settings"]["lr"] for each in found["runs"]] == [1e-3, 4e-3, 16e-3]
    assert [each["asked"] for each in found["runs"]] == [True] * 3
    assert found["laws"][0]["exponent"] == pytest.approx(1, abs=0.01)
    assert (
        found
        == wg.scaling(folders, optimizer="adamw", lr=[1e-3, 4e-3, None], weight_decay=0.1).to_dict()
    )
    wrong = run("scaling", *folders, "--lr", "1e-3,fast,1e-3")
    assert (wrong.exit_code, "'fast' is not a valid float" in wrong.stderr) == (2, True)
    few = run("scaling", *folders, "--lr", "1e-3,2e-3")
    assert (few.exit_code, "2 values are given for 3 runs" in few.stderr) == (1, True)


def test_scaling_tells_once_what_to_write_beside_runs(tmp_path, write_checkpoint):
    folders = [
        write_run(tmp_path / name, write_checkpoint, {1000: {"o": (GAUSSIAN, 0.1)}})
        for name in ("a", "b")
    ]
    for folder in folders:
        (folder / "weightgauge.toml").write_text("[training]\nlr = 1e-3\n")
    text = run("scaling", *folders)
    assert text.exit_code == 0
    assert text.stdout.replace("\n", " ").count("needs the optimiser (--optimizer)") == 1
    page = text.stdout.replace("\n", " ")
    assert f"{folders[0]}, {folders[1]} are not asked: needs" in page
    lines = text.stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip() == "[training]")
    told = tomllib.loads("\n".join(lines[start : start + 3]))["training"]
    assert told.keys() == {"optimizer", "weight_decay"}  # what is there is not asked for
    for folder in folders:
        (folder / "weightgauge.toml").write_text(
            "\n".join(["[training]", "lr = 1e-3", *lines[start + 1 : start + 3]])
        )
    assert "the law is asked of 2 of 2 runs" in run("scaling", *folders).stdout


def test_what_runs_prove_is_said_once(tmp_path, write_checkpoint, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kinds = dict.fromkeys(("o", "q", "up"), (GAUSSIAN, 0.1))
    for name in ("a", "b"):
        write_run(tmp_path / name, write_checkpoint, {9: kinds})
    text = run("scaling", "a", "b", "--optimizer=adamw", "--lr=1e-3,2e-3", "--weight-decay=0.1")
    page = text.stdout.replace("\n", " ")
    assert page.count("prove nothing") == 1
    assert "- all kinds: 2 runs with 2 values" in page
    assert page.count("No saturation law:") == 1
    assert max(map(len, text.stdout.splitlines())) <= 100


# ---------------------------------------------------------------- fit


def test_fit_of_several_models(folder):
    models = [folder / f"checkpoint-{step}" for step in (0, 500)]
    result = run("fit", *models)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("2 models\n")
    assert result.stdout.count(str(models[1])) == 3  # verdict, medians of k, and of lambda
    lines = result.stdout.splitlines()
    assert lines[1] == "No fault found"
    assert [f"{model}: No fault found" in lines for model in models] == [True, True]
    fits = [wg.fit(model) for model in models]
    expected = [
        {"model": str(model), "step": step, **row}
        for model, step, fit in zip(models, (0, 500), fits, strict=True)
        for row in fit.to_dicts()
    ]
    document = json.loads(run("fit", *models, "--json").stdout)
    assert document["slices"] == expected
    assert document["models"] == list(map(str, models))
    assert document["steps"] == [0, 500]
    assert (document["verdicts"], document["findings"]) == (["No fault found"] * 2, [])
    assert [row["k_median"] for row in document["kinds"]] == [
        kind.k_median for fit in fits for kind in fit.kinds
    ]
    rows = rows_of(run("fit", *models, "--format", "csv").stdout)
    assert [(row["model"], row["step"], float(row["k"])) for row in rows] == [
        (row["model"], str(row["step"]), row["k"]) for row in expected
    ]


def test_counts_of_one_model_are_told_apart_by_their_files(folder):
    files = []
    for step in (0, 500):
        kept = folder / f"step-{step}.wghist"
        counts = wg.scan(folder / f"checkpoint-{step}")
        dataclasses.replace(counts, model="the same").save(kept)
        files.append(str(kept))
    document = json.loads(run("fit", *files, "--json").stdout)
    assert (document["models"], document["steps"]) == (files, [0, 500])
    assert {(row["model"], row["step"]) for row in document["slices"]} == {
        (files[0], 0),
        (files[1], 500),
    }


def test_models_without_steps(made_model):
    model = made_model({"q": 1.0})
    document = json.loads(run("fit", model, model, "--json").stdout)
    assert document["steps"] == [None, None]
    assert " step " not in run("fit", model, model).stdout


# ---------------------------------------------------------------- pieces of pages


def test_sparklines():
    assert sparkline(range(8)) == BLOCKS
    assert sparkline([2, 1, math.nan, 2]) == "█▁ █"
    assert sparkline([]) == sparkline([math.nan]) == ""
    assert sparkline([5.0, 5.0]) == "▅▅"
    assert len(sparkline(range(1000))) == 16 == len(sparkline(range(17)))
    assert list(sparkline(range(1000))) == sorted(sparkline(range(1000)))
    # six standard errors are the least height: noise stays near the middle
    assert set(sparkline([1.2, 1.21, 1.2], [0.01] * 3)) <= set("▄▅")
    assert len(PLAIN_BLOCKS) == len(BLOCKS) and PLAIN_BLOCKS.isascii()


def test_lines_where_blocks_cannot_be_written(folder, monkeypatch):
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "weightgauge", "track", str(folder)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.isascii()
    assert b"#~_" in done.stdout
