"""How many clusters the standard errors of a matrix rest on."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.fits.slice_numbers import row_length

if TYPE_CHECKING:
    from weightgauge.fits.slice_fit import SliceFit

FEWEST_CLUSTERS = 8
"""With fewer heads, experts or channels too little is known of how they differ: see
docs/statistics.md."""

_ONE_WAY = re.compile("(a sample of|all) (rows|columns)")
_GROUPS = re.compile("(rows|columns) in groups of ([0-9,]+)")


class Rests(NamedTuple):
    """The fields of a slice that tell what its errors rest on; see `SliceFit`."""

    errors_from: str
    shape: tuple[int, ...]
    kind: str


def few_lines_in(item: SliceFit | Rests) -> bool:
    """Whether the errors allow for rows alone, or for columns alone: there are few of the others.

    Parameters
    ----------
    item : SliceFit or Rests
        A fitted slice.
    """
    return _ONE_WAY.fullmatch(item.errors_from) is not None


def clusters_of(item: SliceFit | Rests) -> int | None:
    """Return the number of heads, experts or channels that the errors allow for.

    Parameters
    ----------
    item : SliceFit or Rests
        A fitted slice.

    Returns
    -------
    int or None
        None where they allow for single rows and columns only.
    """
    found = _group(item)
    if found is None:
        return None
    along, lines = found
    columns = row_length(item.shape, item.kind)
    of = columns if along == "columns" else math.prod(item.shape) // columns
    return of // lines


def of_channels(item: SliceFit | Rests) -> bool:
    """Whether the clusters that the errors allow for are the channels that kernels read.

    Parameters
    ----------
    item : SliceFit or Rests
        A fitted slice.
    """
    found = _group(item)
    return found is not None and found[0] == "columns" and len(item.shape) > 2


def rows_in_cluster(item: SliceFit) -> int | None:
    """Return the number of rows that one head or expert has.

    Parameters
    ----------
    item : SliceFit
        A fitted slice.

    Returns
    -------
    int or None
        None where heads and experts are no groups of rows, or are not known.
    """
    found = _group(item)
    return found[1] if found is not None and found[0] == "rows" else None


def _group(item: SliceFit | Rests) -> tuple[str, int] | None:
    """Return "rows" or "columns", and how many of them are in a group; None without groups."""
    found = _GROUPS.search(item.errors_from)
    return None if found is None else (found[1], int(found[2].replace(",", "")))
