"""How much the heads, or the experts, of a block differ, and which stand out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median, pstdev
from typing import NamedTuple

from weightgauge.anatomy.components import KINDS, TOWERS
from weightgauge.fits import SliceFit
from weightgauge.reporting.page import Column, Page

FAR = 3.0
"""Standard errors from the block's median; of equal Gaussian heads one in 370 is further away."""

_SHOWN = 10


class Distance(NamedTuple):
    """A head or expert against its like in the same block.

    Attributes
    ----------
    item : SliceFit
        The head or expert.
    middle : float
        Median k of all that there are in the block, of the same kind.
    errors : float
        How far its own k lies from that, in its own standard errors.
    """

    item: SliceFit
    middle: float
    errors: float


_Groups = dict[tuple[str | None, str], list[list[SliceFit]]]


def spread(page: Page, slices: Sequence[SliceFit], per: str) -> None:
    """Add two tables: the spread of k by kind, and what lies furthest from its block's median.

    Parameters
    ----------
    page : Page
        Where to.
    slices : sequence of SliceFit
        Those that count, without wholes that are given in pieces.
    per : {"head", "expert"}
        What is compared.
    """
    groups = _groups(slices, per)
    if not groups:
        return
    with_tower = len({tower for tower, _ in groups}) > 1
    distances = {
        key: [found for group in blocks for found in _distances(group)]
        for key, blocks in groups.items()
    }
    page.heading(f"How much the {per}s of a block differ in k")
    page.table(
        [
            *([Column("tower")] if with_tower else []),
            Column("kind"),
            *(
                Column(title, right=True)
                for title in (f"{per}s", "s.d.", "s.e.", "s.d. / s.e.", "beyond 3 s.e.")
            ),
        ],
        [
            [
                *([tower or ""] if with_tower else []),
                kind,
                *_spread_row(blocks, distances[tower, kind]),
            ]
            for (tower, kind), blocks in groups.items()
        ],
    )
    _furthest(page, [found for each in distances.values() for found in each], per, with_tower)


def _groups(slices: Sequence[SliceFit], per: str) -> _Groups:
    """Collect what can be compared: by tower and kind, one list for each block."""
    blocks: dict[tuple[str | None, str, int | None, str], list[SliceFit]] = defaultdict(list)
    for item in slices:
        number = item.head if per == "head" else item.expert
        if number is not None and item.fitted:
            # Heads of one tensor only: a block may have several attentions.
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
        if item.k_se > 0:
            yield Distance(item, middle, (item.k - middle) / item.k_se)


def _spread_row(blocks: Sequence[Sequence[SliceFit]], found: Sequence[Distance]) -> list[str]:
    deviation = median(pstdev(item.k for item in group) for group in blocks)
    error = median(item.k_se for group in blocks for item in group)
    far = sum(abs(each.errors) > FAR for each in found)
    return [
        f"{sum(map(len, blocks)):,}",
        f"{deviation:.4f}",
        f"{error:.4f}",
        f"{deviation / error:.1f}" if error > 0 else "",
        f"{far:,}",
    ]


def _furthest(page: Page, found: list[Distance], per: str, with_tower: bool) -> None:
    far = [each for each in found if abs(each.errors) > FAR]
    if not far:
        return
    far.sort(key=lambda each: -abs(each.errors))
    shown = far[:_SHOWN]
    of_all = f", {len(shown)} of {len(far):,}" if len(far) > len(shown) else ""
    page.heading(f"{per.capitalize()}s furthest from the median of their block{of_all}")
    page.table(
        [
            *([Column("tower")] if with_tower else []),
            Column("block", right=True),
            Column("kind"),
            *(Column(title, right=True) for title in (per, "k ± s.e.", "median", "s.e. away")),
        ],
        [
            [
                *([each.item.tower or ""] if with_tower else []),
                "" if each.item.block is None else str(each.item.block),
                each.item.kind,
                str(each.item.head if per == "head" else each.item.expert),
                f"{each.item.k:.4f}±{each.item.k_se:.4f}",
                f"{each.middle:.4f}",
                f"{each.errors:+.1f}",
            ]
            for each in shown
        ],
    )
