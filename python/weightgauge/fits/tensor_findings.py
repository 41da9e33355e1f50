"""What the bytes of whole tensors show: stretches of zeros, and equal content under two names."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.dtypes import ITEM_BYTES
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place, slice_name
from weightgauge.fits.clusters import rows_in_cluster
from weightgauge.fits.name_hints import is_of_a_transform, may_have_zero_columns
from weightgauge.fits.slice_numbers import row_length
from weightgauge.wording import agreeing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.fits.slice_numbers import SliceNumbers

_NUMBER = re.compile("[0-9]+")

_BLOCK = 2048
"""Bytes of a block of zeros: see `SliceFit.zero_blocks`."""

_PAGE = 4096
"""Bytes of a page of a file: what is lost of a file is lost by pages."""

_STRAY, _STRAY_SHARE = 4, 1e-5
"""Zeros that a dense matrix may have anywhere, such as F16 weights that became too small."""

_MOSTLY = 0.5
"""A tensor with more zeros than these was pruned, and is not dense elsewhere."""

_UNLIKELY = 0.1
"""Lines of zeros are told of where fewer than these would come of zeros that lie anywhere."""

_FEWEST_ELEMENTS = 256
"""Smaller matrices can be equal by chance, or by their initialisation."""

_PADDING = 0.25
"""Share of the rows of a vocabulary that may be there to make its size a round number."""

_AS_PADDING = "as those of tokens that do not exist"
_TOO_MANY = "more than a vocabulary is padded with: were they ever written?"

_FEWEST_FOR_NUMBERS = 4096
"""Smaller pieces can have equal numbers by chance, and so can pieces with few magnitudes."""

_INPUTS_OF = {
    "o": ("v", "qkv"),
    "down": ("up", "gate", "gate_up"),
    "ffn_out": ("ffn_in",),
}
"""Kinds whose rows make the columns of another one."""

_TIED = frozenset(("embed", "head"))
"""Kinds whose rows belong to tokens, and which may be one matrix."""


def tensor_findings(
    slices: Sequence[SliceFit], numbers: SliceNumbers, *, tied: bool | None = None
) -> Iterator[Finding]:
    """Ask what the bytes of whole tensors show.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices of one model.
    numbers : SliceNumbers
        Their numbers.
    tied : bool or None
        Whether the configuration ties the output head to the embedding.
    """
    partly = numbers.matrix & (numbers.zeros > 0) & (numbers.zeros < numbers.elements)
    lines = (numbers.zero_rows > 0) | (numbers.zero_columns > 0)
    in_pieces = _zeros_in_lines_of_pieces(slices, numbers)
    holes = set()
    asked = [
        row
        for row in np.flatnonzero(partly & ((numbers.zero_blocks > 0) | lines)).tolist()
        if not is_of_a_transform(slices[row].tensor)
    ]
    unexplained = _unexplained(slices, asked) if asked else set()
    for row in asked:
        pieces = in_pieces.get(slices[row].tensor)
        for each in _stretches_of_zeros(slices[row], pieces, unexplained=row in unexplained):
            holes |= {row} if each.id == "zero-hole" else set()
            yield each
    for row in np.flatnonzero(numbers.unused_rows > 0).tolist():
        if row not in holes:
            item = slices[row]
            unused = item.unused_rows or 0
            yield _unused_rows(item, min(item.zero_rows or 0, unused), unused, item.shape[0])
    yield from _duplicates(slices, numbers, tied)


def large_line_findings(
    slices: Sequence[SliceFit],
    numbers: SliceNumbers,
    rows: NDArray[np.bool_],
    spoilt: Set[Place],
) -> Iterator[Finding]:
    """Tell of rows and columns far larger than the others of their matrix.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices of one model.
    numbers : SliceNumbers
        Their numbers.
    rows : ndarray of bool
        Which of them are judged: of a tensor that is given whole and in pieces, the pieces.
    spoilt : set of Place
        Slices with a fault that explains such rows.
    """
    any_large = (numbers.large_rows > 0) | (numbers.large_columns > 0)
    for row in np.flatnonzero(rows & any_large & numbers.known).tolist():
        item = slices[row]
        if item.place in spoilt:
            continue
        width = row_length(item.shape, item.kind)
        for rule, value, lines in (
            ("large-rows", item.large_rows, math.prod(item.shape) // width),
            ("large-columns", item.large_columns, width),
        ):
            if value:
                yield RULES[rule].finding(item.place, value=value, lines=lines)


def _zeros_in_lines_of_pieces(slices: Sequence[SliceFit], numbers: SliceNumbers) -> dict[str, int]:
    """Return how many zeros fill rows and columns of the pieces of a tensor, by its name."""
    found: dict[str, int] = {}
    in_lines = numbers.zeros_in_lines()
    for row in np.flatnonzero(in_lines).tolist():
        item = slices[row]
        if item.part is not None or item.expert is not None:
            found[item.tensor] = found.get(item.tensor, 0) + int(in_lines[row])
    return found


def _unexplained(slices: Sequence[SliceFit], rows: Sequence[int]) -> set[int]:
    """Return those slices whose columns of zeros no pruning explains.

    Pruning makes such zeros in most of the matrices that do the same in other blocks, or in the
    rows of what makes their inputs in the same block, as where heads or neurons were taken out.
    """

    def name(item: SliceFit) -> tuple[object, ...]:
        return _NUMBER.sub("#", item.tensor), item.part, item.expert is None, item.head is None

    found = Counter(name(slices[row]) for row in rows)
    every = Counter(each for item in slices if (each := name(item)) in found)
    silent = {
        (item.tower, item.block, item.kind)
        for item in (slices[row] for row in rows)
        if item.zero_rows
    }
    return {
        row
        for row in rows
        if found[name(slices[row])] == 1 < every[name(slices[row])]
        and silent.isdisjoint(
            (slices[row].tower, slices[row].block, kind)
            for kind in _INPUTS_OF.get(slices[row].kind, ())
        )
    }


def _stretches_of_zeros(
    item: SliceFit, in_pieces: int | None, *, unexplained: bool
) -> Iterator[Finding]:
    """Tell zeros that fill whole rows or columns from zeros that begin and end anywhere.

    Of a tensor whose pieces have rows and columns of zeros only what is left is judged.
    """
    elements = item.n + item.zeros + item.nonfinite
    width = row_length(item.shape, item.kind)
    pruned = _scattered(item, elements)
    rows, columns = item.zero_rows, item.zero_columns or 0
    if rows is None:  # only their bytes were looked at
        rows = 0 if pruned else item.zeros // width
    in_lines = rows * width + columns * (elements // width - rows)
    whole_of_pieces = in_pieces is not None and item.part is None and item.expert is None
    if whole_of_pieces:
        in_lines = max(in_lines, in_pieces or 0)
    odd = item.zeros - in_lines > _STRAY + _STRAY_SHARE * elements
    row_bytes = width * ITEM_BYTES.get(item.dtype, 1)
    # What is lost of a file fills whole rows too, where these are short; but hardly whole heads.
    page = row_bytes < _BLOCK and rows * row_bytes % _PAGE == 0 and item.kind not in _TIED
    page = page and rows % (rows_in_cluster(item) or elements) != 0
    if item.zero_blocks and (odd or page) and not pruned:
        yield RULES["zero-hole"].finding(item.place, value=item.zero_blocks, expected=0)
        rows = 0
    if whole_of_pieces:
        return  # the pieces tell of their rows and columns
    elsewhere = (item.zeros - in_lines) / max(elements - in_lines, 1)
    # Small weights of one group are all rounded to the code of zero: in a head's few rows, whole
    # columns of them.
    rounded = "note" if item.head is not None and item.decoded else None
    if rows and _by_chance(elsewhere, width, elements // width) < _UNLIKELY:
        if item.kind not in _TIED:
            level = "fault" if rows > _MOSTLY * (elements // width) else rounded
            yield RULES["dead-rows"].finding(
                item.place, value=rows, lines=elements // width, level=level
            )
        elif item.unused_rows is None:  # else all of them are told of together
            yield _unused_rows(item, rows, rows, elements // width)
    if may_have_zero_columns(item.tensor):
        return
    if columns and _by_chance(elsewhere, elements // width, width) < _UNLIKELY:
        level = "fault" if unexplained and columns >= _MOSTLY * width else rounded
        yield RULES["dead-columns"].finding(item.place, value=columns, lines=width, level=level)


def _scattered(item: SliceFit, elements: int) -> bool:
    """Whether a large part is zero and lies anywhere, as after pruning.

    Zeros of a part that was never written fill blocks, but for the ends of each stretch.
    """
    if item.zeros <= _MOSTLY * elements:
        return False
    in_blocks = item.zero_blocks * _BLOCK // max(ITEM_BYTES.get(item.dtype, 1), 1)
    return item.zeros - in_blocks > _MOSTLY * item.zeros


def _unused_rows(item: SliceFit, zero: int, unused: int, rows: int) -> Finding:
    """Tell of rows that no token used: those of zeros, of which a few are padding, and others."""
    padding = zero <= _PADDING * rows
    told = []
    if zero:
        told.append(f"{zero:,} {agreeing(zero)} all zeros, {_AS_PADDING if padding else _TOO_MANY}")
    if unused > zero:
        others = f"{unused - zero:,} {agreeing(unused - zero, 'looks', 'look')} as if never trained"
        told.append(f"{others} (far smaller than others, or small and all of one size)")
    k = item.k_without_unused
    if k is not None and unused > zero:
        told.append(f"k of the others is {k:.3f} (of all {item.k:.3f})")
    return RULES["unused-rows"].finding(
        item.place,
        value=unused,
        rows=rows,
        what="; ".join(told),
        level=None if padding else "warning",
        hint=None if padding else "ask whether all of it was saved; copy the file again",
    )


def _by_chance(share: float, length: int, lines: int) -> float:
    """Return how many of so many lines are all zeros where zeros lie anywhere."""
    return float(share**length * lines)


def _duplicates(
    slices: Sequence[SliceFit], numbers: SliceNumbers, tied: bool | None
) -> Iterator[Finding]:
    """Tell of matrices with the content of another one; a head may be that of the embedding."""
    seen: dict[tuple[object, ...], SliceFit] = {}
    asked = numbers.known & (numbers.n >= _FEWEST_ELEMENTS) & (numbers.levels != 1)
    for row in _with_a_repeated_k(numbers, asked):
        item = slices[row]
        content = _content(item)
        if content is None:
            continue
        first = seen.setdefault((content, item.dtype, item.shape), item)
        if first is item or (first.tensor == item.tensor and item.head is not None):
            continue
        level = None
        if {first.kind, item.kind} <= _TIED:
            if tied is not False:
                continue
            level = "note"  # it may have been tied when it was trained
        yield RULES["duplicate"].finding(
            item.place, value=item.digest, other=slice_name(first), level=level
        )


def _content(item: SliceFit) -> object:
    """Return what two slices of equal content have in common, and others have not; None for none.

    Pieces have no digest. Of two that are not the same, or one the other in another order, some of
    these numbers differ, unless they are made of few magnitudes.
    """
    if item.digest is not None:
        return item.digest
    if item.is_product or not item.fitted or item.n < _FEWEST_FOR_NUMBERS:
        return None
    if item.levels is not None and item.levels < _FEWEST_FOR_NUMBERS // 32:
        return None
    numbers = (item.k, item.lam, item.r2, item.ks, item.rms, item.max, item.second, item.lowest)
    return (*numbers, item.n, item.zeros, item.negatives)


def _with_a_repeated_k(numbers: SliceNumbers, asked: NDArray[np.bool_]) -> list[int]:
    """Return the slices that others may equal: those of equal content have one shape k, or none."""
    rows = np.flatnonzero(asked)
    _, places, counts = np.unique(numbers.columns.k[rows], return_inverse=True, return_counts=True)
    found: list[int] = rows[counts[places] > 1].tolist()
    return found


def tied_finding(slices: Sequence[SliceFit], tied: bool | None) -> Iterator[Finding]:
    """Tell of a head that differs from the embedding that it is tied to.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices of one model.
    tied : bool or None
        Whether the configuration ties the two.
    """
    if not tied:
        return
    whole = {
        kind: [item for item in slices if item.kind == kind and item.digest is not None]
        for kind in ("embed", "head")
    }
    if len(whole["embed"]) != 1 or len(whole["head"]) != 1:
        return
    (embed,), (head,) = whole["embed"], whole["head"]
    same_form = (embed.shape, embed.dtype) == (head.shape, head.dtype)
    if same_form and embed.digest != head.digest:
        yield RULES["tied-differs"].finding(
            head.place, value=head.digest, expected=embed.digest, other=printable(embed.tensor)
        )
