"""Layouts of q, k and v that share one tensor."""

from __future__ import annotations

from weightgauge.anatomy.layouts.candidate import Candidate
from weightgauge.anatomy.layouts.heads import exactly, grouped_sizes, inputs_of_output
from weightgauge.anatomy.layouts.layout import Field, Layout, NotCut
from weightgauge.wording import agreeing, counted

_SEVERAL = "families store q, k and v under this name in different ways"


def undecided(candidate: Candidate) -> Layout:
    """Refuse a name that families use for different layouts."""
    raise NotCut(_SEVERAL + candidate.without_family())


def per_head(candidate: Candidate) -> Layout:
    """[heads, 3, head_dim]: q, k and v of each head follow each other."""
    heads = candidate.heads()
    dim = exactly(candidate.shape[0], 3 * heads, f"q, k and v of {counted(heads, 'head')}")
    stated = candidate.facts.head_dim
    if stated is not None and stated != dim:
        raise NotCut(f"q, k and v of {counted(heads, 'head')} of {stated:,} do not fill its rows")
    fields = tuple(Field(part, part, dim, 1) for part in "qkv")
    return Layout(candidate.shape, 0, fields, groups=heads)


def lightning(candidate: Candidate) -> Layout:
    """[heads, 3, head_dim] in MiniMax's linear attention, which is known by its output gate."""
    if candidate.beside("output_gate") is None:
        raise LookupError
    return per_head(candidate)


def grouped(candidate: Candidate) -> Layout:
    """[kv_heads, heads / kv_heads + 2, head_dim]: the queries of a group, then its k and v."""
    heads, kv_heads, dim = grouped_sizes(candidate, candidate.shape[0], None)
    share = heads // kv_heads
    fields = (Field("q", "q", share * dim, share), Field("k", "k", dim, 1), Field("v", "v", dim, 1))
    return Layout(candidate.shape, 0, fields, groups=kv_heads)


def multi_query(candidate: Candidate) -> Layout:
    """All queries, then one key and one value head."""
    return _concatenated(candidate, 1)


def contiguous(candidate: Candidate) -> Layout:
    """All of q, then all of k, then all of v; k and v may have fewer rows.

    If the heads are not known, the columns of the output projection are the rows of q. Without an
    output projection the tensor is cut only if all three parts are square.
    """
    if candidate.facts.heads is not None and candidate.facts.kv_heads is not None:
        return _concatenated(candidate, None)
    rows, columns = candidate.shape
    q_rows = inputs_of_output(candidate) or columns
    kv_rows = (rows - q_rows) // 2
    if not 0 < kv_rows <= q_rows:
        raise NotCut(f"its {rows:,} rows are not those of {q_rows:,} of q, and fewer of k and v")
    if inputs_of_output(candidate) is None and kv_rows != q_rows:
        raise NotCut("no output projection beside it tells the rows of q")
    heads, kv_heads, headless = _heads_in(candidate, q_rows, kv_rows)
    fields = (
        Field("q", "q", q_rows, heads),
        Field("k", "k", kv_rows, kv_heads),
        Field("v", "v", kv_rows, kv_heads),
    )
    return Layout(candidate.shape, 0, fields, headless=headless)


def thirds(candidate: Candidate) -> Layout:
    """Three equal parts q, k and v, unless the output projection shows smaller k and v."""
    q_rows = inputs_of_output(candidate)
    if q_rows is not None and 3 * q_rows != candidate.shape[0]:
        return contiguous(candidate)
    return _equal_parts(candidate, 0, "qkv")


def keys_then_values(candidate: Candidate) -> Layout:
    """Two equal parts k and v."""
    heads = candidate.facts.kv_heads
    length = candidate.shape[0] // 2
    known = heads is not None and length % heads == 0
    fields = tuple(Field(part, part, length, heads if known else None) for part in "kv")
    headless = "" if known else "the number of key and value heads is not known"
    return Layout(candidate.shape, 0, fields, headless=headless)


