"""Sizes of heads, from the configuration and shapes together."""

from __future__ import annotations

from weightgauge.anatomy.architecture.settings import value_at
from weightgauge.anatomy.architecture.spellings import KEYS
from weightgauge.anatomy.layouts.candidate import Candidate
from weightgauge.anatomy.layouts.layout import NotCut
from weightgauge.wording import agreeing, counted

_KV_KEYS = tuple(KEYS["kv_heads"].split())
_OUTPUTS = ("o_proj", "out_proj", "Wo", "wo", "dense", "proj", "c_proj", "to_out.0", "attn_out")


def exactly(length: int, parts: int, what: str) -> int:
    """Divide rows or columns among heads; raise `NotCut` where some would be left over."""
    if length % parts or length == 0:
        raise NotCut(f"{what} do not divide its {length:,} rows")
    return length // parts


def head_dim_of(candidate: Candidate, length: int, heads: int) -> int:
    """Return the length of `heads` heads that fill `length`; raise `NotCut` if facts contradict."""
    dim = candidate.facts.head_dim
    if dim is not None and dim * heads != length:
        raise NotCut(
            f"{counted(heads, 'head')} of {dim:,} {agreeing(heads, 'does', 'do')} not fill "
            f"{length:,}"
        )
    return dim if dim is not None else exactly(length, heads, f"{counted(heads, 'head')}")


def inputs_of_output(candidate: Candidate) -> int | None:
    """Return the columns of the output projection, which are as many as the rows of q, or None."""
    output = candidate.beside(*_OUTPUTS)
    return output[1] if output is not None and len(output) > 1 else None


def grouped_sizes(candidate: Candidate, rows: int, kv_heads: int | None) -> tuple[int, int, int]:
    """Return heads, kv heads and head size of q, k and v that share `rows`.

    Parameters
    ----------
    candidate : Candidate
        The fused tensor.
    rows : int
        Rows of q, k and v together.
    kv_heads : int or None
        Number that the layout itself implies, as multi-query attention does; None to take it from
        the facts.

    Returns
    -------
    tuple of int
        Heads, kv heads, head size.

    Raises
    ------
    NotCut
        If the heads are not known or do not fill the rows.
    """
    heads, dim = candidate.heads(), candidate.facts.head_dim
    kv_heads = candidate.facts.kv_heads if kv_heads is None else kv_heads
    if kv_heads is None:
        stated = (value_at(candidate.facts.config, key) for key in _KV_KEYS)
        # A list has one number per block; those also follow from the shapes.
        if any(value is not None and not isinstance(value, list) for value in stated):
            raise NotCut("config.json and shapes disagree about key and value heads")
        dim = dim or exactly(candidate.shape[-1], heads, f"{counted(heads, 'head')}")
        kv_heads = (rows // dim - heads) // 2
    lines = heads + 2 * kv_heads
    if kv_heads < 1 or heads % kv_heads:
        raise NotCut(
            f"{counted(heads, 'query head')} cannot share {counted(kv_heads, 'key and value head')}"
        )
    q_rows = inputs_of_output(candidate)
    if dim is None:
        dim = exactly(
            rows, lines, f"{counted(heads, 'query head')} and twice {counted(kv_heads, 'kv head')}"
        )
        # Families whose heads do not add up to the width of the input state their length.
        q_rows = q_rows or candidate.shape[-1]
    if q_rows is not None and heads * dim != q_rows:
        raise NotCut(f"{counted(heads, 'query head')} of {dim:,} would not have {q_rows:,} rows")
    if dim * lines != rows:
        raise NotCut(
            f"{counted(heads, 'query head')} and twice {counted(kv_heads, 'kv head')} of {dim:,} "
            f"do not fill its {rows:,} rows"
        )
    return heads, kv_heads, dim
