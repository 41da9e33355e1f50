"""Rows and columns of zeros, or far larger than others: which are told of."""

from __future__ import annotations

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from health_models import DOWN, LAYER, OUT, UP, Q, wide


def test_rows_of_zeros_of_an_embedding_belong_to_tokens_that_do_not_exist(
    write_checkpoint, tmp_path
):
    tensors, config = models.llama(seed=1, hidden=1024, inner=16, vocab=64, kv=16, blocks=1)
    tensors["model.embed_tokens.weight"][-9:] = 0
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    told = [each for each in wg.fit(path).findings if each.id == "unused-rows"]
    assert [(each.tensor, each.value, each.level) for each in told] == [
        ("model.embed_tokens.weight", 9, "note")
    ]


def test_a_matrix_most_of_whose_rows_are_zero_is_a_fault(write_checkpoint, tmp_path):
    tensors, config = models.llama(seed=1)
    tensors[UP][101:] = 0
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    (told,) = (each for each in wg.fit(path).findings if each.id in ("dead-rows", "zero-hole"))
    assert (told.level, told.tensor) == ("fault", UP)


def test_more_rows_of_zeros_than_padding_are_a_warning(write_checkpoint, tmp_path):
    tensors, config = models.llama(seed=1)
    tensors["model.embed_tokens.weight"][200:] = 0
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    (told,) = (each for each in wg.fit(path).findings if each.id == "unused-rows")
    assert (told.level, told.value) == ("warning", 312)
    assert "of 512 rows 312 are all zeros" in told.message


def test_whole_rows_of_zeros_that_are_no_pages_are_a_warning(write_checkpoint, tmp_path):
    tensors, config = models.llama(seed=1)
    name = "model.layers.0.mlp.up_proj.weight"
    for other, shape in (("up", (256, 768)), ("gate", (256, 768)), ("down", (768, 256))):
        values = models.trained(np.random.default_rng(3), *shape).astype(np.float16)
        tensors[name.replace("up", other)] = values
    tensors[name][[7, 8, 9]] = 0
    config["intermediate_sizes"] = [256] * 6  # so that blocks may differ in shape
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    told = {(each.id, each.level) for each in wg.fit(path).findings if each.tensor == name}
    assert ("dead-rows", "warning") in told and "fault" not in {level for _, level in told}


DEAD_COLUMNS = {
    "half of one matrix": ({DOWN: 128}, {}, "fault"),
    "less than half": ({DOWN: 127}, {}, "warning"),
    "inputs from the residual stream": ({Q: 64}, {}, "fault"),
    "neurons that were taken out": ({DOWN: 128}, {LAYER.format(4, "mlp.up_proj"): 128}, "warning"),
    "heads that were taken out": ({OUT: 64}, {LAYER.format(3, "self_attn.v_proj"): 64}, "warning"),
    "other neurons": ({DOWN: 128}, {LAYER.format(1, "mlp.up_proj"): 64}, "fault"),
    "the same in another block": ({Q: 64, LAYER.format(4, "self_attn.q_proj"): 9}, {}, "warning"),
}


@pytest.mark.parametrize("case", DEAD_COLUMNS)
def test_half_a_matrix_of_dead_columns_is_a_fault_unless_it_was_pruned(
    write_checkpoint, tmp_path, case
):
    columns, rows, level = DEAD_COLUMNS[case]
    tensors, config = models.llama(seed=1)
    for name, number in columns.items():
        tensors[name][:, -number:] = 0
    for name, number in rows.items():
        tensors[name][:number] = 0
    found = wg.fit(models.put(write_checkpoint, tmp_path / "m", tensors, config)).findings
    first = next(iter(columns))
    (told,) = (each for each in found if each.id == "dead-columns" and each.tensor == first)
    assert (told.level, told.value) == (level, columns[first])


@pytest.mark.parametrize(("kind", "heads"), [("q", 12), ("k", 12), ("v", 12), ("k", 4)])
@pytest.mark.parametrize("dead", [1, 2])
def test_heads_of_zeros_are_rows_of_zeros_and_not_pages_of_a_file(
    kind, heads, dead, write_checkpoint, tmp_path
):
    """Eight rows of 1.5 KiB fill three pages, and every head is eight times four rows long."""
    rng = np.random.default_rng(5)
    tensors = {
        f"encoder.layer.{block}.attention.self.{name}.weight": models.trained(
            rng, 32 * (12 if name == "query" else heads), 384
        ).astype(np.float32)
        for block in range(4)
        for name in ("query", "key", "value")
    }
    name = {"q": "query", "k": "key", "v": "value"}[kind]
    name = f"encoder.layer.2.attention.self.{name}.weight"
    tensors[name][64 : 64 + 32 * dead] = 0
    config = {"num_attention_heads": 12, "num_key_value_heads": heads, "hidden_size": 384}
    config |= {"model_type": "bert", "num_hidden_layers": 4}
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    found = wg.fit(path).findings
    told = [(each.id, each.level, each.value) for each in found if each.tensor == name]
    assert ("dead-rows", "warning", 32 * dead) in told
    assert "zero-hole" not in {each for each, *_ in told}


