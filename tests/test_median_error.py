"""Standard errors of medians, compared with simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weightgauge.diagnosis.kind_diagnosis import median_error


@pytest.mark.parametrize(
    ("centres", "errors"),
    [
        ([1.2], [0.01]),
        ([1.2] * 3, [0.01] * 3),
        ([1.2] * 6, [0.01] * 6),
        ([1.2] * 30, [0.01] * 30),
        ([1.0, 1.1, 1.2, 1.3, 1.4], [0.01] * 5),
        ([1.2] * 700, [0.01] * 700),
    ],
)
def test_the_error_of_a_median_is_that_of_simulation(centres, errors):
    """What is claimed of estimates, on average, against how much their medians scatter."""
    rng = np.random.default_rng(12)
    drawn = np.array(centres) + np.array(errors) * rng.standard_normal((4_000, len(centres)))
    wanted = np.std(np.median(drawn, axis=1))
    claimed = np.mean([median_error(each, errors) for each in drawn[:150]])
    # 1.1 % of the medians, and about 3 % of 150 claims; the scatter itself is not known well.
    assert claimed == pytest.approx(wanted, rel=0.1)


def test_one_estimate_that_is_not_precise_between_two_that_are():
    """The median is the one in the middle wherever it falls, and the nearer end beyond them."""
    values, errors = [1.197, 1.178, 1.159], [0.003, 0.045, 0.0004]
    drawn = np.array(values) + np.array(errors) * np.random.default_rng(1).normal(size=(4_000, 3))
    assert median_error(values, errors) == pytest.approx(np.std(np.median(drawn, axis=1)), rel=0.1)


def test_estimates_of_unequal_error():
    # The two precise ones make the median: it lies between them, or at one of them.
    rng = np.random.default_rng(3)
    errors = np.array([0.0042, 0.0042, 0.048])
    drawn = 1.2 + errors * rng.standard_normal((4_000, 3))
    claimed = np.mean([median_error(each, errors) for each in drawn[:200]])
    assert claimed == pytest.approx(np.std(np.median(drawn, axis=1)), rel=0.3)
    assert math.isnan(median_error([], [])) and math.isnan(
        median_error([1.0, 1.1], [0.1, math.nan])
    )
