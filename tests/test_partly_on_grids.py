"""Kinds of which some matrices lie on a grid: what is said is said of the others."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg
from kept_models import run
from weightgauge.fits.withheld import REASONS, withheld

UP = "model.layers.{}.mlp.up_proj.weight"
QKV = "h.{}.attn.c_attn.weight"


def scaled(rng, rows, columns):
    """Weights whose rows differ in scale: k near 1.19."""
    scale = np.exp(0.15 * rng.standard_normal((rows, 1)))
    return (0.02 * rng.standard_normal((rows, columns)) * scale).astype(np.float32)


def int4(values, group=128):
    split = values.reshape(-1, group)
    step = np.abs(split).max(axis=1, keepdims=True) / 7
    return (np.round(split / step) * step).reshape(values.shape).astype(np.float32)


def ternary(values):
    return (np.rint(np.clip(values / 0.02, -1, 1)) * 0.02).astype(np.float32)


def blocks(seed, number=6):
    rng = np.random.default_rng(seed)
    return {UP.format(block): scaled(rng, 256, 256) for block in range(number)}


def with_grids(places, number=6, grid=int4):
    """A model and the same with these blocks on a grid."""
    plain = blocks(31, number)
    changed = {UP.format(block): grid(plain[UP.format(block)]) for block in places}
    return plain, plain | changed


def numbers_of(kind):
    row = kind.to_dict()
    return {name: value for name, value in row.items() if name != "slices"}


@pytest.mark.parametrize(("places", "number"), [((0, 1, 2), 6), ((0, 1, 2, 4, 5), 6), ((1, 3), 5)])
def test_a_diagnosis_is_that_of_the_matrices_on_no_grid(places, number):
    plain, mixed = with_grids(places, number)
    alone = {name: plain[name] for name in plain if name not in set(map(UP.format, places))}
    found, expected = wg.diagnose(mixed), wg.diagnose(alone)
    (kind,), (only,) = found.kinds, expected.kinds
    assert (kind.slices, kind.judged, kind.withheld) == (number, number - len(places), None)
    assert numbers_of(kind) == numbers_of(only)
    assert found.nearest == expected.nearest
    assert found.outliers == ()
    ids = {each.id for each in found.findings}
    assert not ids & {"k-far", "kind-unusual", "block-outlier", "zero-share"}
    assert f"{len(places)} of {number} ffn_in" in " ".join(found.summary)


def test_pages_say_how_many_of_how_many(tmp_path, write_checkpoint):
    plain, mixed = with_grids((0, 1, 2))
    paths = []
    for name, tensors in (("a", plain), ("b", mixed)):
        (tmp_path / name).mkdir()
        rows = {key: ("F32", each.shape, each.tobytes()) for key, each in tensors.items()}
        write_checkpoint(tmp_path / name / "model.safetensors", rows)
        paths.append(tmp_path / name)
    for arguments in (("fit", paths[1]), ("diagnose", paths[1]), ("compare", *paths)):
        text = run(*arguments).output
        (row,) = (line for line in text.splitlines() if line.startswith("ffn_in"))
        assert "3 of 6" in row, text
        assert "3 of 6 ffn_in" in " ".join(text.split())


def test_medians_of_a_fit_and_of_a_comparison_leave_grids_out():
    plain, mixed = with_grids((0, 1, 2))
    shapes = [each.k for each in wg.fit(mixed).slices if each.block > 2]
    (kind,) = wg.fit(mixed).kinds
    assert (kind.slices, kind.judged, kind.withheld) == (6, 3, None)
    assert (kind.k_median, kind.k_max) == (np.median(shapes), max(shapes))
    (track,) = wg.track({0: plain, 10: mixed}).kinds
    assert track.k[1] == np.median(shapes)
    assert track.withheld is None


def test_a_kind_that_lies_on_a_grid_altogether_is_withheld():
    _, mixed = with_grids(range(6))
    (kind,) = wg.diagnose(mixed).kinds
    assert (kind.slices, kind.judged, kind.withheld, kind.regime) == (6, 6, "gap", None)
    (kind,) = wg.fit(mixed).kinds
    assert (kind.judged, kind.withheld) == (6, "gap")


def test_a_baseline_on_a_grid_is_no_start():
    plain, mixed = with_grids(range(6))
    found = wg.diagnose(plain, baseline=mixed)
    (kind,) = found.kinds
    assert kind.start == "normal"
    assert kind.k_init == pytest.approx(1.205434, abs=1e-6)
    assert "no ffn_in to start from" in found.warnings[-1]
    half = wg.diagnose(plain, baseline=with_grids((0, 1, 2))[1]).kinds[0]
    others = wg.diagnose({UP.format(b): plain[UP.format(b)] for b in (3, 4, 5)}).kinds[0]
    assert (half.start, half.k_init) == ("measured", others.k_median)


@pytest.mark.parametrize("grid", [int4, ternary], ids=lambda each: each.__name__)
def test_one_fused_matrix_on_a_grid_is_no_outlier_and_has_no_zero_share(grid):
    rng = np.random.default_rng(3)
    tensors = {QKV.format(block): scaled(rng, 192, 576) for block in range(6)}
    tensors |= {f"h.{block}.attn.c_proj.weight": scaled(rng, 192, 192) for block in range(6)}
    name = QKV.format(5)
    tensors[name] = grid(tensors[name], 64) if grid is int4 else grid(tensors[name])
    found = wg.diagnose(tensors)
    assert not {each.id for each in found.findings} & {"block-outlier", "zero-share"}
    assert {each.tensor for each in found.findings if each.id == "grid"} == {name}
    assert {kind.kind: kind.judged for kind in found.kinds}["q"] == 5


def test_a_fused_matrix_of_which_one_part_is_on_a_grid():
    rng = np.random.default_rng(4)
    values = scaled(rng, 192, 576)
    values[:, :192] = int4(np.ascontiguousarray(values[:, :192]), 64)
    slices = wg.fit({QKV.format(0): values}).slices
    found = {key.part: why for key, why in withheld(slices).items()}
    assert found == {None: "gap", "q": "gap"}


@pytest.mark.parametrize("grid", [int4, ternary], ids=lambda each: each.__name__)
def test_zeros_of_a_grid_are_no_zero_share(grid):
    _, mixed = with_grids(range(6), grid=grid)
    ids = {each.id for each in wg.fit(mixed).findings}
    assert "grid" in ids
    assert "zero-share" not in ids


def test_pruning_is_told_as_before():
    plain = blocks(5)
    name = UP.format(2)
    pruned = plain[name].reshape(-1, 4).copy()
    np.put_along_axis(pruned, np.argsort(np.abs(pruned), axis=1)[:, :2], 0, axis=1)
    found = wg.fit(plain | {name: pruned.reshape(plain[name].shape)}).findings
    assert {each.id for each in found if each.tensor == name} == {"zero-share", "grid"}


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
@pytest.mark.parametrize("axis", [0, 1])
def test_rows_and_columns_of_zeros_are_no_pruning_in_any_format(axis, dtype):
    import ml_dtypes

    rng = np.random.default_rng(9)
    values = 0.02 * rng.standard_normal((512, 512))
    dead = rng.random(512) < 0.3
    values[dead if axis == 0 else np.s_[:, dead]] = 0
    made = {UP.format(0): values.astype(np.float32 if dtype == "F32" else ml_dtypes.bfloat16)}
    assert withheld(wg.fit(made).slices) == {}
    # With ranks for zeros they reach into the window, wherever they lie.
    censored = wg.fit(made, zeros="censor").slices
    assert list(withheld(censored, zeros="censor").values()) == ["censored"]
    scattered = values.copy()
    scattered[rng.random(values.shape) < 0.2] = 0
    (why,) = withheld(wg.fit({UP.format(0): scattered.astype(np.float32)}).slices).values()
    assert REASONS[why] == REASONS["pruned"]
