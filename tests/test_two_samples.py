"""Distances between two samples, from their counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weightgauge as wg
from weightgauge.comparison import least_difference, two_sample_ks

SAMPLE = st.lists(
    st.one_of(st.sampled_from([0.0, 1.0, -2.0, 0.5]), st.floats(-100, 100, width=16)),
    min_size=1,
    max_size=40,
)


@given(a=SAMPLE, b=SAMPLE)
def test_the_distance_of_two_samples_is_that_of_their_steps(a, b):
    found = two_sample_ks(
        wg.magnitude_histogram(np.array(a, np.float16)), wg.magnitude_histogram(np.array(b))
    )
    places = np.abs(np.concatenate((a, b)))
    shares = [(np.abs(side)[:, None] <= places).mean(axis=0) for side in (a, b)]
    wanted = np.abs(shares[0] - shares[1]).max()
    assert found == pytest.approx(wanted, abs=1e-12)


def test_the_distance_from_nothing():
    nothing = wg.magnitude_histogram(np.array([np.nan], np.float32))
    assert math.isnan(two_sample_ks(nothing, wg.magnitude_histogram([1.0])))


@given(a=SAMPLE, b=SAMPLE)
def test_the_least_difference_is_that_of_sorted_samples(a, b):
    found = least_difference(
        wg.magnitude_histogram(np.array(a, np.float16)), wg.magnitude_histogram(np.array(b))
    )
    # As many copies of each as the other has elements: samples of one length, sorted.
    x = np.repeat(np.sort(np.abs(a)), len(b))
    y = np.repeat(np.sort(np.abs(b)), len(a))
    assert found == pytest.approx(math.sqrt(np.mean((x - y) ** 2)), rel=1e-6, abs=1e-5)


def test_no_difference_from_nothing():
    nothing = wg.magnitude_histogram(np.array([np.nan], np.float32))
    assert math.isnan(least_difference(nothing, wg.magnitude_histogram([1.0])))
    zeros = wg.magnitude_histogram([0.0, 0.0])
    assert least_difference(zeros, zeros) == 0.0
