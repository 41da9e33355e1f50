"""Layouts of latent attention (MLA) and of attention with an output gate."""

from __future__ import annotations

from collections.abc import Container

from weightgauge.anatomy.layouts.candidate import Candidate
from weightgauge.anatomy.layouts.heads import exactly, head_dim_of
from weightgauge.anatomy.layouts.layout import Field, Layout, NotCut


def kv_b(candidate: Candidate) -> Layout:
    """Per head: the rows of k without positions, then those of v."""
    mla, heads = candidate.facts.mla, candidate.heads()
    if mla is None:
        raise NotCut(f"the sizes of its heads are not known{candidate.without_config()}")
    fields = (Field("k", "k", mla.qk_nope_head_dim, 1), Field("v", "v", mla.v_head_dim, 1))
    return Layout(candidate.shape, 0, fields, groups=heads)


def kv_a(candidate: Candidate) -> Layout:
    """Latent of keys and values, then the rotary part of the key, which all heads share.

    The width of the latent is the number of columns of kv_b, and the configuration must agree.
    """
    beside = candidate.beside("kv_b_proj", "wkv_b")
    mla = candidate.facts.mla
    if beside is not None and len(beside) > 1:
        rank = beside[1]
    elif mla is not None:
        rank = mla.kv_lora_rank
    else:
        raise NotCut(f"the width of the latent is not known{candidate.without_config()}")
    if mla is not None and mla.kv_lora_rank != rank:
        raise NotCut(f"config.json says kv_lora_rank {mla.kv_lora_rank:,}, kv_b_proj {rank:,}")
    rope = candidate.shape[0] - rank
    if rope == 0:
        raise NotCut("it has no rotary part")
    fields = (Field("latent", candidate.kind, rank), Field("rope", candidate.kind, rope))
    return Layout(candidate.shape, 0, fields)


def may_be_gated(shape: tuple[int, ...], widths: Container[int]) -> bool:
    """Whether there is an output projection with which `gated_q` could apply."""
    return shape[0] % 2 == 0 and shape[0] // 2 in widths


def gated_q(candidate: Candidate) -> Layout:
    """Per head: a query, then the gate of the head's output.

    The rule applies only if there are twice as many rows as the output projection has columns.
    """
    output, norm = candidate.beside("o_proj"), candidate.beside("q_norm")
    if output is None or len(output) != 2 or candidate.shape[0] != 2 * output[1]:
        raise LookupError
    heads = candidate.facts.heads
    if heads is None:
        if norm is None or len(norm) != 1:
            raise NotCut(f"the number of heads is not known{candidate.without_config()}")
        heads = exactly(output[1], norm[0], f"heads of {norm[0]:,}")
    dim = head_dim_of(candidate, output[1], heads)
    fields = (Field("q", "q", dim, 1), Field("gate", "other", dim, 1))
    return Layout(candidate.shape, 0, fields, groups=heads)


def qkvz(candidate: Candidate) -> Layout:
    """Linear attention, per key head: q, k, then its share of the value heads and of their gate."""
    heads, values = (
        candidate.count("linear_num_key_heads"),
        candidate.count("linear_num_value_heads"),
    )
    key, value = candidate.count("linear_key_head_dim"), candidate.count("linear_value_head_dim")
    share = exactly(values, heads, f"{heads:,} key heads and {values:,} value heads")
    fields = (
        Field("q", "q", key, 1),
        Field("k", "k", key, 1),
        Field("v", "v", share * value, share),
        Field("z", "other", share * value, share),
    )
    return Layout(candidate.shape, 0, fields, groups=heads)


def linear_qkv(candidate: Candidate) -> Layout:
    """Linear attention: all of q, then k, then v."""
    heads, values = (
        candidate.count("linear_num_key_heads"),
        candidate.count("linear_num_value_heads"),
    )
    key, value = candidate.count("linear_key_head_dim"), candidate.count("linear_value_head_dim")
    fields = (
        Field("q", "q", heads * key, heads),
        Field("k", "k", heads * key, heads),
        Field("v", "v", values * value, values),
    )
    return Layout(candidate.shape, 0, fields)
