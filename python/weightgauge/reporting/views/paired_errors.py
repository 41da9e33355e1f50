"""What a comparison says of its standard errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from weightgauge.fits.clusters import FEWEST_CLUSTERS
from weightgauge.fits.matrix_errors import OF_COUNTS, OF_PRODUCT
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.comparison.pair import Pair

_INDEPENDENT = "two independent matrices: "

_SOURCES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    (
        "the error of the change itself, without what both models share",
        lambda source: source.startswith("paired"),
    ),
    (
        "smaller than the true one, because elements of a product B A depend on each other",
        lambda source: source == _INDEPENDENT + OF_PRODUCT,
    ),
    (
        "that of independent weights in two independent matrices, which is no bound: unequal rows "
        "or columns make the true one larger, and what two versions of one model share makes it "
        "smaller",
        lambda source: source.startswith(_INDEPENDENT + OF_COUNTS),
    ),
    (
        "that of two independent matrices, which is too large for two versions of one model",
        lambda source: source.startswith(_INDEPENDENT),
    ),
    ("not known, because one of the two matrices has more rows", lambda source: True),
)
"""What an error is, in words, and whether it is that by its source; the first that holds."""

_FEW = f" With fewer than {FEWEST_CLUSTERS} heads, experts or channels it is itself uncertain."


def paired_errors_note(pairs: Sequence[Pair]) -> str:
    """Return a sentence on what the errors of changes are; "" where there are none.

    Parameters
    ----------
    pairs : sequence of Pair
        All pairs of the comparison.
    """
    numbers = dict.fromkeys((words for words, _ in _SOURCES), 0)
    for pair in pairs:
        if pair.errors_from:
            numbers[next(words for words, holds in _SOURCES if holds(pair.errors_from))] += 1
    there = {words: number for words, number in numbers.items() if number}
    if not there:
        return ""
    told = "z = change over its standard error ±: "
    if len(there) == 1:
        told += f"{next(iter(there))}."
    else:
        told += "; ".join(f"in {counted(n, 'pair')} {words}" for words, n in there.items()) + "."
    clusters = any("in groups of" in pair.errors_from for pair in pairs)
    return told + (_FEW if clusters else "")
