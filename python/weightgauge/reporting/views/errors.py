"""What a page says of its standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightgauge.reporting.values import counted

if TYPE_CHECKING:
    from weightgauge.fits import SliceFit


def errors_note(matrices: Sequence[SliceFit]) -> str:
    """Return a sentence on what the standard errors hold for.

    Parameters
    ----------
    matrices : sequence of SliceFit
        What the page shows; those without a fit and vectors do not count.
    """
    fitted = [item for item in matrices if item.fitted and len(item.shape) > 1]
    alone = sum(item.spread is None for item in fitted)
    if alone == len(fitted):
        return (
            "±: standard error of independent weights; where rows or columns have scales of their "
            "own, the true one is larger."
        )
    told = (
        "±: standard error; it allows for rows, columns, heads and experts with scales of their own"
    )
    if not alone:
        return f"{told}."
    return (
        f"{told}, except in {counted(alone, 'matrix', 'matrices')}, whose weights it takes as "
        "independent (errors_from in JSON tells why)."
    )
