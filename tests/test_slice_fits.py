"""The slices of a fit: a sequence whose records are made when somebody asks for them."""

from __future__ import annotations

import copy
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest

import weightgauge as wg
from fused_models import FUSED
from weightgauge.fits.kind_summary import summaries
from weightgauge.fits.pieces import counted, divided, wholes
from weightgauge.fits.slice_fit import table_order
from weightgauge.fits.slice_fits import SliceFits
from weightgauge.fits.slice_rows import SliceRows
from weightgauge.records import flat
from weightgauge.reporting.views.fit import fit_document
from weightgauge.reporting.writers.formats import FORMATS
from weightgauge.reporting.writers.medium import Medium


@pytest.fixture
def model(tmp_path, write_checkpoint):
    """Slices of all sorts: fitted, sparse, degenerate, packed, integers, scaled codes."""
    rng = np.random.default_rng(5)

    def normal(*shape):
        return "F32", shape, rng.normal(0.0, 0.02, shape).astype("<f4").tobytes()

    sparse = np.where(rng.random(4096) < 0.5, 0, rng.normal(size=4096)).astype("<f4")
    tensors = {
        "lm_head.weight": normal(40, 32),
        "h.1.attn.q_proj.weight": normal(32, 32),
        "h.0.attn.q_proj.weight": ("F32", (64, 64), sparse.tobytes()),
        "h.0.attn.k_proj.weight": ("F32", (8, 8), bytes(256)),
        "h.0.attn.v_proj.weight": ("F8_E4M3", (4, 119), bytes(range(1, 120)) * 4),
        "h.0.attn.v_proj.weight_scale": normal(1),
        "h.0.attn.o_proj.weight": ("F8_E4M3", (4, 119), bytes(range(1, 120)) * 4),
        "h.0.attn.o_proj.weight_scale": normal(3),
        "position_ids": ("I64", (4,), bytes(32)),
    }
    return wg.fit(write_checkpoint(tmp_path / "model.safetensors", tensors))


def test_it_is_like_a_tuple_of_records(model):
    slices = model.slices
    records = tuple(slices)
    assert slices == records and records == slices
    assert slices != records[:-1] and slices != list(records)
    assert hash(slices) == hash(records)
    assert len(slices) == len(records) == 9
    assert slices[-1] is records[-1] and slices[0] is records[0]
    assert slices[2:5] == records[2:5] and slices[::-1] == records[::-1]
    assert list(reversed(slices)) == list(reversed(records))
    assert records[3] in slices and slices.index(records[3]) == 3
    for beyond in (9, -10):
        with pytest.raises(IndexError):
            slices[beyond]
    assert repr(slices) == "<SliceFits: 9 slices, 5 of them fitted>"


def test_records_tell_how_each_slice_went(model):
    found = {item.tensor.split(".")[-2]: item.status for item in model if "." in item.tensor}
    assert [item.status for item in model.select(kind="q")] == ["sparse", "ok"]
    assert found["k_proj"] == "empty"
    assert [item.status for item in model.select(kind="v")] == ["ok"]
    assert [item.status for item in model.select(kind="o")] == ["scale_not_applied"]
    absent = [item.reason for item in model if item.status == "not_applicable"]
    assert len(absent) == 3
    assert "I64 holds no floating-point weights" in absent
    assert "scale of 'h.0.attn.v_proj.weight'" in absent


def test_copies_are_equal_and_do_not_need_the_checkpoint(model):
    fitted = model.select(kind=("q", "v", "head"))
    for made in (copy.copy(model.slices), pickle.loads(pickle.dumps(model.slices))):
        assert repr(list(made)) == repr(list(model.slices))
        assert [item for item in made if item.fitted and item in fitted]
    assert repr(pickle.loads(pickle.dumps(model)).to_dict()) == repr(model.to_dict())


def assert_columns_are_of_records(slices):
    """Each column has what the records have, which are made one by one."""
    records = tuple(slices)
    for field in fields(wg.SliceFit):
        column = slices.column(field.name)
        values = column.tolist() if isinstance(column, np.ndarray) else list(column)
        assert repr(values) == repr([getattr(item, field.name) for item in records]), field.name


def test_columns_are_those_of_the_records(model):
    assert_columns_are_of_records(model.slices)


