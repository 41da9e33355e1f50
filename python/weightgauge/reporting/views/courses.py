"""The course of k over the blocks of a model, as one line of blocks for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightgauge.pictures import depth_profiles_of_k
from weightgauge.reporting.document import Column
from weightgauge.reporting.sparkline import sparkline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weightgauge.fits.columns import Columns

COURSE = Column(
    key="by_block",
    heading="k by block",
    hide_empty=True,
    picture=True,
    note="k by block: from the first block to the last, over each row's own range, or six standard "
    "errors where that is more.",
)
"""The column that shows it."""


def courses_by_block(
    columns: Columns, matrices: NDArray[np.int64]
) -> dict[tuple[str | None, str], str]:
    """Draw the course of k of each tower and kind that has more than one block.

    Parameters
    ----------
    columns : Columns
        All slices.
    matrices : ndarray of int64
        Places of the matrices to show.
    """
    return {
        (profile.tower, profile.kind): sparkline(
            profile.values,
            [(high - low) / 2 for low, high in zip(profile.low, profile.high, strict=True)],
        )
        for profile in depth_profiles_of_k(columns, matrices)
        if len(profile.blocks) > 1
    }
