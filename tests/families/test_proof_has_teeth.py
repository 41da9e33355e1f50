"""The proof by zeroing detects wrong rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from families import cuts
from families.cuts import Layout
from families.rules import (
    DOWN,
    GATE,
    GATE_UP,
    GROUPED_QKV,
    K_FULL,
    OUTPUT,
    PER_HEAD,
    RULES,
    THIRDS,
    UP,
    K,
    V,
    matrix,
    stacked,
    turned,
)
from families.sizes import FULL

for _needed in ("torch", "transformers"):
    pytest.importorskip(_needed, reason=f"the families' models need .[families]: no {_needed}")

UP_GATE = Layout("gate_up", cuts.halves("up", "gate"))
WRONG = [
    ("llama", {"self_attn.q_proj": K_FULL}),
    ("llama", {"self_attn.k_proj": V, "self_attn.v_proj": K}),
    ("llama", {"mlp.gate_proj": UP, "mlp.up_proj": GATE}),
    ("llama", {"self_attn.o_proj": DOWN}),
    ("mistral", {"self_attn.o_proj": replace(OUTPUT, axis=0)}),
    ("gpt_neox", {"attention.query_key_value": THIRDS}),
    ("mpt", {"attn.Wqkv": PER_HEAD}),
    ("codegen", {"attn.qkv_proj": THIRDS}),
    ("falcon_40b", {"self_attention.query_key_value": GROUPED_QKV}),
    ("phi3", {"self_attn.qkv_proj": Layout("qkv", cuts.grouped)}),
    ("modernbert", {"mlp.Wi": UP_GATE}),
    ("granitemoe", {"input_linear": stacked(UP_GATE)}),
    ("gpt_oss", {"experts.gate_up_proj": stacked(turned(GATE_UP))}),
    ("llama4_text", {"experts.gate_up_proj": stacked(GATE_UP)}),
    ("mixtral", {"experts.@.w1": UP, "experts.@.w3": GATE}),
    ("deepseek_v3", {"self_attn.kv_b_proj": Layout("kv_b", cuts.halves("k", "v"))}),
    ("qwen3_next", {"self_attn.q_proj": Layout("q", cuts.halves("q", "q_gate"))}),
    ("gpt2", {"attn.c_proj": OUTPUT}),
    ("t5", {"DenseReluDense.wi": GATE, "DenseReluDense.wo": DOWN}),
    ("t5", {"relative_attention_bias": matrix("router")}),
    ("opt", {"project_in": matrix("embed")}),
    ("bert", {"output.dense": OUTPUT}),
    ("siglip", {"head.attention.in_proj_weight": PER_HEAD}),
]


@pytest.mark.parametrize(("family", "changes"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_rule_is_found(
    family: str, changes: dict[str, Layout], monkeypatch: pytest.MonkeyPatch
) -> None:
    from families.subject import make
    from families.zeroing import Prover

    monkeypatch.setitem(RULES, family, {**RULES[family], **changes})
    with pytest.raises((AssertionError, KeyError, ValueError)):
        Prover(make(family, FULL)).prove_all()