def test_rows_are_those_of_the_records(model):
    dicts = [item.to_dict() for item in model.slices]
    for slices in (model.slices, tuple(model.slices)):
        rows, flat_rows = SliceRows(slices), SliceRows(slices, flat=True)
        assert [list(row.items()) for row in rows] == [list(row.items()) for row in dicts]
        assert list(flat_rows) == flat(wg.SliceFit, dicts)
        assert rows[3] == dicts[3] and rows[-1] == dicts[-1] and rows[2:4] == dicts[2:4]
        assert list(rows.part(2, 5)) == dicts[2:5]
    assert model.to_dicts() == dicts


def test_no_form_of_a_fit_needs_a_record_of_every_slice(monkeypatch):
    values = np.random.default_rng(3).normal(size=(5, 100, 3, 8, 8)).astype("<f4")
    model = wg.fit(
        {
            f"layers.{block}.mlp.experts.{expert}.{kind}_proj.weight": values[block, expert, place]
            for block, expert in np.ndindex(5, 100)
            for place, kind in enumerate(("gate", "up", "down"))
        }
    )
    made, record = [], SliceFits._record
    monkeypatch.setattr(
        SliceFits,
        "_record",
        lambda self, row, numbers: made.append(row) or record(self, row, numbers),
    )
    fresh = replace(model, slices=model.slices.part(0, len(model)))
    for form in ("json", "jsonl", "csv", "tsv", "human", "html", "markdown", "latex"):
        assert FORMATS[form].write(fit_document(fresh), Medium())
    assert len(model) == 1500 and len(made) == 0


@pytest.mark.parametrize(
    "options", [{"errors": "independent"}, {"protocol": "paper"}, {"zeros": "censor"}, {}]
)
def test_columns_of_other_fits(options, tmp_path, write_checkpoint):
    values = np.random.default_rng(9).normal(size=(256, 64)).astype("<f4")
    values[0, 0], values[1], values[:, 2] = np.nan, 0.0, 0.0
    tensors = {
        "model.embed_tokens.weight": ("F32", values.shape, values.tobytes()),
        "h.0.attn.q_proj.weight": ("F32", (4, 4), bytes(64)),
        "h.0.mlp.up_proj.weight": ("F32", (64, 256), np.roll(values, 7).tobytes()),
        "h.0.mlp.up_proj.bias": ("F32", (0,), b""),
    }
    path = write_checkpoint(tmp_path / "model.safetensors", tensors)
    assert_columns_are_of_records(wg.fit(path, **options).slices)


@pytest.mark.parametrize("family", ["GPT-2", "gpt-oss", "Falcon 40B"])
@pytest.mark.parametrize("per", ["tensor", "head", "expert"])
def test_columns_and_records_give_the_same_summaries(family, per, tmp_path):
    model = wg.fit(FUSED[family]().save(tmp_path / "model", np.float32), per=per)
    assert_columns_are_of_records(model.slices)
    records = tuple(model.slices)
    assert repr(summaries(model.slices)[:]) == repr(summaries(records)[:])
    for choose in (counted, divided):
        assert [id(item) for item in choose(model.slices)] == [id(item) for item in choose(records)]
    assert wholes(model.slices) == wholes(records)


@pytest.mark.parametrize("family", FUSED)
@pytest.mark.parametrize("per", ["tensor", "head", "expert"])
def test_slices_come_in_the_order_of_tables(family, per, tmp_path):
    model = wg.fit(FUSED[family]().save(tmp_path / "model", np.float32), per=per)
    assert list(model.slices) == sorted(model.slices, key=table_order)


def test_products_count_where_nothing_else_of_their_kind_does(tmp_path, write_checkpoint):
    rng = np.random.default_rng(6)
    shapes = {
        "h.0.attn.q_proj.weight": (32, 32),
        "h.0.attn.q_proj.lora_A.weight": (4, 32),
        "h.0.attn.q_proj.lora_B.weight": (32, 4),
        "h.0.attn.v_proj.lora_A.weight": (4, 32),
        "h.0.attn.v_proj.lora_B.weight": (32, 4),
    }
    path = write_checkpoint(
        tmp_path / "model.safetensors",
        {
            name: ("F32", shape, rng.normal(size=shape).astype("<f4").tobytes())
            for name, shape in shapes.items()
        },
    )
    model = wg.fit(path)
    assert_columns_are_of_records(model.slices)
    assert model["q"].slices == 1 and model["v"].slices == 1
    assert [item.is_product for item in model.counted if item.kind in ("q", "v")] == [False, True]
    assert summaries(tuple(model.slices)) == model.kinds
