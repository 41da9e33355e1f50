"""What a page says of its standard errors."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.fits.clusters import FEWEST_CLUSTERS, Rests, clusters_of, few_lines_in, of_channels
from weightgauge.fits.matrix_errors import FEWEST_LINES
from weightgauge.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.columns import Columns


PRODUCT_ERRORS = (
    "B A: what an adapter adds to the matrix. Its elements depend on each other: the true standard "
    "error is larger than the one shown."
)
"""What a page with products of the factors of an adapter says of their errors."""


def errors_note(columns: Columns, rows: NDArray[np.int64] | None = None) -> str:
    """Return sentences on what the standard errors hold for.

    Parameters
    ----------
    columns : Columns
        All slices.
    rows : ndarray of int64, optional
        Places of what the page shows, all by default; those without a fit and vectors do not count.
    """
    rows = np.arange(len(columns)) if rows is None else rows
    rows = rows[columns.fitted[rows] & (columns.ranks[rows] > 1)]
    alone = int((~columns.spread_parts.there[rows]).sum())
    if alone == len(rows):
        return (
            "±: standard error of independent weights; where rows or columns have scales of their "
            "own, the true one is larger."
        )
    told = (
        "±: standard error; it allows for rows, columns, heads and experts with scales of their own"
    )
    rests = Counter(zip(*(columns.values(name, rows) for name in Rests._fields), strict=True))
    forms = [(Rests(*form), number) for form, number in rests.items()]
    few_lines = sum(number for form, number in forms if few_lines_in(form))
    exceptions = [
        *([f"in {_matrices(alone)}, whose weights it takes as independent"] if alone else []),
        *(
            [
                f"in {_matrices(few_lines)} with fewer than {FEWEST_LINES} rows, or columns, which "
                "tell nothing of how they differ"
            ]
            if few_lines
            else []
        ),
    ]
    why = " (errors_from in JSON tells why)" if alone else ""
    but = f", except {', and '.join(exceptions)}{why}" if exceptions else ""
    doubtful = [each for each in forms if clusters_of(each[0]) in range(2, FEWEST_CLUSTERS)]
    few_clusters = sum(number for _, number in doubtful)
    channels = any(of_channels(form) for form, _ in doubtful)
    clusters = "heads, experts or channels" if channels else "heads or experts"
    doubt = (
        f" {_matrices(few_clusters).capitalize()} {'has' if few_clusters == 1 else 'have'} fewer "
        f"than {FEWEST_CLUSTERS} {clusters}: ± is itself uncertain there, and may be too small."
        if few_clusters
        else ""
    )
    return f"{told}{but}.{doubt}"


def _matrices(number: int) -> str:
    return counted(number, "matrix", "matrices")
