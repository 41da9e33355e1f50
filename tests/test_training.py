"""A gauge beside the loop: what it measures, when, and what does not stop training."""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import weightgauge as wg
from gauged import Kept, model, run
from weightgauge.training import Gauge, JsonLines, Recorder
from weightgauge.training.failures import Failures
from weightgauge.training.snapshots import Snapshots
from weightgauge.training.worker import Worker


class Slow(Kept):
    """A sink that waits to be let go."""

    def __init__(self):
        super().__init__()
        self.go = threading.Event()

    def write(self, report):
        assert self.go.wait(30)
        super().write(report)


class Broken:
    def __init__(self, error):
        self.error = error

    def write(self, report):
        raise self.error

    def close(self):
        raise self.error


def test_steps_are_measured_in_their_turn_beside_the_loop():
    sink = Kept()
    weights = model()
    with Gauge(weights, every=3, sinks=[sink]) as gauge:
        begun = []
        for step in range(8):
            begun.append(gauge.step(step))
            assert gauge.wait(60)
    assert begun == [True, False, False] * 2 + [True, False]
    assert [report.step for report in sink.reports] == [0, 3, 6]
    assert threading.get_ident() not in sink.threads and len(sink.threads) == 1
    assert sink.closed == 1
    assert sink.reports[0].fit.to_dicts() == wg.fit(weights).to_dicts()


def test_what_is_measured_are_the_weights_of_the_step_whatever_the_loop_does_then():
    sink = Slow()
    weights = model()
    wanted = wg.fit(weights).to_dicts()
    gauge = Gauge(weights, every=1, sinks=[sink])
    gauge.step(0)
    for each in weights.values():
        each[...] = np.nan
    sink.go.set()
    gauge.close()
    assert sink.reports[0].fit.to_dicts() == wanted


def test_a_measurement_is_left_out_while_the_one_before_goes_on_and_that_is_said_once(caplog):
    sink = Slow()
    gauge = Gauge(model(), every=1, sinks=[sink])
    with caplog.at_level(logging.WARNING, "weightgauge.training"):
        begun = [gauge.step(step) for step in range(5)]
    assert begun == [True] + [False] * 4
    assert gauge.skipped == 4
    assert len(caplog.records) == 1 and "step 1 is not measured" in caplog.text
    sink.go.set()
    assert gauge.wait(60)
    assert gauge.step(5)
    gauge.close()
    assert [report.step for report in sink.reports] == [0, 5]


def test_a_step_is_measured_once_and_the_last_one_on_request():
    sink = Kept()
    with Gauge(model(), every=10, sinks=[sink]) as gauge:
        run(gauge, [0, 0, 7])
        gauge.step(7, force=True)
        gauge.wait()
        gauge.step(7, force=True)
    assert [report.step for report in sink.reports] == [0, 7]


def test_medians_changes_and_onsets_are_those_of_track():
    sink = Kept()
    weights = model(size=256)
    models = {}
    draw = np.random.default_rng(1)
    with Gauge(weights, every=1, sinks=[sink]) as gauge:
        for step in range(6):
            if step >= 3:  # heavier tails from here on
                for each in weights.values():
                    each *= np.exp(0.4 * draw.normal(size=each.shape)).astype(np.float32)
            models[step] = {name: each.copy() for name, each in weights.items()}
            run(gauge, [step])
    found = wg.track(models)
    last = sink.reports[-1]
    assert [kind.kind for kind in last.kinds] == [kind.kind for kind in found.kinds]
    for now, course in zip(last.kinds, found.kinds, strict=True):
        assert now.k == course.k[-1] and now.k_se == course.k_se[-1]
        assert now.lam == course.lam[-1] and now.rms == course.rms[-1]
        assert now.dk == course.dk
        assert now.dln_lambda == pytest.approx(course.dln_lambda, abs=1e-12)
        assert now.onset == course.onset == 3


def test_the_recorder_writes_what_track_reads(tmp_path):
    weights = model()
    with Gauge(weights, every=100, record=tmp_path / "run" / "weights") as gauge:
        run(gauge, [0, 100, 200], weights)
    folder = tmp_path / "run" / "weights"
    assert sorted(os.listdir(folder)) == [f"step-000{step}00.wghist" for step in range(3)]
    found = wg.track(folder)
    assert found.steps == (0, 100, 200)
    assert all(kind.dln_lambda == pytest.approx(2 * np.log(1.01), abs=1e-5) for kind in found.kinds)
    last = wg.ModelHistograms.load(folder / "step-000200.wghist")
    assert wg.fit(last).to_dicts() == wg.fit(weights).to_dicts()


