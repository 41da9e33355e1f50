"""What `fit` and `diagnose` say of tensors without numbers."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

import health_models as models
import weightgauge as wg
from weightgauge.cli import main
from weightgauge.reporting.views.fit import fit_document
from weightgauge.reporting.writers.medium import Medium
from weightgauge.reporting.writers.text import write

LAYER = "model.layers.{}."
PACKED = (
    *("model.layers.9.self_attn.o_proj.qweight", "model.layers.9.self_attn.o_proj.qzeros"),
    *("model.layers.9.self_attn.o_proj.scales", "model.layers.9.self_attn.o_proj.g_idx"),
)


@pytest.fixture
def pages(tmp_path, write_checkpoint):
    """Write a model; return the pages of fit and of diagnose."""

    def make(change):
        fresh, config = models.llama(seed=1)
        tensors = {name: array for name, array in fresh.items() if array.ndim > 1}
        folder = models.put(write_checkpoint, tmp_path / "m", {**tensors, **change}, config)
        diagnosed = CliRunner().invoke(main, ["diagnose", str(folder)]).stdout
        return write(fit_document(wg.fit(folder)), Medium(width=None)), diagnosed

    return make


def zeros(*shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ""),
        ({LAYER.format(0) + "self_attn.q_proj.bias": zeros(128)}, "1 bias of zeros"),
        (
            {LAYER.format(n) + "self_attn.q_proj.bias": zeros(128) for n in range(3)},
            "3 biases of zeros",
        ),
        ({LAYER.format(2) + "mlp.up_proj.weight": zeros(256, 128)}, "1 tensor of zeros"),
        ({LAYER.format(2) + "mlp.up_proj.weight": zeros(256, 128) + np.nan}, "1 tensor of NaN"),
        ({LAYER.format(2) + "mlp.up_proj.weight": zeros(0, 128)}, "1 tensor without elements"),
        ({"model.norm.weight": zeros(128) + 1}, "1 norm of one value"),
        ({"model.position_ids": np.arange(512)}, "1 integer tensor"),
    ],
)
def test_what_was_not_measured_is_counted_by_its_reason(pages, change, told):
    for page in pages(change):
        (line,) = [line for line in page.splitlines() if "measured" in line and "tensor" in line]
        assert line.partition("; not measured: ")[2] == told
        assert (" of " in line.partition("tensors")[0]) == bool(told)


def test_packed_weights_are_not_told_as_no_weights(pages):
    of_matrix = (
        *(np.zeros((16, 128), np.int32), np.zeros((1, 32), np.int32)),  # eight bits each
        *(zeros(1, 128) + 1, np.zeros(128, np.int32)),
    )
    for page in pages(dict(zip(PACKED, of_matrix, strict=True))):
        (line,) = [line for line in page.splitlines() if "; not measured: " in line]
        reasons = line.partition("; not measured: ")[2].split(", ")
        assert sorted(reasons) == ["1 packed tensor", "3 tensors beside packed or scaled weights"]


@pytest.mark.parametrize(
    ("matrix", "cell"),
    [
        (zeros(256, 128), "zeros"),
        (zeros(256, 128) + np.nan, "NaN"),
        (zeros(0, 128), "empty"),
    ],
)
def test_a_cell_says_what_there_is_in_place_of_numbers(pages, matrix, cell):
    page, _ = pages({LAYER.format(2) + "mlp.up_proj.weight": matrix})
    (row, _) = [line.split() for line in page.splitlines() if line.startswith("    2  ")]
    assert cell in row


def test_a_note_says_why_there_are_no_numbers(pages):
    name = LAYER.format(0) + "self_attn.q_proj.bias"
    page, _ = pages({name: zeros(128)})
    assert f"Without numbers, because all 128 elements are zero: {name}." in page
