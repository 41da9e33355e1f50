"""Biases are as long as a side of their weight."""

from __future__ import annotations

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from weightgauge.anatomy.survey import survey


@pytest.fixture
def told(write_checkpoint, tmp_path):
    """Return level, tensor and message of what headers show."""

    def told(tensors, config=None):
        path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
        return [
            (each.level, each.tensor, each.message)
            for each in survey(wg.open_checkpoint(path)).findings
        ]

    return told


def cut(values, sides):
    return np.resize(values, sides)


def zeros(*shape):
    return np.zeros(shape, models.BF16)


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("module", ["attn.c_attn", "mlp.c_proj", "ln_2"])
def test_a_bias_that_is_cut_in_one_block(told, module, stated):
    tensors, config = models.gpt2(seed=1)
    assert told(tensors, config if stated else None) == []
    weight, bias = (f"h.1.{module}.{each}" for each in ("weight", "bias"))
    sides = list(tensors[weight].shape)
    tensors[bias] = cut(tensors[bias], tensors[bias].size - 5)
    shape = list(tensors[bias].shape)
    assert told(tensors, config if stated else None) == [
        ("fault", bias, f"{bias}: shape {shape}; '{weight}' has {sides}")
    ]


def test_biases_of_all_blocks_and_outside_them(told):
    tensors, config = models.gpt2(seed=1)
    biases = [name for name in tensors if name.endswith(("c_fc.bias", "ln_f.bias"))]
    for name in biases:
        tensors[name] = cut(tensors[name], 7)
    found = told(tensors, config)
    # Those of equal form are told of once.
    assert {name for _, name, _ in found} == {min(biases), "ln_f.bias"}


def test_a_weight_that_is_cut_is_told_of_itself(told):
    tensors, config = models.gpt2(seed=1, blocks=6)
    weight = "h.1.mlp.c_fc.weight"
    tensors[weight] = cut(tensors[weight], (128, 500))
    assert [name for _, name, _ in told(tensors, config)] == [weight]


@pytest.mark.parametrize(
    ("shape", "length", "well"),
    [
        ((48, 32), 48, True),  # Linear
        ((48, 32), 32, True),  # Conv1D, whose inputs come first
        ((48, 32), 96, False),
        ((48, 32, 3, 3), 48, True),
        ((48, 8, 3, 3), 32, True),  # transposed, in four groups
        ((48, 8, 3, 3), 47, False),
        ((3, 3, 32, 48), 48, True),  # outputs last, as in Keras and JAX
        ((3, 3, 32, 48), 47, False),
        ((48,), 48, True),
        ((48,), 1, False),
        ((48, 32), 0, True),  # there is nothing to compare, and that is told of elsewhere
    ],
)
def test_what_lengths_fit(told, shape, length, well):
    found = told({"conv.weight": zeros(*shape), "conv.bias": zeros(length)})
    assert [name for level, name, _ in found if level == "fault" and "has [" in _] == (
        [] if well else ["conv.bias"]
    )


def test_a_bias_without_a_weight_of_values(told):
    packed = {"a.weight": np.zeros((64, 1), np.uint8), "a.bias": zeros(48), "b.bias": zeros(48)}
    assert not [each for each in told(packed) if "has [" in each[2]]