def test_a_nan_is_told_at_once_and_once_and_the_run_goes_on(caplog):
    weights = model()
    told = []
    sink = Kept()
    with Gauge(weights, every=1, sinks=[sink], alerts=told.append) as gauge:
        run(gauge, [0])
        weights["model.layers.1.self_attn.q_proj.weight"][3, 4] = np.nan
        run(gauge, [1, 2])
    assert [(each.id, each.level, each.step) for each in told] == [("non-finite", "fault", 1)]
    assert "model.layers.1.self_attn.q_proj.weight" in told[0].message
    assert [len(report.findings) for report in sink.reports] == [0, 1, 0]
    with caplog.at_level(logging.INFO, "weightgauge.training"), Gauge(weights, every=1) as gauge:
        run(gauge, [0])
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_each_matrix_with_nan_is_told_of_and_one_that_gets_more_is_not_told_again():
    first, second = (f"model.layers.{block}.self_attn.q_proj.weight" for block in (0, 1))
    weights = model()
    told = []
    with Gauge(weights, every=1, alerts=told.append) as gauge:
        weights[first][0, 0] = np.nan
        run(gauge, [0])
        weights[second][0, 0] = np.nan  # as many as in the other
        run(gauge, [1])
        weights[first][0] = np.nan
        run(gauge, range(2, 12))  # more steps than are kept
    assert [(each.id, each.step, each.tensor) for each in told] == [
        ("non-finite", 0, first),
        ("non-finite", 1, second),
    ]


@pytest.mark.parametrize(("alerts", "lines"), [("fault", 0), ("warning", 1), (None, 0)])
def test_alerts_are_logged_from_the_level_that_is_asked_for(alerts, lines, caplog):
    weights = model()
    with caplog.at_level(0, "weightgauge.training"), Gauge(weights, alerts=alerts) as gauge:
        run(gauge, [0])
        del weights["model.layers.1.self_attn.q_proj.weight"]
        run(gauge, [100])
    assert len(caplog.records) == lines


def test_nothing_that_goes_wrong_stops_training(caplog):
    sink = Kept()
    weights = model()
    broken = [Broken(ValueError("no")), Broken(OSError(errno.ENOSPC, "No space left on device"))]
    with (
        caplog.at_level(logging.WARNING, "weightgauge.training"),
        Gauge(weights, every=1, sinks=[*broken, sink], alerts=None) as gauge,
    ):
        run(gauge, range(3))
        weights["broken"] = "no array"
        run(gauge, range(3, 5))
        del weights["broken"]
        run(gauge, [5])
    assert [report.step for report in sink.reports] == [0, 1, 2, 5]
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "the sink Broken",
        "the gauge",
    ]


def test_a_full_disk_is_one_line(tmp_path, monkeypatch, caplog):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(wg.ModelHistograms, "save", full)
    sink = Kept()
    with (
        caplog.at_level(logging.WARNING, "weightgauge.training"),
        Gauge(model(), every=1, sinks=[sink], record=tmp_path) as gauge,
    ):
        run(gauge, range(4))
    assert len(sink.reports) == 4
    (record,) = caplog.records
    assert "the sink Recorder" in record.message and "No space left" in record.message
    assert "\n" not in record.message and record.exc_info is None


def test_a_disk_that_is_really_full_is_one_line(caplog):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with (
        caplog.at_level(logging.WARNING, "weightgauge.training"),
        Gauge(model(), every=1, sinks=[JsonLines("/dev/full")]) as gauge,
    ):
        run(gauge, range(3))
    assert len(caplog.records) == 1 and "No space left" in caplog.text


def test_state_survives_a_resume_through_json():
    weights = model()
    first = Gauge(weights, every=1)
    run(first, range(3), weights)
    weights["model.layers.0.self_attn.q_proj.weight"][0, 0] = np.inf
    run(first, [3])
    state = json.loads(json.dumps(first.state_dict(), allow_nan=False))
    first.close()
    sink = Kept()
    second = Gauge(weights, every=1, sinks=[sink])
    second.load_state_dict(state)
    run(second, [4], weights)
    second.close()
    (report,) = sink.reports
    assert not report.findings  # it was told before
    by_kind = {kind.kind: kind for kind in report.kinds}
    # Since the start: steps 0 to 2 and 4 each multiply by 1.01, the first before it is measured.
    assert by_kind["v"].dln_lambda == pytest.approx(3 * np.log(1.01), abs=1e-5)
    assert state["last_step"] == 3


