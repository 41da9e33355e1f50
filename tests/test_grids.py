"""Weights on a grid, and pruned ones: recognised from counts, and what is withheld of them."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from kept_models import run
from weightgauge.fits.withheld import CELLS, REASONS

BF16 = np.dtype(ml_dtypes.bfloat16)
CONTAINERS = {"BF16": BF16, "F32": np.dtype(np.float32)}
FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def scales_of(weights, size):
    """The largest magnitude of each group: of the whole, of a row, or of a part of a row."""
    if size is None:
        return np.full((1, 1), np.abs(weights).max())
    if size == "row":
        return np.abs(weights).max(axis=1, keepdims=True)
    return np.repeat(np.abs(weights.reshape(-1, size)).max(axis=1), size).reshape(weights.shape)


def integers(bits, size=None):
    def quantise(weights):
        step = scales_of(weights, size) / (2 ** (bits - 1) - 1)
        return np.round(weights / step) * step

    return quantise


def fp4(size=None):
    def quantise(weights):
        step = scales_of(weights, size) / 6
        nearest = np.abs(np.abs(weights / step)[..., None] - FP4).argmin(axis=-1)
        return np.sign(weights) * FP4[nearest] * step

    return quantise


def fp8(size=None):
    def quantise(weights):
        step = scales_of(weights, size) / 448
        return (weights / step).astype(ml_dtypes.float8_e4m3fn).astype(np.float64) * step

    return quantise


def smallest_zeroed(share):
    def prune(weights):
        changed = weights.flatten()
        changed[np.argsort(np.abs(changed))[: round(share * changed.size)]] = 0
        return changed.reshape(weights.shape)

    return prune


def two_of_four(weights):
    groups = weights.reshape(-1, 4).copy()
    np.put_along_axis(groups, np.argsort(np.abs(groups), axis=1)[:, :2], 0, axis=1)
    return groups.reshape(weights.shape)


def masked(weights):
    return weights * (np.random.default_rng(5).random(weights.shape) < 0.7)


GRIDS = {
    "INT8": (integers(8), {"grid", "gap"}),
    "INT8 by row": (integers(8, "row"), {"gap"}),
    "INT8 by 64": (integers(8, 64), {"gap"}),
    "INT4": (integers(4), {"grid"}),
    "INT4 by row": (integers(4, "row"), {"gap"}),
    "INT4 by 32": (integers(4, 32), {"gap"}),
    "FP4": (fp4(), {"grid"}),
    "FP4 by row": (fp4("row"), {"gap"}),
    "FP4 by 16": (fp4(16), {"gap"}),
    "FP8": (fp8(), {"grid"}),
    "FP8 by row": (fp8("row"), {"grid"}),
    "FP8 by 128": (fp8(128), {"grid"}),
    "rounded": (lambda weights: np.round(weights, 3), {"grid"}),
    "half zeroed": (smallest_zeroed(0.5), {"gap"}),
    "a fifth zeroed": (smallest_zeroed(0.2), {"gap"}),
    "2:4": (two_of_four, {"gap"}),
    "masked": (masked, {"pruned"}),
}


def model(change, container="BF16", make=models.normal):
    """A model whose FFN went through `change`; attention is as it was."""
    tensors, config = models.llama(make, blocks=3)
    for name, values in tensors.items():
        if ".mlp." in name:
            changed = change(values.astype(np.float64))
            tensors[name] = changed.astype(CONTAINERS[container])
    return tensors, config


@pytest.fixture
def written(write_checkpoint, tmp_path):
    def write(name, tensors, config):
        return models.put(write_checkpoint, tmp_path / name, tensors, config)

    return write


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("grid", GRIDS)
def test_regime_and_drift_are_withheld(grid, container, written):
    change, reasons = GRIDS[grid]
    found = wg.diagnose(written("m", *model(change, container)))
    for kind in found.kinds:
        if kind.kind in ("gate", "up", "down"):
            assert kind.withheld in reasons, (kind.kind, kind.withheld)
            row = kind.to_dict()
            for name in ("regime", "verdict", "expected", "drift", "drift_se", "drift_severity"):
                assert row[name] is None
            assert row["k_median"] > 0
        else:
            assert kind.withheld is None
            assert kind.regime is not None
            assert kind.drift_severity is not None
    told = {each.tensor for each in found.findings if each.id == "grid"}
    assert told == {item.tensor for item in found.slices if ".mlp." in item.tensor}


@pytest.mark.parametrize("make", [models.normal, models.kaiming_uniform, models.truncated_normal])
@pytest.mark.parametrize("container", ["BF16", "F32"])
def test_weights_on_no_grid_are_not_withheld(make, container, written):
    found = wg.diagnose(written("m", *model(lambda weights: weights, container, make)))
    assert {kind.withheld for kind in found.kinds} == {None}
    assert "grid" not in {each.id for each in found.findings}


def test_heavy_and_light_tails_are_on_no_grid(written):
    rng = np.random.default_rng(0)
    for draw in (
        lambda shape: rng.standard_t(2, shape),
        lambda shape: rng.laplace(0, 1, shape),
        lambda shape: rng.normal(0, np.exp(rng.normal(0, 1, (shape[0], 1))), shape),
        lambda shape: np.where(rng.random(shape) < 0.05, 0, rng.normal(0, 1, shape)),
    ):
        change = lambda weights, draw=draw: 0.01 * draw(weights.shape)  # noqa: E731
        found = wg.diagnose(written("m", *model(change, "F32")))
        assert {kind.withheld for kind in found.kinds} == {None}


def test_rows_of_zeros_are_no_pruning(written):
    """Whole blocks of zero bytes: the rest has the k that it was trained to."""

    def without_some_rows(weights):
        changed = weights.copy()
        changed[: len(changed) // 4] = 0
        return changed

    found = wg.diagnose(written("m", *model(without_some_rows)))
    assert {kind.withheld for kind in found.kinds} == {None}


def test_changes_between_two_models_are_withheld(written):
    plain = written("a", *model(lambda weights: weights))
    quantised = written("b", *model(integers(4, 32)))
    found = wg.compare(plain, quantised)
    for pair in found.pairs:
        row = pair.to_dict()
        changes = [row[name] for name in ("dk", "dk_se", "z", "dln_lambda", "dln_lambda_z")]
        if pair.kind in ("gate", "up", "down"):
            assert changes == [None] * 5
            assert pair.withheld == row["withheld"] == "gap"
            assert pair.note == f"b: {REASONS['gap']}"
            assert row["k_a"] is not None
            assert row["k_b"] is not None
            assert row["changed"] > 0
            assert row["ks"] > 0
        elif pair.kind in ("q", "o"):
            assert pair.dk == 0
            assert pair.withheld is None


def test_changes_along_a_run_are_withheld(written):
    steps = {step: written(str(step), *model(lambda weights: weights)) for step in (0, 10)}
    steps[20] = written("20", *model(integers(4)))
    found = wg.track(steps)
    for series in (*found.kinds, *found.slices):
        row = series.to_dict()
        if series.kind in ("gate", "up", "down"):
            assert series.withheld == "grid"
            assert [row[name] for name in ("dk", "dk_se", "dln_lambda", "onset")] == [None] * 4
            assert row["change_points"] == []
            assert all(k > 0 for k in row["k"])
        elif series.kind == "q":
            assert series.withheld is None
            assert series.dk == 0


def test_tables_have_a_word_where_numbers_are_withheld(written):
    plain = written("a", *model(lambda weights: weights))
    quantised = written("b", *model(integers(4)))
    for arguments in (
        ("diagnose", quantised),
        ("fit", quantised),
        ("compare", plain, quantised),
        ("track", plain, quantised, "--steps", "0,5"),
    ):
        text = run(*arguments).output
        rows = [line for line in text.splitlines() if line.split()[:1] == ["gate"]]
        assert rows
        assert all(CELLS["grid"] in row for row in rows), text


def test_pruned_weights_with_their_zeros_ranked(written):
    """Where zeros reach into the window, k has the Gaussian one of that window beside it."""
    pruned = written("m", *model(smallest_zeroed(0.5)))
    found = wg.diagnose(pruned, zeros="censor")
    kinds = {kind.kind: kind for kind in found.kinds}
    for name in ("gate", "up", "down"):
        kind = kinds[name]
        assert kind.withheld == "censored"
        assert kind.regime is None
        assert kind.k_gaussian == pytest.approx(1.3432, abs=2e-4)
        assert abs(kind.k_median - kind.k_gaussian) < 4 * kind.k_se
    assert kinds["q"].k_gaussian == pytest.approx(1.205434, abs=1e-6)
    assert kinds["q"].withheld is None
    assert found.to_dict()["zero_handling"] == "censor"
    assert any("pruned" in each.lower() and "(1.343)" in each for each in found.summary)


def test_a_small_share_of_zeros_that_is_ranked_withholds_nothing(written):
    """INT8 by row: one in a hundred is zero, below the window, and k is that of the weights."""
    rounded = written("m", *model(integers(8, "row")))
    found = wg.diagnose(rounded, zeros="censor")
    kinds = {kind.kind: kind for kind in found.kinds}
    assert kinds["up"].withheld is None
    assert abs(kinds["up"].k_median - 1.205434) < 4 * kinds["up"].k_se


def test_equally_pruned_models_are_compared(written):
    a = written("a", *model(smallest_zeroed(0.5)))
    tensors, config = models.llama(models.normal, 7, blocks=3)
    for name in tensors:
        if ".mlp." in name:
            tensors[name] = smallest_zeroed(0.5)(tensors[name].astype(np.float64)).astype(BF16)
    b = written("b", tensors, config)
    c = written("c", *model(smallest_zeroed(0.4)))
    same = wg.compare(a, b, zeros="censor")
    assert {pair.withheld for pair in same.pairs} == {None}
    assert all(math.isfinite(pair.z) for pair in same.pairs if pair.kind == "up")
    other = wg.compare(a, c, zeros="censor")
    assert {pair.withheld for pair in other.pairs if pair.kind == "up"} == {"censored"}
    left_out = wg.compare(a, b)
    assert {pair.withheld for pair in left_out.pairs if pair.kind == "up"} == {"gap"}
