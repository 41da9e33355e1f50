"""Layouts of single attention matrices: heads along the rows, or along the columns of o."""

from __future__ import annotations

from weightgauge.anatomy.layouts.heads import head_dim_of
from weightgauge.anatomy.layouts.layout import Field, Layout, NotCut
from weightgauge.anatomy.layouts.subject import Subject

_LINEAR_ATTENTION = ".linear_attn."


def queries(subject: Subject) -> Layout:
    """[heads * head_dim, hidden], or the other way round in column-wise storage."""
    axis = 1 if _turned(subject) else 0
    mla, length = subject.facts.mla, subject.shape[axis]
    heads = subject.heads()
    if mla is not None:
        dim = mla.qk_nope_head_dim + mla.qk_rope_head_dim
        if dim * heads != length:
            raise NotCut(f"{heads:,} heads of {dim:,} do not fill its {length:,} rows")
    else:
        head_dim_of(subject, length, heads)
    return _one_matrix(subject, axis, heads)


def keys_or_values(subject: Subject) -> Layout:
    """[kv_heads * head_dim, hidden], or the other way round in column-wise storage."""
    axis = 1 if subject.inputs_first else 0
    heads = subject.facts.kv_heads
    if heads is None:
        raise NotCut(f"the number of key and value heads is not known{subject.without_config()}")
    head_dim_of(subject, subject.shape[axis], heads)
    return _one_matrix(subject, axis, heads)


def outputs(subject: Subject) -> Layout:
    """[hidden, heads * head_dim]: the columns of a head are what it contributes."""
    heads = subject.heads()
    axis = 0 if _turned(subject) else 1
    length = subject.shape[axis]
    mla = subject.facts.mla
    if _LINEAR_ATTENTION in subject.name:
        heads = subject.count("linear_num_value_heads")
        dim = subject.count("linear_value_head_dim")
    elif mla is not None:
        dim = mla.v_head_dim
    else:
        dim = head_dim_of(subject, length, heads)
    if dim * heads != length:
        raise NotCut(f"{heads:,} heads of {dim:,} do not fill its {length:,} columns")
    return _one_matrix(subject, axis, heads)


def _turned(subject: Subject) -> bool:
    """Whether weights are stored [in, out], which the fused projection beside them tells."""
    if subject.inputs_first:
        return True
    fused = subject.beside("c_attn")
    return fused is not None and len(fused) == 2 and fused[1] in (2 * fused[0], 3 * fused[0])


def _one_matrix(subject: Subject, axis: int, heads: int) -> Layout:
    field = Field(None, subject.kind, subject.shape[axis], heads)
    return Layout(subject.shape, axis, (field,))
