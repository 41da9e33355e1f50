"""Runs over steps, on small models whose k and lambda are known at each."""

from __future__ import annotations

import json
import math
import os
import re
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import weightgauge as wg
from diagnosed import LAYER, NAMES, stored
from made_fits import made_fit, made_slice
from made_runs import write_run, write_step
from weightgauge.errors import CheckpointError, RunError
from weightgauge.findings import LEVELS, RULES
from weightgauge.trajectory import reading
from weightgauge.trajectory.record import LONG_COLUMNS

GAUSSIAN = 1.2054
STEPS = (0, 100, 200, 300, 400, 500)
K_DOWN = (GAUSSIAN, GAUSSIAN, 1.1, 1.0, 0.9, 0.9)
LAM_Q = (0.02, 0.03, 0.04, 0.05, 0.06, 0.07)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Steps that cannot be read are tried again at once."""
    monkeypatch.setattr(reading, "PAUSES_S", (0.0, 0.0))


@pytest.fixture
def run(tmp_path, write_checkpoint):
    """A run in which q grows and down goes heavy-tailed from step 200 on."""
    steps = {
        step: {"q": (GAUSSIAN, lam), "up": (GAUSSIAN, 0.02), "gate": (1.1, 0.02), "down": (k, 0.02)}
        for step, k, lam in zip(STEPS, K_DOWN, LAM_Q, strict=True)
    }
    return write_run(tmp_path / "run", write_checkpoint, steps)


def by_kind(found):
    return {kind.kind: kind for kind in found.kinds}


def rules(found):
    return [(each.id, each.step) for each in found.findings]


def moving(made, steps, **changes):
    """Fits by step; `changes` gives a function from the step to the fields of a slice."""
    return {step: made_fit(*made(step, **changes)) for step in steps}


# ---------------------------------------------------------------- numbers


def test_kinds_and_slices_over_steps(run):
    found = wg.track(run)
    assert found.steps == STEPS
    assert [kind.kind for kind in found.kinds] == ["q", "gate", "up", "down"]
    # every number of every step is that of a fit of the step alone
    for i, step in enumerate(STEPS):
        alone = wg.fit(run / f"checkpoint-{step}")
        for item, series in zip(alone.slices, found.slices, strict=True):
            assert (item.tensor, item.kind, item.block) == (
                series.tensor,
                series.kind,
                series.block,
            )
            for name in ("k", "lam", "r2", "rms"):
                assert getattr(series, name)[i] == getattr(item, name)
            assert series.k_se[i] == item.k_se_matrix >= item.k_se
            assert series.ln_lambda_se[i] == item.ln_lambda_se_matrix >= item.ln_lambda_se
        assert any(item.k_se_matrix > item.k_se for item in alone.slices)
        for kind in alone.kinds:
            series = by_kind(found)[kind.kind]
            assert series.k[i] == kind.k_median
            assert series.lam[i] == kind.lambda_median
            assert series.r2[i] == kind.r2_median
            assert series.slices[i] == kind.slices
    kinds = by_kind(found)
    assert kinds["down"].k == pytest.approx(K_DOWN, abs=0.06)  # 4,096 weights
    assert kinds["q"].lam == pytest.approx(LAM_Q, rel=0.06)


def test_change_and_onset(run):
    kinds = by_kind(wg.track(run))
    assert kinds["down"].onset == 200
    assert kinds["down"].dk == pytest.approx(0.9 - GAUSSIAN, abs=0.06)
    assert kinds["down"].dk_se == pytest.approx(
        math.hypot(kinds["down"].k_se[0], kinds["down"].k_se[-1])
    )
    for kind in ("q", "up", "gate"):
        assert kinds[kind].onset is None
        assert kinds[kind].dk == pytest.approx(0, abs=1e-3)
    assert kinds["q"].dln_lambda == pytest.approx(math.log(3.5), abs=1e-4)
    assert kinds["q"].rms[-1] / kinds["q"].rms[0] == pytest.approx(3.5, rel=1e-4)


def test_kinds_are_never_pooled_over_towers():
    def step(k):
        return made_fit(
            made_slice("e.q", "q", 0, tower="encoder", k=k), made_slice("d.q", "q", 0, k=2 * k)
        )

    found = wg.track({0: step(1.2), 1: step(1.1)})
    assert {(kind.tower, kind.k) for kind in found.kinds} == {
        (None, (2.4, 2.2)),
        ("encoder", (1.2, 1.1)),
    }


def test_histograms_are_steps_as_good_as_weights(run, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    for step in STEPS:
        wg.scan(run / f"checkpoint-{step}").save(kept / f"step-{step}.wghist")
    weights, counts = wg.track(run), wg.track(kept)
    assert counts.slices == weights.slices
    assert counts.kinds == weights.kinds
    loaded = {step: wg.scan(run / f"checkpoint-{step}") for step in STEPS}
    assert wg.track(loaded).kinds == weights.kinds


# ---------------------------------------------------------------- documents


def test_the_json_document(run):
    document = wg.track(run, lr=1e-3, weight_decay=0.1).to_dict()
    json.dumps(document, allow_nan=False)
    assert document["schema_version"] == 1
    assert document["run"] == str(run)
    assert document["steps"] == list(STEPS)
    assert {"kind", "tower", "k", "lambda", "r2", "rms", "onset"} <= document["kinds"][0].keys()
    assert {
        *("tensor", "part", "kind", "block", "k", "k_se", "lambda", "rms"),
    } <= document["slices"][0].keys()
    assert all(len(kind["lambda"]) == len(STEPS) for kind in document["kinds"])
    assert document["settings"]["lr"] == 1e-3
    assert isinstance(document["findings"], list)


def test_the_long_form(run):
    found = wg.track(run)
    rows = found.to_dicts()
    assert len(rows) == len(STEPS) * 8
    assert all(tuple(row) == LONG_COLUMNS for row in rows)
    assert [row["step"] for row in rows] == sorted(row["step"] for row in rows)
    first = wg.fit(run / "checkpoint-0").slices[0]
    assert (rows[0]["tensor"], rows[0]["k"], rows[0]["lambda"]) == (
        first.tensor,
        first.k,
        first.lam,
    )
    frame = found.to_pandas()
    assert list(frame.columns) == list(LONG_COLUMNS)
    assert (len(frame), frame["block"].dtype.name, frame["k"].dtype.name) == (
        len(rows),
        "Int64",
        "float64",
    )
    assert list(found.findings.to_pandas()["id"]) == ["unchanged"]
    assert found.kinds.to_pandas()["onset"].dtype.name == "Int64"
    assert len(repr(found)) < 300 and "6 steps 0..500" in repr(found)
    assert "6 steps, k 1.2" in repr(found.slices[0]) and "down" in repr(found.kinds[-1])


# ---------------------------------------------------------------- steps that are not in order


def test_a_half_written_step_is_a_finding_and_the_rest_goes_on(run):
    path = run / "checkpoint-300" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    found = wg.track(run)
    assert found.steps == (0, 100, 200, 400, 500)
    (finding,) = [each for each in found.findings if each.level == "fault"]
    assert (finding.id, finding.step) == ("unreadable-step", 300)
    assert "may still be written" in finding.hint
    long_ago = time.time() - 3600
    for each in (path, path.parent, path.parent / "config.json"):
        os.utime(each, (long_ago, long_ago))
    (finding,) = [each for each in wg.track(run).findings if each.level == "fault"]
    assert finding.hint is None


def test_a_step_that_is_complete_in_time_is_read(run, monkeypatch):
    """It is tried again after a pause, in which the trainer goes on writing."""
    path = run / "checkpoint-300" / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:5000])
    monkeypatch.setattr(reading, "PAUSES_S", (0.2, 5.0))
    writer = threading.Timer(0.3, path.write_bytes, [whole])
    writer.start()
    found = wg.track(run)
    writer.join()
    assert found.steps == STEPS
    assert rules(found) == rules(wg.track(run))


def test_a_step_without_any_file_yet(run):
    (run / "checkpoint-600").mkdir()
    found = wg.track(run)
    assert found.steps == STEPS
    assert ("unreadable-step", 600) in rules(found)


def test_no_step_can_be_read(tmp_path):
    (tmp_path / "checkpoint-1").mkdir()
    with pytest.raises(CheckpointError, match="checkpoint-1"):
        wg.track(tmp_path)
    with pytest.raises(RunError):
        wg.track([])


def test_one_step(run):
    found = wg.track([run / "checkpoint-300"])
    assert found.steps == (300,)
    assert rules(found) == [("one-step", 300)]
    assert math.isnan(found.kinds[0].dk)
    assert found.kinds[0].onset is None
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_step_that_occurs_twice(run, tmp_path):
    found = wg.track([run, run / "checkpoint-300"])
    assert found.steps == STEPS
    assert ("duplicate-step", 300) in rules(found)


# ---------------------------------------------------------------- findings


def test_nan_is_told_at_the_step_where_it_appears(tmp_path, write_checkpoint):
    kinds = {"q": (GAUSSIAN, 0.02), "down": (GAUSSIAN, 0.02)}
    run = write_run(tmp_path / "run", write_checkpoint, dict.fromkeys((0, 100), kinds))
    broken = np.random.default_rng(0).normal(0, 0.02, (64, 64))
    broken[0, :7] = np.nan
    name = LAYER.format(1, NAMES["q"])
    for step in (200, 300):
        folder = run / f"checkpoint-{step}"
        write_step(folder, write_checkpoint, kinds, change={name: stored(broken)})
    found = wg.track(run)
    (finding,) = [each for each in found.findings if each.level == "fault"]
    assert (finding.id, finding.step, finding.tensor) == ("non-finite", 200, name)
    assert (finding.kind, finding.block, finding.value) == ("q", 1, 7)
    assert finding.message == f"step 200: {name}: 7 of 4,096 weights are NaN or infinite"
    assert finding.hint == RULES["non-finite"].hint
    assert found.findings[0] is finding


def test_infinities_of_masks_are_meant():
    masks = (
        made_slice("h.0.attn.masked_bias", "bias", 0, shape=(), nonfinite=1, status="too_few"),
        made_slice("h.0.attn.bias", "other", 0, shape=(1, 1, 8, 8), nonfinite=28),
    )
    step = made_fit(made_slice("0.q", "q", 0), *masks)
    assert "non-finite" not in dict(rules(wg.track({0: step, 1: step})))
    bias = made_fit(made_slice("h.0.attn.c_attn.bias", "bias", 0, shape=(8,), nonfinite=1))
    assert dict(rules(wg.track({3: bias})))["non-finite"] == 3


def test_matrices_that_come_go_and_change(tmp_path, write_checkpoint):
    kinds = {"q": (GAUSSIAN, 0.02), "o": (GAUSSIAN, 0.02)}
    head = {"lm_head.weight": stored(np.random.default_rng(1).normal(0, 0.02, (200, 64)))}
    run = write_run(tmp_path / "run", write_checkpoint, {0: kinds}, change=head)
    larger = stored(np.random.default_rng(1).normal(0, 0.02, (208, 64)))
    gone = LAYER.format(0, NAMES["q"])
    new = LAYER.format(0, NAMES["k"])
    changes = {
        "lm_head.weight": larger,
        gone: None,
        new: stored(np.random.default_rng(2).normal(0, 0.02, (64, 64))),
        LAYER.format(1, NAMES["o"]): stored(
            np.random.default_rng(2).normal(0, 0.02, (64, 64)), "F16"
        ),
    }
    write_step(run / "checkpoint-10", write_checkpoint, kinds, change=changes)
    found = {each.id: each for each in wg.track(run).findings}
    assert {each.level for each in found.values()} <= {"warning", "note"}
    assert (found["vanished"].tensor, found["vanished"].step) == (gone, 10)
    assert found["appeared"].tensor == new
    assert found["changed-shape"].tensor == "lm_head.weight"
    assert "200x64 to 208x64" in found["changed-shape"].message
    assert "F32 to F16" in found["changed-dtype"].message
    slices = {item.tensor: item for item in wg.track(run).slices}
    assert math.isnan(slices[gone].k[1]) and math.isnan(slices[new].k[0])
    assert len(wg.track(run).to_dicts()) == 5 + 5


def test_mixed_architectures_are_told_once():
    one = made_fit(*(made_slice(f"a.{i}", "q", i) for i in range(6)))
    other = made_fit(*(made_slice(f"b.{i}", "up", i) for i in range(5)), made_slice("a.0", "q", 0))
    found = wg.track({0: one, 10: other})
    assert rules(found) == [("mixed-architectures", 10)]
    assert "shares 1 of its 6 slices with step 0" in found.findings[0].message


def test_a_jump_is_told_for_the_kind():
    def step(i):
        lam = 0.02 * (1 + 0.01 * i) * (3 if i >= 4 else 1)
        k = 1.2 - 0.001 * i
        return made_fit(
            *(made_slice(f"{b}.q", "q", b, lam=lam, k=k, k_se=1e-3) for b in range(4)),
            *(made_slice(f"{b}.o", "o", b, k=k, k_se=1e-3) for b in range(4)),
        )

    found = wg.track({100 * i: step(i) for i in range(8)})
    (finding,) = [each for each in found.findings if each.id == "discontinuity"]
    assert (finding.level, finding.step, finding.kind) == ("warning", 400, "q")
    assert "ln lambda of 4 q matrices" in finding.message
    assert finding.value == pytest.approx(math.log(3) + math.log(1.04 / 1.03))


def test_norms_that_are_held_and_weights_that_do_not_change():
    def step(i):
        return made_fit(
            made_slice("0.q", "q", 0, k=1.2 - 0.01 * i, rms=0.02 * (1 + 1e-4 * i)),
            made_slice("0.o", "o", 0),
            made_slice("0.up", "up", 0, k=1.2 - 0.01 * i, rms=0.02 * (1 + 1e-2 * i)),
        )

    found = wg.track({i: step(i) for i in range(5)})
    kinds = by_kind(found)
    assert [kinds[kind].norm_held for kind in ("q", "o", "up")] == [True, False, False]
    told = {each.id: each.message for each in found.findings}
    assert "norm held constant, as measured: q;" in told["norm-held"]
    assert told["unchanged"] == "the same at all steps: o"
    # two steps are too few to say so, unless the optimiser does
    assert "norm-held" not in dict(rules(wg.track({i: step(i) for i in range(2)})))
    held = wg.track({0: step(0), 1: step(5)}, optimizer="hyperball")
    assert any("by its optimiser" in each.message for each in held.findings)


# ---------------------------------------------------------------- settings


def test_progress_along_the_run(run):
    (run / "weightgauge.toml").write_text(
        '[training]\noptimizer = "adamw"\nlr = 0.01\nweight_decay = 0.25\n'
        'schedule = "linear"\nsteps = 500\n'
    )
    found = wg.track(run)
    # T/tau = step lr wd, and half of it at the end of a line to zero
    assert [each.steps_per_tau for each in found.progress] == pytest.approx(
        [0, 0.25, 0.5, 0.75, 1.0, 1.25]
    )
    assert [each.state for each in found.progress] == [
        *("transition", "partial", "approaching", "approaching", "near-saturated", "saturated")
    ]
    assert found.progress[-1].scheduled_steps_per_tau == pytest.approx(0.625)
    assert found.progress[-1].scheduled_state == "approaching"
    assert (found.needs, found.law) == ((), "")
    assert set(dict(found.settings.sources)) == {
        *("optimizer", "lr", "weight_decay", "schedule", "steps")
    }


def test_what_settings_are_missing(run):
    found = wg.track(run)
    assert all(math.isnan(each.steps_per_tau) for each in found.progress)
    assert {each.state for each in found.progress} == {None}
    told = " ".join(found.needs)
    for option in ("--lr", "--weight-decay", "--schedule", "--optimizer"):
        assert option in told
    assert found.forces == {}
    assert "--optimizer" in found.law
    half = wg.track(run, lr=0.01, weight_decay=0.1)
    assert half.progress[-1].steps_per_tau == pytest.approx(0.5)
    assert math.isnan(half.progress[-1].scheduled_steps_per_tau)
    cosine = wg.track(run, lr=0.01, weight_decay=0.1, schedule="cosine", optimizer="lion")
    assert cosine.needs == (
        "The learning rate at each step, and what decay did, need --total-steps.",
    )
    l2 = wg.track(run, lr=0.01, weight_decay=0.1, optimizer="adam")
    assert math.isnan(l2.progress[-1].steps_per_tau)
    assert any("no T/tau under adam" in each for each in l2.needs)


def test_forces_between_steps(run):
    found = wg.track(run, lr=1e-3, weight_decay=0.1, schedule="constant", optimizer="adamw")
    kinds = by_kind(found)
    for kind in ("q", "up", "gate", "down"):
        forces = found.forces[None, kind]
        assert [(each.first, each.last) for each in forces] == list(pairwise(STEPS))
        total = math.fsum(each.decay + each.updates for each in forces)
        squares = kinds[kind].mean_square
        assert total == pytest.approx(squares[-1] - squares[0], abs=1e-12)
        assert all(each.decay < 0 for each in forces)
    grown = found.forces[None, "q"][0]
    # 100 steps of 2 eta wd = 2e-4 each of a mean square on its way from one to the other
    low, high = kinds["q"].mean_square[:2]
    assert -0.02 * high < grown.decay < -0.02 * low


def test_options_are_checked_before_anything_is_read(run):
    with pytest.raises(ValueError, match="trim"):
        wg.track(run, trim="mid_70")
    with pytest.raises(RunError, match="schedule must be one of"):
        wg.track(run, schedule="poly")
    with pytest.raises(RunError, match="1 step is given for 6 models"):
        wg.track(run, steps=[1])


def test_the_documentation_has_every_rule_once():
    root = Path(__file__).parent.parent
    text = (root / "docs" / "runs.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \| (?:fault|warning|note) \|", text, re.MULTILINE)
    told = sorted(rule for names in rows for rule in re.findall("[a-z-]+", names))
    sources = (root / "python" / "weightgauge" / "trajectory").glob("*.py")
    code = "\n".join(path.read_text("utf-8") for path in sources)
    made = set(re.findall(r'id="([a-z-]+)"', code))
    made |= set(re.findall(r'"([a-z-]+)",\s+"(?:fault|warning|note)"', code))
    made |= set(re.findall(r'RULES\["([a-z-]+)"\]', code))
    assert told == sorted(made - set(LEVELS))
