"""What changed between two models, in sentences: a kind at a time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import KINDS, MATRIX_KINDS
from weightgauge.errors import printable
from weightgauge.findings import enumerated
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.comparison.pair import Pair
    from weightgauge.fits import SliceFit

SURE = 3.0
"""Standard errors from which on a change is called one."""

_CALLED_SAME = 1e-3
"""Relative change of lambda below which it is not worth a word."""

_MOST_TOLD = 1000
"""Standard errors beyond which their number says nothing more."""

_NAMED = 3
"""Blocks that are named where few changed, and tensors that only one model has."""

_BLOCKS_NAMED = 12
"""Blocks that are named where all of them is lost."""


def lost_in_words(
    only: Sequence[str], slices: Sequence[SliceFit], has: str, lacks: str
) -> Iterator[str]:
    """Yield a sentence about tensors that only one of two models has; nothing if there are none.

    Parameters
    ----------
    only : sequence of str
        Their names.
    slices : sequence of SliceFit
        All slices of the model that has them.
    has, lacks : str
        What the two models are called.
    """
    if not only:
        return
    names = {item.tensor for item in slices}
    if len(only) == len(names):
        yield f"{lacks} has none of the {counted(len(names), 'tensor')} of {has}."
        return
    lost = set(only)
    blocks: dict[int, bool] = defaultdict(lambda: True)
    for item in slices:
        if item.block is not None:
            blocks[item.block] &= item.tensor in lost
    whole = [str(block) for block in sorted(blocks) if blocks[block]]
    if whole:
        noun = "block" if len(whole) == 1 else "blocks"
        which = f"all of {noun} {_some(whole, _BLOCKS_NAMED)}"
    else:
        which = _some([printable(name) for name in only], _NAMED)
    number = counted(len(names), "tensor")
    yield f"{lacks} lacks {len(only):,} of the {number} of {has}: {which}."


def _some(words: Sequence[str], most: int) -> str:
    """Join words, of many only the first."""
    left = len(words) - most
    return enumerated(words if left <= 0 else [*words[:most], f"{left:,} more"])


def changes_in_words(pairs: Sequence[Pair], *, whole: bool = True) -> Iterator[str]:
    """Yield a sentence for each kind of matrix that changed, and one for those that did not.

    Parameters
    ----------
    pairs : sequence of Pair
        All pairs of slices of two models.
    whole : bool
        Whether every slice of either model has a counterpart in the other.
    """
    kinds: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.kind in MATRIX_KINDS:
            kinds[pair.kind].append(pair)
    same, unknown = [], []
    for kind in sorted(kinds, key=KINDS.index):
        changed = [pair for pair in kinds[kind] if pair.changed != 0]
        if not changed:
            same.append(kind)
        elif told := list(_told(changed)):
            yield f"{kind}{_which(changed, len(kinds[kind]))}: {'; '.join(told)}."
        else:
            unknown.append(kind)
    if same:
        start = "Not" if whole else "Of what both have, not"
        yield f"{start} one element changed of {enumerated(same)}."
    if unknown:
        yield f"Nothing can be said of {enumerated(unknown)}: no pair has two fits to compare."


def _which(changed: Sequence[Pair], number: int) -> str:
    """Say which matrices of a kind changed, where not all did."""
    if len(changed) == number:
        return ""
    blocks = sorted({pair.block for pair in changed if pair.block is not None})
    named = f" (block {enumerated(list(map(str, blocks)))})" if 0 < len(blocks) <= _NAMED else ""
    return f", {len(changed):,} of {counted(number, 'matrix', 'matrices')}{named}"


def _told(pairs: Sequence[Pair]) -> Iterator[str]:
    known = [pair for pair in pairs if math.isfinite(pair.dk)]
    if known:
        yield _shape(known)
        yield _scale(known)
    elements = [pair for pair in pairs if not math.isnan(pair.changed)]
    if elements:
        yield _elements(elements)


def _shape(pairs: Sequence[Pair]) -> str:
    sure = [pair for pair in pairs if abs(pair.z) >= SURE]
    change = round(median(pair.dk for pair in pairs), 4) + 0.0  # no zero has a sign
    if not sure:
        return f"shape k moved by less than {SURE:.0f} standard errors (median {change:+.4f})"
    rose = sum(pair.dk > 0 for pair in sure)
    ways = [
        f"{verb}{f' in {number:,}' if len(pairs) > 1 else ''}"
        for verb, number in (("rose", rose), ("fell", len(sure) - rose))
        if number
    ]
    most = max(abs(pair.z) for pair in sure)
    size = f"up to {most:.0f}" if most < _MOST_TOLD else f"more than {_MOST_TOLD:,}"
    return f"shape k {' and '.join(ways)} (median {change:+.4f}, {size} standard errors)"


def _scale(pairs: Sequence[Pair]) -> str:
    ratio = math.exp(median(pair.dln_lambda for pair in pairs))
    if ratio > 2:
        return f"lambda grew {ratio:.3g}-fold"
    if abs(ratio - 1) < _CALLED_SAME:
        return f"lambda stayed within {_percent(_CALLED_SAME)}"
    return f"lambda {'grew' if ratio > 1 else 'shrank'} by {_percent(abs(ratio - 1))}"


def _elements(pairs: Sequence[Pair]) -> str:
    share = median(pair.changed for pair in pairs)
    size = [pair.difference_rms for pair in pairs if math.isfinite(pair.difference_rms)]
    by = f", by {_percent(median(size))} of their size" if size else ""
    return f"{_percent(share)} of the weights changed{by}"


def _percent(share: float) -> str:
    """Write a share with three digits; one that is not zero never looks like zero."""
    return f"{float(f'{100 * share:.3g}'):,g} %"
