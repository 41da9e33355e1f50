"""Numbers of slices held as columns are those of the rows that they were made from."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg
from weightgauge import _core
from weightgauge.fits.number_columns import NumberColumns
from weightgauge.scanning import checkpoint_slices
from weightgauge.scanning.placing import blank_numbers

RNG = np.random.default_rng(11)
SIGNED = ("unused_rows", "large_rows", "large_columns")


def made_rows(size, largest):
    """Rows with counts up to `largest`, and every kind of float."""
    rows = np.zeros(size, _core.numbers_dtype())
    for name in rows.dtype.names:
        kind = rows.dtype[name]
        if kind == np.float64:
            rows[name] = RNG.choice([0.0, -0.0, np.nan, np.inf, 1.5, 5e-324], size)
        elif name == "digest":
            rows[name] = RNG.integers(0, 2**64 - 1, size, np.uint64, endpoint=True)
        elif kind.itemsize == 1:
            rows[name] = RNG.integers(0, 2, size)
        else:
            rows[name] = RNG.integers(-1 if name in SIGNED else 0, largest, size, endpoint=True)
    return rows


def assert_same(columns, rows):
    """Bit by bit: NaN equals NaN here, and 0.0 does not equal -0.0."""
    assert len(columns) == len(rows)
    for name in rows.dtype.names:
        found = columns[name]
        assert found.dtype.kind in "fb" or found.dtype == (
            np.uint64 if name == "digest" else np.int64
        )
        assert found.astype(rows.dtype[name]).tobytes() == rows[name].tobytes(), name
    assert repr(list(columns.rows(0, len(rows)))) == repr(rows.tolist())
    assert all(repr(columns.row(i)) == repr(rows[i].item()) for i in range(0, len(rows), 97))


@pytest.mark.parametrize("size", [0, 1, 7, 3000])
@pytest.mark.parametrize("largest", [1, 127, 128, 2**15, 2**31, 2**53 + 1, 2**63 - 1])
def test_columns_are_those_of_the_rows(size, largest):
    rows = made_rows(size, largest)
    assert_same(NumberColumns.of([rows], len(rows)), rows)


@pytest.mark.parametrize("size", [5, 3000])
def test_what_is_the_same_for_all_comes_back_as_often(size):
    rows = np.repeat(made_rows(1, 2**40), size)
    assert_same(NumberColumns.of([rows], len(rows)), rows)
    rows["k"][0], rows["k"][1:] = 0.0, -0.0
    rows["lam"][:-1], rows["lam"][-1] = np.nan, 1.0
    assert_same(NumberColumns.of([rows], len(rows)), rows)


@pytest.mark.parametrize("sizes", [(3000, 2000), (300, 4, 3000), (2, 3), (0, 5), (3000, 0), (0,)])
def test_tables_one_below_the_other(sizes):
    """Of columns of one value, of one value in each table, and of larger numbers further down."""
    parts = [made_rows(size, 10 ** (3 * place)) for place, size in enumerate(sizes)]
    for place, part in enumerate(parts):
        part["zeros"], part["lam"] = 3, np.nan
        part["nonfinite"], part["k"] = 100 * place, [0.0, -0.0, 1.0][place]
    parts[-1]["n"] = 2**63 - 1
    assert_same(NumberColumns.of(iter(parts), sum(sizes)), np.concatenate(parts))


@pytest.mark.parametrize("size", [5, 3000])
def test_sorting_and_cutting(size):
    rows = made_rows(size, 300)
    rows["n"] = 7
    order = RNG.permutation(size)
    columns = NumberColumns.of([rows], len(rows))
    columns.sort(order)
    assert_same(columns, rows[order])
    assert_same(columns.part(2, 4), rows[order][2:4])
    assert_same(columns.part(size, size), rows[:0])


def test_slices_that_were_not_counted():
    assert_same(NumberColumns.of([blank_numbers(4000)], 4000), blank_numbers(4000))


def test_slices_in_rounds_are_those_of_one_scan(tmp_path, write_checkpoint, monkeypatch):
    """Of every sort: scaled by one number, integers, names in no order, no elements."""
    tensors = {"lm_head.weight_scale": ("F32", (1,), np.float32(0.5).tobytes())}
    for i in RNG.permutation(40).tolist():
        values = RNG.normal(size=(16, 16)).astype("<f4")
        tensors[f"h.{i}.attn.q_proj.weight"] = ("F32", (16, 16), values.tobytes())
    tensors["h.3.mlp.up_proj.bias"] = ("F32", (0,), b"")
    tensors["lm_head.weight"] = ("F8_E4M3", (4, 119), bytes(range(1, 120)) * 4)
    tensors["position_ids"] = ("I64", (4,), bytes(32))
    path = write_checkpoint(tmp_path / "model.safetensors", tensors)
    calls = []
    whole = wg.fit(path, progress=lambda *done: calls.append(done))
    total = calls[-1][1]
    monkeypatch.setattr(checkpoint_slices, "_SLICES_IN_ROUND", 7)
    calls.clear()
    found = wg.fit(path, progress=lambda *done: calls.append(done))
    assert repr(found.to_dict()) == repr(whole.to_dict())
    assert calls == sorted(calls) and {of for _, of in calls} == {total}
    assert calls[-1] == (total, total)


def test_rounds_that_lie_in_one_of_several_files(tmp_path, write_checkpoint, monkeypatch):
    """Each file has a format and shapes that the other lacks; both are fitted alone as well."""
    monkeypatch.setattr(checkpoint_slices, "_SLICES_IN_ROUND", 300)
    together = tmp_path / "together"
    together.mkdir()
    alone = {}
    for number, (dtype, rows) in enumerate((("F32", 4), ("F16", 8)), start=1):
        tensors = {}
        for i in range(700):
            values = RNG.normal(size=(rows, 16)).astype({"F32": "<f4", "F16": "<f2"}[dtype])
            tensors[f"{number}x{i}.weight"] = (dtype, (rows, 16), values.tobytes())
        tensors[f"ids{number}"] = (("I64", "I32")[number - 1], (2,), bytes(16 // number))
        name = f"model-{number:05d}-of-00002.safetensors"
        write_checkpoint(together / name, tensors)
        (tmp_path / str(number)).mkdir()
        path = write_checkpoint(tmp_path / str(number) / "model.safetensors", tensors)
        alone |= {each.tensor: each for each in wg.fit(path).slices}
    found = {each.tensor: each for each in wg.fit(together).slices}
    assert found.keys() == alone.keys()
    for name, each in found.items():
        assert repr(each.to_dict()) == repr(alone[name].to_dict())
