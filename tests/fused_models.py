"""Checkpoints with fused tensors, put together from known matrices as each family stores them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fused_ffn import dbrx, expert_stack, halves
from fused_parts import DIM, HEADS, HIDDEN, KV, Array, Draw, Model, rows


def attention(heads: int = HEADS, kv: int = KV, dim: int = DIM) -> tuple[Array, Array, Array]:
    """Matrices q, k and v as [heads, head_dim, hidden]."""
    draw = Draw()
    return draw(heads, dim, HIDDEN), draw(kv, dim, HIDDEN), draw(kv, dim, HIDDEN)


def _qkv(name: str, fused: Array, parts: Mapping[str, Array], heads: bool = True) -> Model:
    """Model of one fused tensor, its parts and their heads."""
    model = Model()
    model.fuse(name, fused, {part: rows(values) for part, values in parts.items()})
    if heads:
        for part, values in parts.items():
            for head, matrix in enumerate(values):
                model.pieces[name, part, None, head] = (part, matrix)
    return model


def heads_apart(name: str, model_type: str, **config: Any) -> Model:
    """[heads, 3, head_dim]."""
    q, k, v = attention(kv=HEADS)
    model = _qkv(name, rows(np.stack([q, k, v], axis=1)), {"q": q, "k": k, "v": v})
    model.config = {"model_type": model_type, "num_attention_heads": HEADS, **config}
    return model


def grouped(name: str, model_type: str, **config: Any) -> Model:
    """[kv_heads, group + 2, head_dim]."""
    q, k, v = attention()
    groups = q.reshape(KV, HEADS // KV, DIM, HIDDEN)
    fused = np.concatenate([groups, k[:, None], v[:, None]], axis=1)
    model = _qkv(name, rows(fused), {"q": q, "k": k, "v": v})
    model.config = {"model_type": model_type, "num_attention_heads": HEADS, **config}
    return model


def concatenated(name: str, model_type: str, kv: int = KV, **config: Any) -> Model:
    """All of q, then k, then v."""
    q, k, v = attention(kv=kv)
    model = _qkv(name, rows(q, k, v), {"q": q, "k": k, "v": v})
    model.config = {"model_type": model_type, "num_attention_heads": HEADS, **config}
    return model


def gpt2() -> Model:
    """Conv1D: [in, out], so that the columns are divided; heads of o are rows."""
    q, k, v = attention(kv=HEADS)
    name, output = "transformer.h.0.attn.c_attn.weight", "transformer.h.0.attn.c_proj.weight"
    parts = {"q": q, "k": k, "v": v}
    model = Model({}, {"model_type": "gpt2", "n_head": HEADS, "n_embd": HIDDEN})
    model.fuse(name, rows(q, k, v).T, {part: rows(values).T for part, values in parts.items()})
    o = Draw(1)(HIDDEN, HIDDEN)
    model.tensors[output] = o
    for head in range(HEADS):
        for part, values in parts.items():
            model.pieces[name, part, None, head] = (part, values[head].T)
        model.pieces[output, None, None, head] = ("o", o[head * DIM : (head + 1) * DIM])
    return model


def gpt2_cross() -> Model:
    """Cross-attention of GPT-2: k and v in one, q alone, all of them as [in, out]."""
    q, k, v = attention(kv=HEADS)
    prefix = "transformer.h.0.crossattention."
    name, query = prefix + "c_attn.weight", prefix + "q_attn.weight"
    model = Model({query: rows(q).T}, {"model_type": "gpt2", "n_head": HEADS, "n_embd": HIDDEN})
    model.fuse(name, rows(k, v).T, {"k": rows(k).T, "v": rows(v).T})
    for head in range(HEADS):
        model.pieces[name, "k", None, head] = ("k", k[head].T)
        model.pieces[name, "v", None, head] = ("v", v[head].T)
        model.pieces[query, None, None, head] = ("q", q[head].T)
    return model


def codegen() -> Model:
    """Four blocks, each with q, v and k of a quarter of the heads."""
    q, k, v = attention(heads=8, kv=8, dim=3)
    quarters = [each.reshape(4, 2 * 3, HIDDEN) for each in (q, v, k)]
    name = "transformer.h.0.attn.qkv_proj.weight"
    model = _qkv(name, rows(np.concatenate(quarters, axis=1)), {"q": q, "k": k, "v": v})
    model.config = {"model_type": "codegen", "n_head": 8}
    return model


def gated_q() -> Model:
    """Qwen3-Next: q_proj holds a gate for every head beside the query."""
    draw = Draw()
    q, gate = draw(HEADS, DIM, HIDDEN), draw(HEADS, DIM, HIDDEN)
    prefix = "model.layers.0.self_attn."
    model = _qkv(prefix + "q_proj.weight", rows(np.stack([q, gate], 1)), {"q": q, "gate": gate})
    model.pieces = {
        piece: ("other" if piece[1] == "gate" else kind, values)
        for piece, (kind, values) in model.pieces.items()
    }
    model.tensors[prefix + "k_proj.weight"] = draw(KV * DIM, HIDDEN)
    model.tensors[prefix + "o_proj.weight"] = draw(HIDDEN, HEADS * DIM)
    model.tensors[prefix + "q_norm.weight"] = draw(DIM)
    model.config = {
        **{"model_type": "qwen3_next", "num_attention_heads": HEADS, "head_dim": DIM},
        "num_key_value_heads": KV,
    }
    return model


def linear_attention() -> Model:
    """Qwen3-Next's in_proj_qkvz: q, k, and three value heads with their gates per key head."""
    draw = Draw()
    keys, share, key, value = 2, 3, 4, 5
    q, k = draw(keys, key, HIDDEN), draw(keys, key, HIDDEN)
    v, z = draw(keys * share, value, HIDDEN), draw(keys * share, value, HIDDEN)
    per_key = [x.reshape(keys, share * value, HIDDEN) for x in (v, z)]
    name = "model.layers.0.linear_attn.in_proj_qkvz.weight"
    fused = rows(np.concatenate([q, k, *per_key], axis=1))
    model = _qkv(name, fused, {"q": q, "k": k, "v": v, "z": z})
    model.pieces = {
        piece: ("other" if piece[1] == "z" else kind, values)
        for piece, (kind, values) in model.pieces.items()
    }
    model.config = {
        **{"model_type": "qwen3_next", "num_attention_heads": HEADS},
        **{"linear_num_key_heads": keys, "linear_num_value_heads": keys * share},
        **{"linear_key_head_dim": key, "linear_value_head_dim": value},
    }
    return model


