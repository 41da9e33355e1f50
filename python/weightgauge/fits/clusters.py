"""How many clusters the standard errors of a matrix rest on."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from weightgauge.fits.slice_numbers import row_length

if TYPE_CHECKING:
    from weightgauge.fits.slice_fit import SliceFit

FEWEST_CLUSTERS = 8
"""With fewer heads or experts too little is known of how they differ: see docs/statistics.md."""

_ONE_WAY = re.compile("(a sample of|all) (rows|columns)")
_GROUPS = re.compile("(rows|columns) in groups of ([0-9,]+)")


def few_lines_in(item: SliceFit) -> bool:
    """Whether the errors allow for rows alone, or for columns alone: there are few of the others.

    Parameters
    ----------
    item : SliceFit
        A fitted slice.
    """
    return _ONE_WAY.fullmatch(item.errors_from) is not None


def clusters_of(item: SliceFit) -> int | None:
    """Return the number of heads or experts that the errors allow for.

    Parameters
    ----------
    item : SliceFit
        A fitted slice.

    Returns
    -------
    int or None
        None where they allow for single rows and columns only.
    """
    found = _GROUPS.search(item.errors_from)
    if found is None:
        return None
    columns = row_length(item.shape, item.kind)
    lines = columns if found[1] == "columns" else math.prod(item.shape) // columns
    return lines // int(found[2].replace(",", ""))
