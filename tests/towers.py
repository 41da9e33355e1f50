"""Tensors of small models, to describe their architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from names import Tensor
from weightgauge.anatomy.architecture import Architecture, architecture_of
from weightgauge.anatomy.components import classify

Shapes = dict[str, tuple[int, ...]]


def described(shapes: Shapes, config: Mapping[str, Any] | None = None) -> Architecture:
    """Describe a model whose weights have these shapes."""
    tensors = [Tensor(name, shape) for name, shape in shapes.items()]
    return architecture_of(tensors, classify(tensors), config)


def llama(
    heads: int = 8,
    kv_heads: int = 2,
    head_dim: int = 16,
    hidden: int = 96,
    *,
    blocks: int = 2,
    prefix: str = "model.",
    norms: tuple[int, int] | None = None,
) -> Shapes:
    """Shapes of separate projections; `norms` are the lengths of those of queries and keys."""
    shapes: Shapes = {}
    for block in range(blocks):
        attention = f"{prefix}layers.{block}.self_attn"
        shapes[f"{prefix}layers.{block}.input_layernorm.weight"] = (hidden,)
        shapes[f"{attention}.q_proj.weight"] = (heads * head_dim, hidden)
        shapes[f"{attention}.k_proj.weight"] = (kv_heads * head_dim, hidden)
        shapes[f"{attention}.v_proj.weight"] = (kv_heads * head_dim, hidden)
        shapes[f"{attention}.o_proj.weight"] = (hidden, heads * head_dim)
        if norms:
            shapes[f"{attention}.q_norm.weight"] = norms[:1]
            shapes[f"{attention}.k_norm.weight"] = norms[1:]
    return shapes


def latent(heads: int = 4) -> Shapes:
    """Shapes of latent attention: ranks 24 and 16, heads of 12 + 8, value heads of 10."""
    prefix = "model.layers.0.self_attn"
    return {
        f"{prefix}.q_a_proj.weight": (24, 96),
        f"{prefix}.q_b_proj.weight": (heads * 20, 24),
        f"{prefix}.kv_a_proj_with_mqa.weight": (16 + 8, 96),
        f"{prefix}.kv_b_proj.weight": (heads * (12 + 10), 16),
        f"{prefix}.o_proj.weight": (96, heads * 10),
    }


LATENT_CONFIG = {
    "num_attention_heads": 4,
    "q_lora_rank": 24,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 12,
    "qk_rope_head_dim": 8,
    "v_head_dim": 10,
}
