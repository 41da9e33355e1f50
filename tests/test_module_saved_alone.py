"""Codes of a module that was saved alone: its tensors have only the last parts of their names."""

from __future__ import annotations

import numpy as np
import pytest

import test_nvfp4
import weightgauge as wg
from blockwise_matrices import Blockwise
from mlx_matrices import Affine
from packed_matrices import Quantised, as_stored

WHOLE = "model.layers.0.self_attn.q_proj"


def quantised():
    return Quantised(64, 128, 32, symmetric=False)


def nvfp4(layout):
    named = test_nvfp4.named(layout, *test_nvfp4.draw())
    return {name.rpartition(".")[2]: stored for name, stored in named.items()}


def stored(tensors):
    return {name: as_stored(array) for name, array in tensors.items()}


def int8():
    codes = np.random.default_rng(1).integers(-127, 128, (64, 96)).astype(np.int8)
    scales, form = np.full(64, 0.1, np.float32), np.array(0, np.uint8)
    return {"weight": codes, "SCB": scales, "weight_format": form}


FORMS = {
    "NVFP4 of ModelOpt": lambda: nvfp4("modelopt"),
    "NVFP4 of compressed-tensors": lambda: nvfp4("ct"),
    **{
        form: lambda form=form: stored(getattr(quantised(), form)())
        for form in ("compressed", "gptq", "awq")
    },
    "MLX": lambda: stored(Affine(64, 128, bits=5).tensors()),
    "bitsandbytes": lambda: stored(Blockwise(64, 128, nested=True).tensors()),
    "LLM.int8": lambda: stored(int8()),
}


@pytest.mark.parametrize("form", FORMS)
def test_codes_without_a_module_are_those_of_one(form, tmp_path, write_checkpoint):
    tensors = FORMS[form]()
    within = {f"{WHOLE}.{name}": stored for name, stored in tensors.items()}
    alone = wg.fit(write_checkpoint(tmp_path / "alone.safetensors", tensors))
    whole = wg.fit(write_checkpoint(tmp_path / "whole.safetensors", within))
    assert [item.tensor for item in alone.slices if item.decoded] == [next(iter(tensors))]
    for name in tensors:
        (one,) = (item for item in alone.slices if item.tensor == name)
        (other,) = (item for item in whole.slices if item.tensor == f"{WHOLE}.{name}")
        assert (one.decoded, one.n, one.zeros) == (other.decoded, other.n, other.zeros)
        assert one.digest == other.digest
        if one.decoded:
            assert (one.k, one.lam, one.shape) == (other.k, other.lam, other.shape)
    assert [each.id for each in alone.findings if each.level == "fault"] == []


@pytest.mark.parametrize("form", ["compressed", "gptq", "bitsandbytes", "LLM.int8"])
def test_lost_codes_are_missed_by_their_own_name(form, tmp_path, write_checkpoint):
    lost, *left = (tensors := FORMS[form]())
    named = {name: tensors[name] for name in left}
    found = wg.fit(write_checkpoint(tmp_path / "alone.safetensors", named)).findings
    assert [each.place.tensor for each in found if each.id == "missing-part"] == [lost]


def test_a_lost_table_is_missed_by_its_own_name(tmp_path, write_checkpoint):
    tensors = FORMS["bitsandbytes"]()
    del tensors["weight.quant_map"]
    found = wg.fit(write_checkpoint(tmp_path / "alone.safetensors", tensors)).findings
    missing = [each.place.tensor for each in found if each.id == "missing-part"]
    assert missing == ["weight.quant_map"]