def latent() -> Model:
    """DeepSeek's MLA: kv_b by heads (k without positions, v), kv_a latent and rotary rows."""
    draw = Draw()
    nope, rope, value, rank, q_rank = 6, 4, 5, 16, 12
    prefix = "model.layers.0.self_attn."
    k, v = draw(HEADS, nope, rank), draw(HEADS, value, rank)
    name = prefix + "kv_b_proj.weight"
    model = _qkv(name, rows(np.concatenate([k, v], axis=1)), {"k": k, "v": v})
    compressed, rotary = draw(rank, HIDDEN), draw(rope, HIDDEN)
    name = prefix + "kv_a_proj_with_mqa.weight"
    parts = {"latent": compressed, "rope": rotary}
    model.fuse(name, rows(compressed, rotary), parts, latent="kv_a", rope="kv_a")
    model.tensors[prefix + "q_a_proj.weight"] = draw(q_rank, HIDDEN)
    q = model.tensors[prefix + "q_b_proj.weight"] = draw(HEADS * (nope + rope), q_rank)
    o = model.tensors[prefix + "o_proj.weight"] = draw(HIDDEN, HEADS * value)
    for head in range(HEADS):
        own = q[head * (nope + rope) : (head + 1) * (nope + rope)]
        model.pieces[prefix + "q_b_proj.weight", None, None, head] = ("q_b", own)
        own = o[:, head * value : (head + 1) * value]
        model.pieces[prefix + "o_proj.weight", None, None, head] = ("o", own)
    model.config = {
        **{"model_type": "deepseek_v3", "num_attention_heads": HEADS, "q_lora_rank": q_rank},
        **{"kv_lora_rank": rank, "qk_nope_head_dim": nope, "qk_rope_head_dim": rope},
        "v_head_dim": value,
    }
    return model


