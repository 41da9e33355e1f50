"""Whatever `config.json` holds, every tensor is fitted as a whole and no part is invented."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from fused_models import FUSED
from fused_parts import Model
from remarks import remarks

SENSELESS = (
    *(None, 0, -1, 7, 10**9, 10**30, 10**299, 1.5, float("nan"), True, "8", "x" * 1000),
    *([], [1, 2], [[[]]], {}, {"a": {"b": 1}}),
)
LONGEST_WARNING = 500


def faults(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Configurations with one key gone or with a value that makes no sense, and none at all."""
    yield {}
    for key in config:
        yield {other: value for other, value in config.items() if other != key}
        for value in SENSELESS:
            yield {**config, key: value}


@pytest.mark.parametrize("family", [name for name in FUSED if FUSED[name]().config])
def test_any_value_of_any_key(family: str, tmp_path) -> None:
    model = FUSED[family]()
    directory = model.save(tmp_path)
    whole = {item.tensor: item for item in wholes(wg.fit(directory))}
    assert whole.keys() == model.tensors.keys()
    for config in faults(model.config or {}):
        (tmp_path / "config.json").write_text(json.dumps(config))
        found = wg.fit(directory)
        assert numbers(wholes(found)) == numbers(whole.values()), config
        assert all(len(line) < LONGEST_WARNING for line in remarks(found))
        assert_pieces_are_true_or_absent(found, model, config)
        assert_every_value_is_counted_once(wg.fit(directory, per="head"), model, config)


ASKED = (
    *("architectures", "tie_word_embeddings", "layer_types", "text_config", "vision_config"),
    *("position_embedding_type", "quantization_config", "hidden_act", "auto_map", "vocab_size"),
    *("attention_k_eq_v", "num_local_experts", "num_hidden_groups", "block_configs", "depths"),
    *("intermediate_size", "rms_norm_eps", "num_hidden_layers", "model_type", "peft_type"),
    *("rank_pattern", "alpha_pattern", "target_parameters", "lora_alpha", "r"),
)
"""Keys that one rule or another asks for, whether a family has them or not."""


@pytest.mark.parametrize("key", ASKED)
def test_keys_that_rules_ask_for_never_raise(key: str, tmp_path, write_checkpoint) -> None:
    tensors, config = models.llama(seed=1, blocks=3, hidden=32, inner=64, vocab=64, kv=32)
    folder = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    for value in SENSELESS:
        (folder / "config.json").write_text(json.dumps({**config, key: value}))
        assert len(wg.fit(folder).slices) == len(tensors)


def wholes(found) -> list:
    return [
        item
        for item in found.slices
        if item.part is None and item.expert is None and item.head is None
    ]


def numbers(items) -> dict[str, str]:
    """What was measured, as text: a norm of four values has no shape parameter, which is NaN."""
    return {
        item.tensor: repr((item.shape, item.n, item.zeros, item.k, item.lam, item.rms, item.max))
        for item in items
    }


def assert_pieces_are_true_or_absent(found, model: Model, config: object) -> None:
    for item in found.slices:
        if item.part is None and item.expert is None:
            continue
        kind, values = model.pieces[item.tensor, item.part, item.expert, item.head]
        assert (item.kind, item.shape) == (kind, values.shape), config
        # Single precision, summed in another order.
        rms = np.sqrt(np.mean(values.astype(float) ** 2))
        assert item.rms == pytest.approx(rms, rel=1e-6), config


def assert_every_value_is_counted_once(found, model: Model, config: object) -> None:
    """With `per="head"`, heads take the place of what they are cut from, or it stays whole."""
    for name, tensor in model.tensors.items():
        items = [item for item in found.slices if item.tensor == name]
        pieces = [item for item in items if item.part or item.head is not None or item.expert]
        assert items, (name, config)
        counted = pieces or items
        if not any(item.expert is not None for item in items):
            assert sum(item.n + item.zeros for item in counted) == math.prod(tensor.shape), config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "config.json"),
        (b"{", "config.json"),
        (b"[1, 2]", "JSON object"),
        (b"null", "JSON object"),
        (b'{"num_attention_heads": 6, "num_attention_heads": 3}', "config.json"),
        (b'{"a": "\xff"}', "config.json"),
        (b'{"a":' * 100_000, "config.json"),
        (b'{"a": 1' + b"0" * 9_000_000 + b"}", "config.json"),
        (b'{"a": "' + b"x" * 10_000_000 + b'"}', "above the limit of 10000000"),
        (b'{"num_attention_heads": ' + b"1" * 5000 + b"}", "config.json"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_file_that_is_no_configuration(text: bytes, words: str, tmp_path) -> None:
    model = FUSED["GPT-2"]()
    directory = model.save(tmp_path)
    (tmp_path / "config.json").write_bytes(text)
    found = wg.fit(directory, per="head")
    (told,) = (each.message for each in found.findings if each.id == "config-unreadable")
    assert words in told
    assert len(told) < LONGEST_WARNING + len(str(tmp_path))
    (tmp_path / "config.json").unlink()
    assert found.slices == wg.fit(directory, per="head").slices


def test_ten_megabytes_that_are_a_configuration(tmp_path) -> None:
    model = FUSED["GPT-NeoX"]()
    directory = model.save(tmp_path)
    expected = wg.fit(directory).slices
    filler = {f"key {i}": ["x" * 90] * 10 for i in range(9_000)}
    text = json.dumps({**filler, **(model.config or {})})
    assert 8_000_000 < len(text) < 10_000_000
    (tmp_path / "config.json").write_text(text)
    found = wg.fit(directory)
    assert (found.slices, remarks(found)) == (expected, ())
