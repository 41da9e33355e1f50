"""How much the heads or experts of a block differ, and which ones stand out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import sqrt
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.anatomy.components import KINDS, TOWERS
from weightgauge.reporting.document import Column, DocumentTable, Estimate, Section

if TYPE_CHECKING:
    from weightgauge.fits import SliceFit

FAR = 3.0
"""Standard errors from the block's median. Of many equal heads, one in 370 is further away."""

_SHOWN = 10


class Distance(NamedTuple):
    """A head or expert compared with the others of its kind in the same block.

    Attributes
    ----------
    item : SliceFit
        The head or expert.
    middle : float
        Median k of all of the same kind in the block.
    errors : float
        Distance of its k from that median, in its own standard errors.
    """

    item: SliceFit
    middle: float
    errors: float


_Groups = dict[tuple[str | None, str], list[list["SliceFit"]]]


def spread_sections(slices: Sequence[SliceFit], per: str) -> Iterator[Section]:
    """Yield two tables: the spread of k by kind, and the slices furthest from their block's median.

    Parameters
    ----------
    slices : sequence of SliceFit
        The slices to compare, without wholes whose pieces are given.
    per : {"head", "expert"}
        What is compared.
    """
    groups = _groups(slices, per)
    if not groups:
        return
    tower = [Column(key="tower", identifies=True)] if len({t for t, _ in groups}) > 1 else []
    distances = {
        key: [found for group in blocks for found in _distances(group)]
        for key, blocks in groups.items()
    }
    columns = (
        *tower,
        Column(key="kind", identifies=True),
        Column(key="number", heading=f"{per}s", form=",", right=True),
        Column(key="deviation", heading="s.d.", form=".4f", right=True),
        Column(key="error", heading="s.e.", form=".4f", right=True),
        Column(key="ratio", heading="s.d. / s.e.", form=".1f", right=True),
        Column(key="far", heading="beyond 3 s.e.", form=",", right=True),
    )
    rows = [
        {"tower": key[0], "kind": key[1], **_spread_row(blocks, distances[key])}
        for key, blocks in groups.items()
    ]
    note = (
        f"s.d.: standard deviation of k inside blocks; s.e.: what the errors of single {per}s make "
        f"of it. Where {per}s are alike, s.d. / s.e. is about 1, or less."
    )
    table = DocumentTable(columns, rows)
    yield Section(f"How much the {per}s of a block differ in k", (table,), (note,))
    yield from _furthest([found for each in distances.values() for found in each], per, tower)


def _groups(slices: Sequence[SliceFit], per: str) -> _Groups:
    """Group the slices that can be compared: by tower and kind, one list for each block."""
    blocks: dict[tuple[str | None, str, int | None, str], list[SliceFit]] = defaultdict(list)
    for item in slices:
        number = item.head if per == "head" else item.expert
        if number is not None and item.fitted:
            # Only heads of one tensor are compared, because a block may have several attentions.
            owner = item.tensor if per == "head" else ""
            blocks[item.tower, item.kind, item.block, owner].append(item)
    groups: _Groups = defaultdict(list)
    for (tower, kind, *_), group in blocks.items():
        if len(group) > 1:
            groups[tower, kind].append(group)
    return dict(sorted(groups.items(), key=lambda g: (TOWERS.index(g[0][0]), KINDS.index(g[0][1]))))


def _distances(group: Sequence[SliceFit]) -> Iterator[Distance]:
    middle = median(item.k for item in group)
    for item in group:
        if item.k_se_matrix > 0:
            yield Distance(item, middle, (item.k - middle) / item.k_se_matrix)


def _spread_row(
    blocks: Sequence[Sequence[SliceFit]], found: Sequence[Distance]
) -> dict[str, float | None]:
    deviation = _within_blocks([[item.k for item in group] for group in blocks])
    error = sqrt(fmean(item.k_se_matrix**2 for group in blocks for item in group))
    return {
        "number": sum(map(len, blocks)),
        "deviation": deviation,
        "error": error,
        "ratio": deviation / error if error > 0 else None,
        "far": sum(abs(each.errors) > FAR for each in found),
    }


def _within_blocks(blocks: Sequence[Sequence[float]]) -> float:
    """Return the standard deviation about the means of blocks, pooled by degrees of freedom."""
    squares = sum((k - fmean(block)) ** 2 for block in blocks for k in block)
    return sqrt(squares / sum(len(block) - 1 for block in blocks))


def _furthest(found: list[Distance], per: str, tower: Sequence[Column]) -> Iterator[Section]:
    far = [each for each in found if abs(each.errors) > FAR]
    if not far:
        return
    far.sort(key=lambda each: -abs(each.errors))
    shown = far[:_SHOWN]
    of_all = f", {len(shown)} of {len(far):,}" if len(far) > len(shown) else ""
    columns = (
        *tower,
        Column(key="block", right=True, identifies=True),
        Column(key="kind", identifies=True),
        Column(key=per, right=True, identifies=True),
        Column(key="k", heading="k ± s.e.", form=".4f", right=True),
        Column(key="middle", heading="median", form=".4f", right=True),
        Column(key="errors", heading="s.e. away", form="+.1f", right=True),
    )
    rows = [
        {
            "tower": each.item.tower,
            "block": each.item.block,
            "kind": each.item.kind,
            per: each.item.head if per == "head" else each.item.expert,
            "k": Estimate(each.item.k, each.item.k_se_matrix),
            "middle": each.middle,
            "errors": each.errors,
        }
        for each in shown
    ]
    heading = f"{per.capitalize()}s furthest from the median of their block{of_all}"
    yield Section(heading, (DocumentTable(columns, rows),))
