"""Models that hold plain tensors beside fused, scaled and uncounted ones, slice by slice."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

import weightgauge as wg
from weightgauge.anatomy.components import Component
from weightgauge.anatomy.layouts import Cut, MatrixLayout, Slice, Slices
from weightgauge.checkpoint import TensorInfo
from weightgauge.fits.slice_fits import SliceFits

HIDDEN, HEADS, FEW, MANY = 32, 4, 5, 40


def normal(rng, *shape):
    return rng.normal(0.0, 0.02, shape).astype(np.float32)


def mixed(few, many):
    """Tensors by name, and the values of each: runs of few plain ones and of many, others between.

    Of codes the values are products with the scale, as in the file's own formats.
    """
    rng = np.random.default_rng(3)
    tensors, values = {}, {}
    for block in range(3):
        at = f"model.layers.{block}."
        for i in range(many if block == 1 else few):
            name = f"{at}mlp.experts.{i}.up_proj.weight"
            tensors[name] = values[name] = normal(rng, 16, HIDDEN)
        name = f"{at}mlp.experts.{few // 2}.down_proj.weight"
        codes = (50 * normal(rng, HIDDEN, 16)).astype(ml_dtypes.float8_e4m3fn)
        scale = np.float32([[0.5 + block]])
        tensors[name], tensors[f"{name}_scale_inv"] = codes, scale
        values[name] = codes.astype(np.float64) * scale
        name = f"{at}self_attn.qkv_proj.weight"
        tensors[name] = values[name] = normal(rng, 3 * HIDDEN, HIDDEN)
        tensors[f"{at}self_attn.rotary_emb.positions"] = np.arange(7)
    values[f"{at}mlp.experts.0.up_proj.weight"][0, :20] = 0  # which is many
    return tensors, values


@pytest.fixture(params=[(FEW, MANY), (1, 2)])
def model(request, tmp_path):
    tensors, values = mixed(*request.param)
    save_file(tensors, tmp_path / "model.safetensors")
    config = {"model_type": "phi3", "hidden_size": HIDDEN, "num_attention_heads": HEADS}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path, values


def pieces_of(values, item):
    """The elements of a slice: of q, k and v a third of the rows each, of a head its rows."""
    if item.part is None:
        return values
    thirds = dict(zip("qkv", np.split(values, 3), strict=True))
    part = thirds[item.kind]
    return part if item.head is None else np.split(part, HEADS)[item.head]


@pytest.mark.parametrize("per", ["tensor", "head"])
def test_every_slice_has_the_numbers_of_its_own_elements(model, per):
    path, values = model
    found = wg.fit(path, per=per).slices
    fitted = [item for item in found if item.fitted]
    assert {item.tensor for item in fitted} == set(values)
    wholes = per == "tensor"
    assert len(fitted) == len(values) + 3 * (3 if wholes else 3 * HEADS - 1)
    for item in fitted:
        own = pieces_of(values[item.tensor], item)
        assert item.n + item.zeros == own.size and item.shape == own.shape
        assert item.max == pytest.approx(np.abs(own).max(), rel=1e-6)
        assert item.rms == pytest.approx(np.sqrt(np.mean(own.astype(np.float64) ** 2)), rel=1e-6)
    others = [item for item in found if not item.fitted]
    assert len(others) == 6 and {item.status for item in others} == {"not_applicable"}


def test_records_are_made_of_what_is_told_of_and_of_nothing_else(model, monkeypatch):
    """What looks at all slices looks at columns, with scales and fused tensors among them too."""
    path, _ = model
    made = []
    record = SliceFits._record
    monkeypatch.setattr(SliceFits, "_record", lambda *args: made.append(args[1]) or record(*args))
    found = wg.fit(path)
    told = {each.tensor for each in found.findings if each.id == "zero-share"}
    assert told == {"model.layers.2.mlp.experts.0.up_proj.weight"}
    assert {found.slices[row].tensor for row in set(made)} == told


def some_slices(size, first=0):
    """Slices with something of their own in every column."""
    return [
        Slice(
            TensorInfo(f"t{i}", ("F32", "BF16")[i % 2], (i, 2), i % 3, 8 * i, 8 * i),
            Component(("q", "k")[i % 2], i % 4 or None, None, i % 5, None, str(i % 2)),
            (i, 2),
            Cut("q", "q", None, None, (i, 2), i, ((2 * i, 1),)) if i % 3 == 0 else None,
            f"note {i % 4}",
            None,
            MatrixLayout(i, 1, 1),
        )
        for i in range(first, first + size)
    ]


@pytest.mark.parametrize("size", [3, 1500])
@pytest.mark.parametrize("others", [1, 4, 1200])
def test_columns_are_joined_and_replaced_as_records_are(size, others):
    slices, more = some_slices(size), some_slices(others, 5000)
    assert list(Slices.of(slices).plus(Slices.of(more))) == slices + more
    pieces = {0: more, size - 1: some_slices(2, 9000)}
    replaced = [*more, *slices[1:-1], *some_slices(2, 9000)]
    assert list(Slices.of(slices).with_pieces(pieces)) == replaced
    assert list(Slices.of(slices).with_pieces({})) == slices
