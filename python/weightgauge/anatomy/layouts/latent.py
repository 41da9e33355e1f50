"""Layouts of latent attention (MLA) and of attention with an output gate."""

from __future__ import annotations

from weightgauge.anatomy.layouts.heads import exactly, head_dim_of
from weightgauge.anatomy.layouts.layout import Field, Layout, NotCut
from weightgauge.anatomy.layouts.subject import Subject


def kv_b(subject: Subject) -> Layout:
    """Per head: the rows of k without positions, then those of v."""
    mla, heads = subject.facts.mla, subject.heads()
    if mla is None:
        raise NotCut(f"the sizes of its heads are not known{subject.without_config()}")
    fields = (Field("k", "k", mla.qk_nope_head_dim, 1), Field("v", "v", mla.v_head_dim, 1))
    return Layout(subject.shape, 0, fields, groups=heads)


def kv_a(subject: Subject) -> Layout:
    """Latent of keys and values, then the rotary part of the key that all heads share.

    The columns of kv_b are the width of the latent, whatever the configuration says.
    """
    beside = subject.beside("kv_b_proj", "wkv_b")
    mla = subject.facts.mla
    if beside is not None and len(beside) > 1:
        rank = beside[1]
    elif mla is not None:
        rank = mla.kv_lora_rank
    else:
        raise NotCut(f"the width of the latent is not known{subject.without_config()}")
    if mla is not None and mla.kv_lora_rank != rank:
        raise NotCut(f"config.json says kv_lora_rank {mla.kv_lora_rank:,}, kv_b_proj {rank:,}")
    rope = subject.shape[0] - rank
    if rope == 0:
        raise NotCut("it has no rotary part")
    fields = (Field("latent", subject.kind, rank), Field("rope", subject.kind, rope))
    return Layout(subject.shape, 0, fields)


def gated_q(subject: Subject) -> Layout:
    """Per head: a query, then the gate of the head's output.

    Only if there are twice as many rows as the output projection has columns.
    """
    output, norm = subject.beside("o_proj"), subject.beside("q_norm")
    if output is None or len(output) != 2 or subject.shape[0] != 2 * output[1]:
        raise LookupError
    heads = subject.facts.heads
    if heads is None:
        if norm is None or len(norm) != 1:
            raise NotCut(f"the number of heads is not known{subject.without_config()}")
        heads = exactly(output[1], norm[0], f"heads of {norm[0]:,}")
    dim = head_dim_of(subject, output[1], heads)
    fields = (Field("q", "q", dim, 1), Field("gate", "other", dim, 1))
    return Layout(subject.shape, 0, fields, groups=heads)


def qkvz(subject: Subject) -> Layout:
    """Linear attention, per key head: q, k, then its share of the value heads and of their gate."""
    heads, values = subject.count("linear_num_key_heads"), subject.count("linear_num_value_heads")
    key, value = subject.count("linear_key_head_dim"), subject.count("linear_value_head_dim")
    share = exactly(values, heads, f"{heads:,} key heads and {values:,} value heads")
    fields = (
        Field("q", "q", key, 1),
        Field("k", "k", key, 1),
        Field("v", "v", share * value, share),
        Field("z", "other", share * value, share),
    )
    return Layout(subject.shape, 0, fields, groups=heads)


def linear_qkv(subject: Subject) -> Layout:
    """Linear attention: all of q, then k, then v."""
    heads, values = subject.count("linear_num_key_heads"), subject.count("linear_num_value_heads")
    key, value = subject.count("linear_key_head_dim"), subject.count("linear_value_head_dim")
    fields = (
        Field("q", "q", heads * key, heads),
        Field("k", "k", heads * key, heads),
        Field("v", "v", values * value, values),
    )
    return Layout(subject.shape, 0, fields)