def conv1d(candidate: Candidate) -> Layout:
    """[in, 3 in] or, for k and v of cross-attention, [in, 2 in]: divided by columns."""
    parts = "qkv" if candidate.shape[-1] == 3 * candidate.shape[0] else "kv"
    if candidate.shape[-1] != len(parts) * candidate.shape[0]:
        raise NotCut("its columns are neither two nor three times its rows")
    return _equal_parts(candidate, 1, parts)


def c_attn(candidate: Candidate) -> Layout:
    """GPT-2's name: the shape shows whether the rows or the columns are divided."""
    rows, columns = candidate.shape
    if columns in (2 * rows, 3 * rows):
        return conv1d(candidate)
    key = (rows - columns) // 2
    if rows == 3 * columns or key < 1 or columns % key or rows != columns + 2 * key:
        return undecided(candidate)
    fields = (Field("q", "q", columns, columns // key), Field("k", "k", key, 1))
    return Layout(candidate.shape, 0, (*fields, Field("v", "v", key, 1)))


def gpt_bigcode(candidate: Candidate) -> Layout:
    """[embed, kv, kv] with one key and value head, [heads, 3, head_dim] with as many as queries."""
    return multi_query(candidate) if candidate.flag("multi_query", True) else per_head(candidate)


def falcon(candidate: Candidate) -> Layout:
    """Three generations of Falcon under one name."""
    if candidate.flag("new_decoder_architecture", candidate.facts.model_type == "RefinedWeb"):
        return grouped(candidate)
    return multi_query(candidate) if candidate.flag("multi_query", True) else per_head(candidate)


def chatglm(candidate: Candidate) -> Layout:
    """GLM: one part after the other in multi-query models, by heads in the older ones."""
    if not candidate.flag("multi_query_attention", False):
        return per_head(candidate)
    return _concatenated(candidate, candidate.count("multi_query_group_num"))


def codegen(candidate: Candidate) -> Layout:
    """Four blocks, each with a quarter of the heads: q, v, k in that order."""
    heads = candidate.facts.heads
    length = exactly(candidate.shape[0], 12, "four blocks of q, v and k")
    share = heads // 4 if heads is not None and heads % 4 == 0 else None
    if share is not None and length % share:
        share = None
    fields = tuple(Field(part, part, length, share) for part in "qvk")
    headless = "" if share else "its heads do not fall into four blocks"
    return Layout(candidate.shape, 0, fields, groups=4, headless=headless)


def _concatenated(candidate: Candidate, kv_heads: int | None) -> Layout:
    heads, kv_heads, dim = grouped_sizes(candidate, candidate.shape[0], kv_heads)
    fields = (
        Field("q", "q", heads * dim, heads),
        Field("k", "k", kv_heads * dim, kv_heads),
        Field("v", "v", kv_heads * dim, kv_heads),
    )
    return Layout(candidate.shape, 0, fields)


def _equal_parts(candidate: Candidate, axis: int, parts: str) -> Layout:
    if candidate.shape[axis] % len(parts):
        lines = "rows" if axis == 0 else "columns"
        raise NotCut(f"its {candidate.shape[axis]:,} {lines} are no multiple of {len(parts)}")
    length = candidate.shape[axis] // len(parts)
    heads, _, headless = _heads_in(candidate, length, length)
    fields = tuple(Field(part, part, length, heads) for part in parts)
    return Layout(candidate.shape, axis, fields, headless=headless)


def _heads_in(
    candidate: Candidate, q_rows: int, kv_rows: int
) -> tuple[int | None, int | None, str]:
    """Return heads and kv heads of parts whose sizes are known, or why they are not known."""
    heads, dim = candidate.facts.heads, candidate.facts.head_dim
    if heads is None:
        return None, None, f"the number of heads is not known{candidate.without_config()}"
    if q_rows % heads or dim not in (None, q_rows // heads):
        return (
            None,
            None,
            (
                f"{counted(heads, 'head')}{f' of {dim:,}' if dim else ''} "
                f"{agreeing(heads, 'does', 'do')} not fill {q_rows:,}"
            ),
        )
    dim = q_rows // heads
    if dim == 0 or kv_rows % dim:
        return None, None, f"heads of {dim:,} do not fill {kv_rows:,}"
    return heads, kv_rows // dim, ""
