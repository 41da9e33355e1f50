"""Layouts of single attention matrices: heads lie along the rows, or along the columns of o."""

from __future__ import annotations

from weightgauge.anatomy.layouts.candidate import Candidate
from weightgauge.anatomy.layouts.heads import head_dim_of
from weightgauge.anatomy.layouts.layout import Field, Layout, NotCut
from weightgauge.wording import agreeing, counted

_LINEAR_ATTENTION = ".linear_attn."


def queries(candidate: Candidate) -> Layout:
    """[heads * head_dim, hidden], or the other way round in column-wise storage."""
    axis = 1 if _turned(candidate) else 0
    mla, length = candidate.facts.mla, candidate.shape[axis]
    heads = candidate.heads_filling(length, candidate.facts.heads, "heads")
    if mla is not None:
        dim = mla.qk_nope_head_dim + mla.qk_rope_head_dim
        if dim * heads != length:
            raise NotCut(
                f"{counted(heads, 'head')} of {dim:,} {agreeing(heads, 'does', 'do')} not fill its "
                f"{length:,} rows"
            )
    else:
        head_dim_of(candidate, length, heads)
    return _one_matrix(candidate, axis, heads)


def keys_or_values(candidate: Candidate) -> Layout:
    """[kv_heads * head_dim, hidden], or the other way round in column-wise storage."""
    axis = 1 if candidate.inputs_first else 0
    length = candidate.shape[axis]
    heads = candidate.heads_filling(length, candidate.facts.kv_heads, "key and value heads")
    head_dim_of(candidate, length, heads)
    return _one_matrix(candidate, axis, heads)


def outputs(candidate: Candidate) -> Layout:
    """[hidden, heads * head_dim]: each head has columns of its own."""
    axis = 0 if _turned(candidate) else 1
    length = candidate.shape[axis]
    heads = candidate.heads_filling(length, candidate.facts.heads, "heads")
    mla = candidate.facts.mla
    if _LINEAR_ATTENTION in candidate.name:
        heads = candidate.count("linear_num_value_heads")
        dim = candidate.count("linear_value_head_dim")
    elif mla is not None:
        dim = mla.v_head_dim
    else:
        dim = head_dim_of(candidate, length, heads)
    if dim * heads != length:
        raise NotCut(
            f"{counted(heads, 'head')} of {dim:,} {agreeing(heads, 'does', 'do')} not fill its "
            f"{length:,} columns"
        )
    return _one_matrix(candidate, axis, heads)


def _turned(candidate: Candidate) -> bool:
    """Whether weights are stored as [in, out], which a fused projection beside them shows."""
    if candidate.inputs_first:
        return True
    fused = candidate.beside("c_attn")
    return fused is not None and len(fused) == 2 and fused[1] in (2 * fused[0], 3 * fused[0])


def _one_matrix(candidate: Candidate, axis: int, heads: int) -> Layout:
    field = Field(None, candidate.kind, candidate.shape[axis], heads)
    return Layout(candidate.shape, axis, (field,))