def test_short_rows_that_fill_pages_and_no_heads_are_pages_of_a_file():
    tensors = {
        f"encoder.layer.{block}.intermediate.dense.weight": models.trained(
            np.random.default_rng(block), 1536, 384
        ).astype(np.float32)
        for block in range(4)
    }
    name = "encoder.layer.2.intermediate.dense.weight"
    tensors[name][64 : 64 + 32] = 0
    told = [each for each in wg.fit(tensors).findings if each.tensor == name]
    assert "zero-hole" in {each.id for each in told}


def test_lines_of_kernels_and_stacks_are_those_of_their_matrices():
    rng = np.random.default_rng(31)

    def found(name, values):
        return [(each.id, each.value) for each in wg.fit({name: values}).findings]

    kernel = rng.standard_normal((384, 80, 3)).astype(np.float32)
    kernel[:, 7] = 0
    assert found("model.encoder.conv1.weight", kernel) == [("dead-columns", 3)]
    kernel = rng.standard_normal((64, 128, 3, 3)).astype(np.float32)
    kernel[5] = 0
    assert found("model.encoder.conv1.weight", kernel) == [("dead-rows", 1)]
    stack = rng.standard_normal((8, 64, 1024)).astype(np.float32)
    stack[3, :, 7] = 0
    stack[2, 5] = 0
    told = found("model.layers.0.mlp.experts.down_proj", stack)
    assert sorted(told) == [("dead-columns", 1), ("dead-rows", 1)]


def test_rows_of_state_space_layers_are_asked_and_their_logarithms_are_well():
    rng = np.random.default_rng(7)
    stem = "backbone.layers.0.mixer."
    values = models.trained(rng, 256, 128).astype(np.float32)
    values[7] *= 100
    logs = np.log(np.tile(np.arange(1, 17, dtype=np.float32), (256, 1)))
    found = wg.fit({f"{stem}in_proj.weight": values, f"{stem}A_log": logs}).findings
    told = [(each.id, each.tensor, each.value) for each in found if each.level != "note"]
    assert told == [("large-rows", f"{stem}in_proj.weight", 1)]


@pytest.mark.parametrize(
    "name", ["stft.forward_basis_buffer", "stft_conv.weight", "time2freq/stft-imag/kernel:0"]
)
def test_sines_of_a_transform_are_zero_where_they_are(name):
    """Of a Fourier transform the first and the last sine are zero, and one end of a window is."""
    angles = np.outer(np.arange(129), np.arange(256)) * (2 * np.pi / 256)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    sines = (np.concatenate([np.cos(angles), np.sin(angles)]) * window).astype(np.float32)
    sines[np.abs(sines) < 1e-6] = 0  # what rounding leaves
    fits = wg.fit({name: sines})
    assert fits.slices[0].zero_rows == 2 and fits.slices[0].zero_columns == 1
    assert [each.id for each in fits.findings] == []
    assert {each.id for each in wg.fit({"conv1.weight": sines}).findings} == {
        "dead-rows",
        "dead-columns",
    }


def test_large_rows_of_a_part_are_told_of_the_part_alone(write_checkpoint, tmp_path):
    tensors, config = models.gpt2(seed=1)
    name = "h.3.attn.c_attn.weight"
    tensors[name] = wide(tensors, name)
    tensors[name][:, 130] *= 100
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    found = wg.fit(path).findings
    told = [(each.id, each.part) for each in found if each.id.startswith("large-")]
    assert told == [("large-columns", "k")]


@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.8, 0.9, 0.95])
def test_large_columns_of_pruned_matrices_make_no_row_large(zeros):
    rng = np.random.default_rng(9)
    weights = rng.normal(0, 0.02, (1024, 1024)).astype(np.float32)
    weights[:, [5, 20, 40, 50, 60, 61, 62, 63]] *= 300
    weights *= rng.random(weights.shape) >= zeros
    (item,) = wg.fit({"model.layers.0.mlp.up_proj.weight": weights}).slices
    assert item.large_rows == 0
    assert item.large_columns in (0, 8)  # of few weights there may be too few to look for them
