"""Other programs that find the same numbers or some of them, each beside weightgauge.

Every peer gets its input in the form it likes best, prepared before the clock starts.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import weightgauge as wg
from interleaving import Beside
from reference import distinct, expected_fit, sorted_regression
from workloads import ARRAY_BYTES, BF16, THREADS, gaussian, pure_read

GROUP = "Peers, BF16 weights: how much faster weightgauge is"


class Data:
    """Give one array in the forms that the peers want. It has half the size of other arrays."""

    def __init__(self):
        self.weights = gaussian(BF16, ARRAY_BYTES // 2)
        self.codes = self.weights.view(np.uint16) & 0x7FFF
        self.magnitudes = np.abs(self.weights.astype(np.float32))
        self.expected = expected_fit(self.weights)

    def code_counts(self):
        """Return counts of all 32,768 codes; elements without a magnitude here are zeros."""
        magnitudes, counts = distinct(self.weights)
        wanted = np.zeros(1 << 15, np.int64)
        wanted[magnitudes.astype(BF16).view(np.uint16)] = counts
        wanted[0] = self.weights.size - counts.sum()
        return wanted


@pytest.fixture(scope="module")
def data():
    return Data()


@pytest.fixture
def measure_peer(measure, data):
    """Measure a peer beside weightgauge's fit."""

    def measured(what, call):
        beside = {
            f"x with {n} thr": Beside(
                lambda n=n: wg.fit_weibull(data.weights, threads=n), faster=True
            )
            for n in THREADS
        }
        return measure(
            call,
            {"pure read": Beside(pure_read(data.weights, 1)), **beside},
            group=GROUP,
            what=what,
            threads=None,
            nbytes=data.weights.nbytes,
            elements=data.weights.size,
        )

    return measured


def test_npm_weibull(measure_peer, data):
    pytest.importorskip("npm_weibull")
    from npm_weibull.core.weibull import weibull_fit
    from npm_weibull.utils.histogram import extract_to_histogram

    found = measure_peer(
        "npm-weibull-py: histogram, fit", lambda: weibull_fit(extract_to_histogram(data.weights))
    )
    # Bins are 3 % wide and BF16 rounds the data to 0.4 %, so k agrees to about one in a thousand.
    assert found["k"] == pytest.approx(data.expected.k, rel=0.01)


def test_sort_codes(measure_peer, data):
    ordered = measure_peer("np.sort(uint16 codes)", lambda: np.sort(data.codes))
    assert np.all(ordered[1:] >= ordered[:-1])
    assert_array_equal(np.bincount(ordered, minlength=1 << 15), data.code_counts())


def test_numpy_bincount(measure_peer, data):
    counts = measure_peer(
        "np.bincount(uint16 codes)", lambda: np.bincount(data.codes, minlength=1 << 15)
    )
    assert_array_equal(counts, data.code_counts())


def test_torch_bincount(measure_peer, data):
    torch = pytest.importorskip("torch")
    codes = torch.from_numpy(data.codes.view(np.int16))
    counts = measure_peer(
        "torch.bincount(int16 codes)", lambda: torch.bincount(codes, minlength=1 << 15)
    )
    assert_array_equal(counts.numpy(), data.code_counts())


def test_torch_histc(measure_peer, data):
    torch = pytest.importorskip("torch")
    magnitudes = torch.from_numpy(data.magnitudes)
    counts = measure_peer(
        "torch.histc(float32, 1024)", lambda: torch.histc(magnitudes, 1024, min=0.0, max=0.25)
    )
    # Counts are float32, each far below 2^24 and so exact; they are summed as doubles.
    assert counts.double().sum() == np.count_nonzero(data.magnitudes <= 0.25)


def test_sort_and_regression(measure_peer, data):
    found = measure_peer("np.sort(float32), regression", lambda: sorted_regression(data.magnitudes))
    assert found == pytest.approx((data.expected.k, data.expected.lam), rel=1e-9)