def minimax() -> Model:
    """MiniMax's linear attention, which has an output gate."""
    model = heads_apart("model.layers.0.self_attn.qkv_proj.weight", "minimax", head_dim=DIM)
    model.tensors["model.layers.0.self_attn.output_gate.weight"] = Draw(1)(HEADS * DIM, HIDDEN)
    return model


def grouped_images() -> Model:
    """An image tower with fewer keys than queries under a name that mostly means thirds."""
    model = concatenated("blocks.0.attn.qkv.weight", "any", num_key_value_heads=KV)
    o = model.tensors["blocks.0.attn.proj.weight"] = Draw(1)(HIDDEN, HEADS * DIM)
    for head in range(HEADS):
        own = o[:, head * DIM : (head + 1) * DIM]
        model.pieces["blocks.0.attn.proj.weight", None, None, head] = ("o", own)
    return model


def keys_and_values() -> Model:
    """Keys, then values, of an attention whose queries come from elsewhere."""
    _, k, v = attention()
    model = _qkv("layers.0.attn.to_kv.weight", rows(k, v), {"k": k, "v": v})
    model.config = {"num_attention_heads": HEADS, "num_key_value_heads": KV, "head_dim": DIM}
    return model


NEOX = "gpt_neox.layers.0.attention.query_key_value.weight"
FUSED: dict[str, Callable[[], Model]] = {
    "GPT-NeoX": lambda: heads_apart(NEOX, "gpt_neox"),
    "BLOOM": lambda: heads_apart("h.0.self_attention.query_key_value.weight", "bloom"),
    "Persimmon": lambda: heads_apart(
        "model.layers.0.self_attn.query_key_value.weight", "persimmon"
    ),
    "Falcon-rw": lambda: heads_apart(
        "transformer.h.0.self_attention.query_key_value.weight",
        "falcon",
        **{"multi_query": False, "new_decoder_architecture": False},
    ),
    "Falcon 7B": lambda: concatenated(
        "transformer.h.0.self_attention.query_key_value.weight",
        "falcon",
        1,
        **{"multi_query": True, "new_decoder_architecture": False, "hidden_size": HIDDEN},
    ),
    "Falcon 40B": lambda: grouped(
        "transformer.h.0.self_attention.query_key_value.weight",
        "falcon",
        **{"multi_query": True, "new_decoder_architecture": True, "num_kv_heads": KV},
    ),
    "InternLM2": lambda: grouped(
        "model.layers.0.attention.wqkv.weight", "internlm2", num_key_value_heads=KV
    ),
    "Megatron": lambda: grouped(
        "decoder.layers.0.self_attention.linear_qkv.weight", "any", num_key_value_heads=KV
    ),
    "GLM": lambda: concatenated(
        "transformer.encoder.layers.0.self_attention.query_key_value.weight",
        "chatglm",
        **{"multi_query_attention": True, "multi_query_group_num": KV, "kv_channels": DIM},
    ),
    "GPT-BigCode": lambda: concatenated(
        "transformer.h.0.attn.c_attn.weight", "gpt_bigcode", 1, multi_query=True
    ),
    "GPT-BigCode, all heads": lambda: heads_apart(
        "transformer.h.0.attn.c_attn.weight", "gpt_bigcode", multi_query=False
    ),
    "Phi-3": lambda: concatenated(
        "model.layers.0.self_attn.qkv_proj.weight", "phi3", num_key_value_heads=KV
    ),
    "MPT": lambda: concatenated("transformer.blocks.0.attn.Wqkv.weight", "mpt", HEADS),
    "DBRX attention": lambda: concatenated(
        "transformer.blocks.0.norm_attn_norm.attn.Wqkv.weight",
        "dbrx",
        attn_config={"kv_n_heads": KV},
    ),
    "ModernBERT": lambda: concatenated("model.layers.0.attn.Wqkv.weight", "modernbert", HEADS),
    "timm": lambda: concatenated("blocks.0.attn.qkv.weight", "any", HEADS),
    "torch": lambda: concatenated("layers.0.self_attn.in_proj_weight", "any", HEADS),
    "DeBERTa": lambda: heads_apart(
        "deberta.encoder.layer.0.attention.self.in_proj.weight", "deberta"
    ),
    "OLMo as first published": lambda: concatenated(
        "model.transformer.blocks.0.att_proj.weight", "olmo", HEADS
    ),
    "OLMo's FFN as first published": lambda: halves(
        "model.transformer.blocks.0.ff_proj.weight",
        "up gate",
        "model.transformer.blocks.0.ff_out.weight",
    ),
    "Baichuan": lambda: concatenated("model.layers.0.self_attn.W_pack.weight", "baichuan", HEADS),
    "GPT-2": gpt2,
    "GPT-2, cross-attention": gpt2_cross,
    "CodeGen": codegen,
    "Qwen3-Next": gated_q,
    "Qwen3-Next, linear attention": linear_attention,
    "DeepSeek": latent,
    "Phi-3 FFN": lambda: halves(
        "model.layers.0.mlp.gate_up_proj.weight", "gate up", "model.layers.0.mlp.down_proj.weight"
    ),
    "ModernBERT FFN": lambda: halves(
        "model.layers.0.mlp.Wi.weight", "gate up", "model.layers.0.mlp.Wo.weight"
    ),
    "DINOv2 FFN": lambda: halves(
        "encoder.layer.0.mlp.weights_in.weight", "gate up", "encoder.layer.0.mlp.weights_out.weight"
    ),
    "DINOv2 FFN as first published": lambda: halves(
        "blocks.0.mlp.w12.weight", "gate up", "blocks.0.mlp.w3.weight"
    ),
    "GLM FFN": lambda: halves(
        "encoder.layers.0.mlp.dense_h_to_4h.weight",
        "gate up",
        "encoder.layers.0.mlp.dense_4h_to_h.weight",
    ),
    "GEGLU of diffusers": lambda: halves(
        "transformer_blocks.0.ff.net.0.proj.weight",
        "up gate",
        "transformer_blocks.0.ff.net.2.weight",
    ),
    "Phi-4's sound": lambda: halves(
        "encoder.layers.0.feed_forward_in.gate_up_proj.weight",
        "up gate",
        "encoder.layers.0.feed_forward_in.down_proj.weight",
    ),
    "Moshi": lambda: halves(
        "layers.0.mlp.fc1.weight", "gate up", "layers.0.mlp.fc2.weight", "moshi"
    ),
    "Moonshine": lambda: halves(
        "layers.0.mlp.fc1.weight", "up gate", "layers.0.mlp.fc2.weight", "moonshine"
    ),
    "MiniMax": minimax,
    "EXAONE's images": grouped_images,
    "key and value of cross-attention": keys_and_values,
    "stacked experts": lambda: expert_stack("rows"),
    "Llama 4": lambda: expert_stack("columns", "model.layers.0.feed_forward.experts."),
    "gpt-oss": lambda: expert_stack("interleaved"),
    "Granite MoE": lambda: expert_stack("granite", "model.layers.0.block_sparse_moe."),
    "DBRX": dbrx,
}
