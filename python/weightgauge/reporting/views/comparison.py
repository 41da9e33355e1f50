"""The page that `weightgauge compare` shows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from weightgauge.anatomy.components import KINDS
from weightgauge.comparison.model_comparison import Comparison
from weightgauge.comparison.pair import Pair
from weightgauge.errors import printable
from weightgauge.fits.slice_fit import slice_name
from weightgauge.reporting.page import Column, Page

_SHOWN = 20
_NAMES_SHOWN = 5


def comparison_page(page: Page, found: Comparison, *, notes: bool = True) -> None:
    """Write a comparison for people to read.

    Parameters
    ----------
    page : Page
        Where to.
    found : Comparison
        What to show.
    notes : bool
        Whether to explain the tables.
    """
    page.heading(f"a: {printable(found.a, limit=1000)}")
    page.line(f"b: {printable(found.b, limit=1000)}")
    _standing(page, found)
    if found.pairs:
        _kinds(page, found.pairs)
        _most_moved(page, found.pairs)
    for side, names in (("a", found.only_a), ("b", found.only_b)):
        if names:
            shown = ", ".join(printable(name) for name in names[:_NAMES_SHOWN])
            more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
            page.line("")
            page.prose(f"Only in {side}: {shown}{more}.")
    if notes and found.pairs:
        page.line("")
        page.prose(
            "dk = k of b - k of a; z = dk over its standard error for independent weights, a and b "
            "independent of each other: for a fine-tune and its base the true z are larger. KS: "
            "distance between the two distributions of |w|. Changed: share of the elements whose "
            "values differ. |b-a|/|a|: root mean squares, by which pairs are sorted; without "
            "elements by the least that it can be. --json and --format csv have every pair "
            "with a fit of the differences."
        )


def _standing(page: Page, found: Comparison) -> None:
    compared = [pair for pair in found.pairs if not math.isnan(pair.changed)]
    same = sum(pair.changed == 0 for pair in compared)
    text = f"{len(found.pairs):,} pairs of slices"
    if compared:
        text += f"; {same:,} of {len(compared):,} that were compared by element are the same"
    page.line(text)


def _kinds(page: Page, pairs: Sequence[Pair]) -> None:
    members: dict[str, list[Pair]] = defaultdict(list)
    depths: dict[tuple[str, str], int] = defaultdict(int)
    for pair in pairs:
        depths[pair.tensor, pair.kind] = max(depths[pair.tensor, pair.kind], _depth(pair))
    for pair in pairs:
        # A stack that is also given in pieces of its own kind counts by these.
        if _depth(pair) == depths[pair.tensor, pair.kind]:
            members[pair.kind].append(pair)
    page.heading("Medians by kind")
    page.table(
        [Column("kind"), *(Column(name, right=True) for name in _MEDIANS)],
        [
            [
                kind,
                f"{len(members[kind]):,}",
                _median(members[kind], "k_a", ".4f"),
                _median(members[kind], "k_b", ".4f"),
                _median(members[kind], "dk", "+.4f"),
                _median(members[kind], "dln_lambda", "+.4f"),
                _median(members[kind], "ks", ".4f"),
                _median(members[kind], "changed", ".1%"),
                _median(members[kind], "difference_rms", ".2%"),
            ]
            for kind in KINDS
            if kind in members
        ],
    )


_MEDIANS = ("pairs", "k of a", "k of b", "dk", "dln lambda", "KS", "changed", "|b-a|/|a|")


def _most_moved(page: Page, pairs: Sequence[Pair]) -> None:
    page.heading("What moved most")
    page.table(
        [
            Column("tensor"),
            Column("kind"),
            Column("block", right=True),
            *(
                Column(name, right=True)
                for name in ("dk", "z", "dln lambda", "z", "KS", "changed", "|b-a|/|a|")
            ),
        ],
        [
            [
                slice_name(pair),
                pair.kind,
                "" if pair.block is None else str(pair.block),
                f"{_number(pair.dk, '+.4f')}±{_number(pair.dk_se, '.4f')}".strip("±"),
                _number(pair.z, "+.1f"),
                _number(pair.dln_lambda, "+.4f"),
                _number(pair.dln_lambda_z, "+.1f"),
                _number(pair.ks, ".4f"),
                _number(pair.changed, ".1%"),
                _number(pair.difference_rms, ".2%"),
            ]
            for pair in pairs[:_SHOWN]
        ],
    )
    if len(pairs) > _SHOWN:
        page.line(f"... and {len(pairs) - _SHOWN:,} more: --json or --format csv")


def _depth(pair: Pair) -> int:
    return sum(level is not None for level in (pair.part, pair.expert, pair.head))


def _median(pairs: Sequence[Pair], field: str, form: str) -> str:
    values = [value for pair in pairs if math.isfinite(value := getattr(pair, field))]
    return format(median(values), form) if values else ""


def _number(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form)
