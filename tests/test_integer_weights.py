"""Integers in the place of weights: never a pass; integers that are no weights: never accused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

import health_models as models
import weightgauge as wg
from weightgauge.health.result import PARTIAL

TORCHAO = {"quantization_config": {"quant_method": "torchao"}}


def integers(dtype, *shape):
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(7)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def halves(*shape):
    return np.random.default_rng(8).standard_normal(shape).astype(np.float16)


def stored_as(form, chosen=lambda name: "proj" in name):
    """Return a sound model some of whose matrices are stored in another form, and how many."""
    tensors, config = _model()
    found = {}
    packed = 0
    for name, values in tensors.items():
        if chosen(name):
            owner = name.removesuffix(".weight")
            found |= {f"{owner}.{leaf}": part for leaf, part in form(values).items()}
            packed += 1
        else:
            found[name] = values
    return found, config, packed


def _model():
    return models.llama(hidden=64, inner=128, vocab=256, kv=32)


def put(folder, tensors, config=None, *, shards=1):
    folder.mkdir()
    names = list(tensors)
    for shard in range(shards):
        part = {name: np.ascontiguousarray(tensors[name]) for name in names[shard::shards]}
        name = f"model-{shard + 1:05}-of-{shards:05}" if shards > 1 else "model"
        save_file(part, folder / f"{name}.safetensors")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


FORMS = {
    "bare I8": lambda w: {"weight": integers(np.int8, *w.shape)},
    "bare U8, two in a byte": lambda w: {"weight": integers(np.uint8, len(w), w.shape[1] // 2)},
    "bare I32": lambda w: {"weight": integers(np.int32, *w.shape)},
    "bare I64": lambda w: {"weight": integers(np.int64, *w.shape)},
    "bare BOOL": lambda w: {"weight": w > 0},
    "gpt-fast": lambda w: {"weight": integers(np.int8, *w.shape), "scales": halves(len(w))},
    "BitNet": lambda w: {
        "weight": integers(np.uint8, len(w) // 4, w.shape[1]),
        "weight_scale": halves(1),
    },
    "torchao": lambda w: {
        "_weight_qdata": integers(np.int8, *w.shape),
        "_weight_scale": halves(len(w), 1),
    },
    "torchao int4": lambda w: {
        "_weight_qdata": integers(np.int32, len(w) // 8, w.shape[1] // 16, 4),
        "_weight_scale_and_zero": halves(2, len(w), 2),
    },
    "ExLlamaV3": lambda w: {
        "trellis": integers(np.int16, w.shape[1] // 16, len(w) // 16, 64),
        "suh": halves(w.shape[1]),
        "svh": halves(len(w)),
    },
    "ExLlamaV2": lambda w: {
        "q_weight": integers(np.int32, w.shape[1] // 8, len(w)),
        "q_scale": integers(np.int32, 4, len(w) // 8),
        "q_scale_max": halves(4),
        "q_groups": integers(np.int16, 8),
    },
    "QuIP#": lambda w: {
        "Qidxs": integers(np.int16, len(w), w.shape[1] // 8),
        "SU": halves(w.shape[1]),
        "SV": halves(len(w)),
    },
    "SpQR": lambda w: {
        "dense_weights": integers(np.int64, w.size // 16),
        "row_offsets": integers(np.int32, len(w) + 1),
        "col_vals": integers(np.int32, 99),
    },
    "VPTQ": lambda w: {
        "indices": integers(np.int32, 1, len(w), w.shape[1] // 16),
        "centroids.weight": halves(1, 512),
    },
    "AQLM": lambda w: {
        "codes": integers(np.int16, len(w), w.shape[1] // 8, 1),
        "codebooks": halves(1, 256, 1, 8),
        "scales": halves(len(w), 1, 1, 1),
    },
    "EETQ": lambda w: {"qweight": integers(np.int8, *w.shape), "weight_scales": halves(len(w))},
    "Marlin": lambda w: {"B": integers(np.int32, 4, len(w) * 2), "s": halves(2, len(w))},
    "quanto": lambda w: {
        "weight._data": integers(np.int8, *w.shape),
        "weight._scale": halves(len(w), 1),
    },
    "quanto int4": lambda w: {
        "weight._data._data": integers(np.uint8, len(w) // 2, w.shape[1]),
        "weight._scale": halves(len(w), 1),
        "weight._shift": halves(len(w), 1),
    },
    "sparse": lambda w: {
        "compressed": halves(w.size // 2),
        "bitmask": integers(np.uint8, len(w), w.shape[1] // 8),
        "row_offsets": integers(np.int64, len(w), 1),
    },
    "a form of its own": lambda w: {
        "zipped": integers(np.int16, w.size // 4),
        "book": halves(256, 8),
        "signs": halves(len(w)),
    },
}


def checked(path):
    """Return the exit status of a check, the tensors without measure, and all other complaints."""
    found = wg.check(path)
    without = [each.tensor for each in found.findings if each.id == "unmeasured"]
    others = {(each.id, each.level) for each in found.findings if each.level != "note"}
    return found, without, others - {("unmeasured", "warning")}


@pytest.mark.parametrize("with_config", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_integers_in_place_of_weights_are_never_a_pass(tmp_path, form, with_config):
    tensors, config, packed = stored_as(FORMS[form])
    path = put(tmp_path / "model", tensors, config if with_config else None)
    found, without, others = checked(path)
    assert found.exit_code == PARTIAL
    assert len(without) == packed
    assert others == set()
    assert found.tensors - found.measured == packed
    assert found.findings[0].id == "unmeasured"
    # What belongs to codes is no matrix of its own.
    matrices = {each.tensor for each in wg.fit(path).slices if each.fitted and len(each.shape) > 1}
    assert matrices == {"model.embed_tokens.weight", "lm_head.weight"}


@pytest.mark.parametrize("form", ["bare I8", "torchao", "a form of its own"])
def test_one_block_of_integers_among_floats(tmp_path, form):
    tensors, config, packed = stored_as(
        FORMS[form], lambda name: "layers.2." in name and "proj" in name
    )
    found, without, others = checked(put(tmp_path / "model", tensors, config, shards=2))
    assert (found.exit_code, len(without), others) == (PARTIAL, packed, set())


def test_the_configuration_names_the_quantiser(tmp_path):
    tensors, config, _ = stored_as(FORMS["a form of its own"])
    path = put(tmp_path / "model", tensors, config | TORCHAO)
    assert {str(each.value) for each in wg.check(path).findings if each.id == "unmeasured"} == {
        "packed by torchao, which is not decoded"
    }


def test_stacked_experts_of_a_model_that_says_it_is_quantised(tmp_path):
    tensors, config = _model()
    stem = "model.layers.0.mlp.experts."
    tensors[f"{stem}_gate_up_proj_qdata"] = integers(np.int8, 4, 64, 64)
    tensors[f"{stem}_gate_up_proj_scale"] = np.ones((4, 64, 1), np.float32)
    _, without, _ = checked(put(tmp_path / "model", tensors, config | TORCHAO))
    assert without == [f"{stem}_gate_up_proj_qdata"]


def test_one_line_says_why_for_all(tmp_path):
    from weightgauge.findings import grouped

    tensors, config, packed = stored_as(FORMS["bare I8"])
    (group,) = grouped(
        each
        for each in wg.check(put(tmp_path / "model", tensors, config)).findings
        if each.id == "unmeasured"
    )
    assert group.message.startswith(
        f"{packed} tensors are weights that were not measured (stored as I8"
    )
    assert group.hint


def test_integers_under_names_of_other_libraries_and_in_stacks(tmp_path):
    tensors = {
        "encoder.block_0.dense.kernel": integers(np.int8, 64, 64),
        "layers.0.self_attn.in_proj_weight": integers(np.int8, 192, 64),
        "model.layers.0.mlp.experts.gate_up_proj": integers(np.uint8, 4, 64, 64),
        "features.0.weight": integers(np.int8, 64, 3, 3, 3),
        "flat.weight": integers(np.uint8, 4096),
    }
    found, without, _ = checked(put(tmp_path / "model", tensors))
    assert sorted(without) == sorted(tensors)
    assert (found.exit_code, found.measured) == (PARTIAL, 0)


def test_integers_that_are_no_weights_are_innocent(tmp_path):
    tensors, config = models.gpt2(hidden=64, vocab=256)
    square = np.arange(64 * 64).reshape(64, 64)
    for block in range(config["n_layer"]):
        attention = f"h.{block}.attn."
        tensors[f"{attention}bias"] = np.tril(np.ones((1, 1, 64, 64), np.uint8))
        tensors[f"{attention}relative_position_index"] = square
        tensors[f"{attention}c_attn.weight_mask"] = square > 5
        tensors[f"{attention}c_attn.used"] = square
    tensors |= {
        "position_ids": np.arange(512)[None],
        "token_type_ids": np.zeros((1, 512), np.int64),
        "wte.token_table": square,
        "tokenizer.merges": square,
        "clusters": square,
        "norm.num_batches_tracked": np.array(7),
        "spiece_model": np.zeros(3000, np.uint8),
    }
    for settings in (config, None):
        name = "with" if settings else "without"
        found, without, others = checked(put(tmp_path / name, tensors, settings))
        assert (found.exit_code, without, others) == (0, [], set())