def test_steps_that_are_trained_again_replace_those_before():
    weights = model()
    gauge = Gauge(weights, every=1)
    run(gauge, range(5), weights)
    for each in weights.values():
        each /= np.float32(1.01**3)
    run(gauge, [2])
    wanted = pytest.approx(np.log(1.01), abs=1e-5)
    assert all(kind.dln_lambda == wanted for kind in gauge.last.kinds)
    gauge.close()


@pytest.mark.parametrize("state", [{}, {"version": 2}, {"version": 1, "history": {"version": 9}}])
def test_a_state_of_something_else_is_refused(state):
    with pytest.raises(ValueError, match="version"):
        Gauge({}).load_state_dict({"last_step": 0, **state})


@pytest.mark.parametrize(
    "options", [{"every": 0}, {"every": 1.5}, {"every": True}, {"per": "row"}, {"alerts": "all"}]
)
def test_wrong_options_are_told_when_the_gauge_is_made(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Gauge({}, **options)


def test_buffers_are_used_again():
    weights = model()
    snapshots = Snapshots()
    seen = []
    for _ in range(2):
        taken = snapshots.take(snapshots.look_at(weights, rank=0))
        seen.append([shard.array.memory[1] for shard in taken.slices.checkpoint.live_shards])
        buffers = [shard.array.array for shard in taken.slices.checkpoint.live_shards]
        assert not any(
            np.shares_memory(buffer, each) for buffer in buffers for each in weights.values()
        )
        seen[-1] = [buffer.__array_interface__["data"][0] for buffer in buffers]
    assert seen[0] == seen[1]


def test_the_loop_waits_for_copies_alone(monkeypatch):
    """A thousand tensors: all else is done in the thread beside the loop."""
    draw = np.random.default_rng(0)
    block = draw.normal(size=(1 << 10, 1 << 8)).astype(np.float32)  # 1 MB, the same memory for all
    weights = {f"layers.{i}.mlp.up_proj.weight": block.copy() for i in range(50)}
    here = threading.get_ident()
    calls = {"copy": [], "count": [], "write": []}
    import weightgauge.training.gauge as module
    import weightgauge.training.snapshots as copying

    real_copy, real_count = copying._copied, module.kept_histograms
    held = threading.Event()

    def copy(pairs):
        pairs = list(pairs)
        calls["copy"].append((threading.get_ident(), len(pairs)))
        return real_copy(pairs)

    def count(*rest, **more):
        assert held.wait(60)
        calls["count"].append(threading.get_ident())
        return real_count(*rest, **more)

    monkeypatch.setattr(copying, "_copied", copy)
    monkeypatch.setattr(module, "kept_histograms", count)
    gauge = Gauge(weights, every=1)
    assert gauge.step(0)
    assert calls["copy"] == [(here, 50)] and calls["count"] == []  # and the loop is here again
    held.set()
    gauge.close()
    assert len(calls["count"]) == 1 and here not in calls["count"]


def test_a_worker_does_one_thing_at_a_time():
    worker, go = Worker(), threading.Event()
    worker.submit(lambda: go.wait(30) and None)
    with pytest.raises(RuntimeError, match="has work to do"):
        worker.submit(lambda: None)
    assert not worker.wait(0.01)
    go.set()
    assert worker.close(30)
    with pytest.raises(RuntimeError, match="closed"):
        worker.submit(lambda: None)


def test_trouble_of_another_kind_is_told_with_its_place(caplog):
    failures = Failures()
    with caplog.at_level(logging.WARNING, "weightgauge.training"):
        for _ in range(3):
            with failures.told("this"):
                raise KeyError("x")
    assert failures.count == 3 and len(caplog.records) == 1
    assert caplog.records[0].exc_info is not None


def test_names_of_recorded_steps_sort_as_their_numbers(tmp_path):
    recorder = Recorder(tmp_path)
    paths = [recorder.path_of(step) for step in (5, 100, 999_999)]
    assert paths == sorted(paths)
