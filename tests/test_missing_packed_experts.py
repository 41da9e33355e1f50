"""Experts that are missing of a quantised model: what lies beside the others is no stand-in."""

from __future__ import annotations

import json
import re

import ml_dtypes
import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from packed_matrices import Quantised, as_stored
from packed_models import METHODS

EXPERTS = 8
SCALED = {"quant_method": "fp8", "activation_scheme": "static"}


def stored(form, array, seed):
    """One matrix as an expert has it in one form: names and what `write_checkpoint` takes."""
    if form == "fp8":
        codes = array.astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
        return {
            "weight": ("F8_E4M3", codes.shape, codes.tobytes()),
            "weight_scale": as_stored(np.ones(1, np.float32)),
            "input_scale": as_stored(np.ones(1, np.float32)),
        }
    packed = getattr(Quantised(*array.shape, 32, seed=seed), form)()
    return {leaf: as_stored(each) for leaf, each in packed.items()}


@pytest.fixture(scope="module")
def mixtral():
    """Tensors of a model whose experts are stored in each form, and its configuration."""
    tensors, config = models.llama(
        models.normal, 1, blocks=4, hidden=64, inner=96, vocab=64, kv=64, experts=EXPERTS
    )
    inside = [name for name in tensors if ".experts." in name]
    rest = {
        name: as_stored(array.astype(np.float32))
        for name, array in tensors.items()
        if name not in inside
    }

    def of(form):
        made = dict(rest)
        for seed, name in enumerate(inside):
            parts = stored(form, tensors[name], seed)
            made |= {f"{name.removesuffix('weight')}{leaf}": each for leaf, each in parts.items()}
        return made, config

    return of


LOST = {
    "one expert of one block": (r"layers\.2\..*experts\.3\.", 3, 2, 3),
    "one expert everywhere": (r"experts\.3\.", 3, None, 12),
    "one matrix": (r"layers\.1\..*experts\.6\.w1\.", 6, 1, 1),
    "most experts of one block": (r"layers\.2\..*experts\.[0-4]\.", None, 2, 15),
}


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("form", ["compressed", "gptq", "awq", "fp8"])
def test_lost_experts_of_quantised_models_are_a_fault(
    mixtral, form, lost, write_checkpoint, tmp_path
):
    """As those of a model of plain weights are; and there is none where all are there."""
    tensors, config = mixtral(form)
    pattern, expert, block, number = LOST[lost]

    def faults(kept):
        write_checkpoint(tmp_path / "model.safetensors", kept)
        return [each for each in wg.check(tmp_path).findings if each.level == "fault"]

    stated = config | {"quantization_config": METHODS.get(form, SCALED)}
    (tmp_path / "config.json").write_text(json.dumps(stated))
    assert faults(tensors) == []
    kept = {name: each for name, each in tensors.items() if not re.search(pattern, name)}
    (found,) = faults(kept)
    assert (found.id, found.expert, found.block) == ("missing-part", expert, block)
    if number == 1:
        leaf = "weight" if form == "fp8" else "qweight" if form != "compressed" else "weight_packed"
        assert found.tensor == f"model.layers.1.block_sparse_moe.experts.6.w1.{leaf}"
        assert f"the other {EXPERTS - 1} experts of the block have it" in found.message
    else:
        assert f"({number} tensors: " in found.message
