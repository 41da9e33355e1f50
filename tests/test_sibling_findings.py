"""What a matrix is compared with: the others of its kind."""

from __future__ import annotations

import numpy as np
import pytest

from weightgauge.fits.sibling_findings import medians_of_others


@pytest.mark.parametrize("count", [2, 3, 4, 5, 12, 101])
@pytest.mark.parametrize("levels", [2, 5, 1_000_000])
def test_medians_of_others(count, levels):
    """Each is the median of the rest, also where numbers are equal."""
    values = np.random.default_rng(count).integers(0, levels, count).astype(np.float64)
    wanted = [np.median(np.delete(values, place)) for place in range(count)]
    assert medians_of_others(values).tolist() == wanted


def test_one_has_no_others():
    assert np.isnan(medians_of_others(np.ones(1))).all()
    assert medians_of_others(np.empty(0)).tolist() == []
