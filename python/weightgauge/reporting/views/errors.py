"""What a page says of its standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightgauge.fits.clusters import FEWEST_CLUSTERS, clusters_of, few_lines_in
from weightgauge.fits.matrix_errors import FEWEST_LINES
from weightgauge.reporting.values import counted

if TYPE_CHECKING:
    from weightgauge.fits import SliceFit


PRODUCT_ERRORS = (
    "B A: what an adapter adds to the matrix. Its elements depend on each other: the true standard "
    "error is larger than the one shown."
)
"""What a page with products of the factors of an adapter says of their errors."""


def errors_note(matrices: Sequence[SliceFit]) -> str:
    """Return sentences on what the standard errors hold for.

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
    few_lines = sum(few_lines_in(item) for item in fitted)
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
    few_clusters = sum(clusters_of(item) in range(2, FEWEST_CLUSTERS) for item in fitted)
    doubt = (
        f" {_matrices(few_clusters).capitalize()} {'has' if few_clusters == 1 else 'have'} fewer "
        f"than {FEWEST_CLUSTERS} heads or experts: ± is itself uncertain there, and may be too "
        "small."
        if few_clusters
        else ""
    )
    return f"{told}{but}.{doubt}"


def _matrices(number: int) -> str:
    return counted(number, "matrix", "matrices")
