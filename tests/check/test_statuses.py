"""What `check` ends with: 0 only where everything could be looked at and nothing was found."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg
from checked import UP, config, put, run, trained


def test_a_healthy_model_passes(healthy):
    found = wg.check(healthy)
    assert (found.failed, found.complete, found.exit_code) == (False, True, 0)
    assert not [each for each in found.findings if each.level == "fault"]
    done = run(healthy)
    assert done.exit_code == 0 and done.stdout.splitlines()[1].startswith("No fault found")


def test_a_fault_fails(with_nan):
    found = wg.check(with_nan)
    (fault,) = [each for each in found.findings if each.level == "fault"]
    assert (fault.id, fault.tensor, fault.value) == ("non-finite", UP, 640)
    assert found.exit_code == 4 == run(with_nan).exit_code


def test_a_warning_fails_where_that_is_asked(tmp_path):
    tensors = trained()
    tensors[UP][np.random.default_rng(1).random(tensors[UP].shape) < 0.03] = 0
    path = put(tmp_path / "model", tensors, config())
    assert run(path).exit_code == 0
    assert run(path, "--fail-on", "warning").exit_code == 4
    assert [each.id for each in wg.check(path).findings if each.tensor == UP] == ["zero-share"]


def test_what_could_not_be_measured_is_never_a_pass(tmp_path):
    tensors = trained()
    tensors["model.layers.0.mlp.odd.weight"] = np.zeros((8, 8), np.complex64)
    path = put(tmp_path / "model", tensors, config())
    found = wg.check(path)
    assert not found.failed and not found.complete and found.exit_code == 3
    done = run(path)
    assert done.exit_code == 3 and "the check is not complete" in done.stdout


def test_packed_weights_are_never_a_pass(tmp_path):
    tensors = trained()
    name = UP.removesuffix("weight")
    del tensors[UP]
    tensors |= {
        f"{name}qweight": np.zeros((8, 128), np.int32),
        f"{name}qzeros": np.zeros((1, 32), np.int32),  # eight bits each
        f"{name}scales": np.ones((1, 128), np.float16),
        f"{name}g_idx": np.zeros(64, np.int32),
    }
    found = wg.check(put(tmp_path / "model", tensors, config()))
    assert found.exit_code == 3
    assert [each.tensor for each in found.findings if each.id == "unmeasured"] == [f"{name}qweight"]


@pytest.mark.parametrize("arguments", [["no/such/path"], ["{model}", "--rules", "absent.toml"]])
def test_it_never_passes_what_it_could_not_look_at(healthy, arguments):
    done = run(*(each.format(model=healthy) for each in arguments))
    assert done.exit_code == 1 and done.stdout == "" and done.stderr.startswith("error: ")


def test_saved_counts_are_checked_like_the_weights(with_nan, tmp_path):
    wg.scan(with_nan).save(tmp_path / "kept.wghist")
    assert wg.check(tmp_path / "kept.wghist").findings == wg.check(with_nan).findings


def test_a_broken_configuration_is_never_a_pass(tmp_path):
    path = put(tmp_path / "model", trained(), config())
    (path / "config.json").write_text("{")
    found = wg.check(path)
    assert not found.failed and found.exit_code == 3


def test_nothing_is_never_a_pass(tmp_path):
    found = wg.check(put(tmp_path / "empty", {}))
    assert not found.failed and not found.complete and found.exit_code == 3


def test_what_was_measured_and_what_was_compared_are_counted_apart(healthy, tmp_path):
    wide = {name: value.astype(np.float32) for name, value in trained().items()}
    path = put(tmp_path / "wide", wide, config())
    found = wg.check(path, against=healthy)
    number = len(wide)
    assert (found.tensors, found.measured, found.compared) == (number, number, 0)
    page = run(path, "--against", healthy).stdout
    assert f"{number} of {number} tensors could be looked at" in page
    assert f"the bytes of 0 of {number} tensors" in page


def test_the_state_is_said_once(healthy, with_nan, tmp_path):
    wide = put(tmp_path / "wide", {"w.weight": np.ones((64, 64), np.int8)})
    pages = {
        "the check passes: there is no fault": run(healthy),
        "the check passes: there is no fault or warning": run(healthy, "--fail-on", "warning"),
        "the check fails: there is a fault": run(with_nan),
        "the check is not complete, and so no pass": run(wide),
    }
    for words, done in pages.items():
        (line,) = (line for line in done.stdout.splitlines() if line.startswith("the check "))
        assert line.startswith(words)
