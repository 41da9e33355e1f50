"""The matrices of a fit whose k is furthest from that of Gaussian weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from weightgauge.choices import TRIMS
from weightgauge.findings import slice_name
from weightgauge.fits.withheld import CELLS
from weightgauge.reporting.document import Column, DocumentTable, Estimate, Line, Section

if TYPE_CHECKING:
    from weightgauge.fits import ModelFit

_COLUMNS = (
    Column(key="tensor", identifies=True, may_shorten=True),
    Column(key="kind", drop=1),
    Column(key="block", right=True, drop=2, hide_empty=True),
    Column(key="k", heading="k ± s.e.", form=".4f", right=True),
    Column(key="from_gaussian", heading="from Gaussian", form="+.4f", right=True),
    Column(key="lambda", form="#.4g", right=True, drop=4),
    Column(key="r2", heading="R2", form=".4f", right=True, drop=3),
)


def furthest_section(result: ModelFit, top: int) -> Iterator[Section]:
    """Yield a table of the matrices that are furthest away; nothing if none is fitted.

    Matrices on a grid and pruned ones are left out: their k says nothing of the training.

    Parameters
    ----------
    result : ModelFit
        What is shown.
    top : int
        How many of them.
    """
    from weightgauge.fits.withheld import withheld

    anchor = TRIMS[result.trim].gaussian_k
    reasons = withheld(result.slices, zeros=result.zero_handling, trim=result.trim)
    judged = [item for item in result.matrices if item.fitted and item.key not in reasons]
    judged.sort(key=lambda item: -abs(item.k - anchor))
    aside = [item for item in result.matrices if item.fitted and item.key in reasons]
    if not judged and not aside:
        return
    rows = [
        {
            "tensor": slice_name(item),
            "kind": item.kind,
            "block": item.block,
            "k": Estimate(item.k, item.k_se_matrix),
            "from_gaussian": item.k - anchor,
            "lambda": item.lam,
            "r2": item.r2,
        }
        for item in judged[:top]
    ]
    heading = f"Furthest from Gaussian weights (k {anchor:.4f}): {len(rows)} of {len(judged):,}"
    table = (DocumentTable(_COLUMNS, rows),) if rows else ()
    yield Section(heading, (*table, *_left_out([reasons[item.key] for item in aside])))


def _left_out(reasons: Sequence[str]) -> tuple[Line, ...]:
    """Say below the table which matrices it leaves out, and why."""
    told = ", ".join(f"{number:,} {CELLS[why]}" for why, number in Counter(reasons).most_common())
    words = "Not ranked, because their k says little of the training"
    return (Line(f"{words}: {told}."),) if told else ()
