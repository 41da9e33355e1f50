"""Arrays in memory: every element format, and BF16 data of awkward shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import weightgauge as wg
from interleaving import Beside
from reference import Expected, distinct, expected_fit
from workloads import BF16, FORMATS, INPUTS, gaussian, pure_read


@dataclass(frozen=True)
class Workload:
    name: str
    array: np.ndarray
    expected: Expected

    def size(self):
        return {"nbytes": self.array.nbytes, "elements": self.array.size}


@pytest.fixture(scope="module", params=list(FORMATS))
def workload(request):
    array = gaussian(FORMATS[request.param])
    return Workload(request.param, array, expected_fit(array))


@pytest.fixture(scope="module", params=list(INPUTS))
def awkward(request):
    return request.param, INPUTS[request.param]()


@pytest.fixture(scope="module")
def plain():
    return gaussian(BF16)


def test_fit(measure, workload, threads):
    fit = measure(
        lambda: wg.fit_weibull(workload.array, threads=threads),
        {"pure read": Beside(pure_read(workload.array, threads))},
        group="fit_weibull, Gaussian weights",
        what=workload.name,
        threads=threads,
        **workload.size(),
    )
    # The documented bound for binned F32, far above the reference's own error of about 1e-12.
    assert_fit(fit, workload.expected, 1e-8)


@pytest.mark.parametrize("workload", ["F32"], indirect=True)
def test_exact_fit(measure, workload, threads):
    fit = measure(
        lambda: wg.fit_weibull(workload.array, exact=True, threads=threads),
        {"pure read": Beside(pure_read(workload.array, threads))},
        group="fit_weibull(exact=True), Gaussian weights",
        what=workload.name,
        threads=threads,
        **workload.size(),
    )
    # The package promises 1e-12; the reference itself is good to about that.
    assert_fit(fit, workload.expected, 1e-11)


def assert_fit(fit, expected, tolerance):
    assert (fit.status, fit.n) == ("ok", expected.n)
    assert fit.k == pytest.approx(expected.k, rel=tolerance)
    assert fit.lam == pytest.approx(expected.lam, rel=tolerance)


def test_histogram(measure, workload, threads):
    histogram = measure(
        lambda: wg.magnitude_histogram(workload.array, threads=threads),
        {"pure read": Beside(pure_read(workload.array, threads))},
        group="magnitude_histogram, Gaussian weights",
        what=workload.name,
        threads=threads,
        **workload.size(),
    )
    assert_counts(histogram, workload.array)


def test_awkward_data(measure, awkward, plain, threads):
    name, array = awkward
    histogram = measure(
        lambda: wg.magnitude_histogram(array, threads=threads),
        {
            "pure read": Beside(pure_read(array, threads)),
            "of the speed on Gaussian data": Beside(
                lambda: wg.magnitude_histogram(plain, threads=threads)
            ),
        },
        group="magnitude_histogram, awkward BF16",
        what=name,
        threads=threads,
        nbytes=array.nbytes,
        elements=array.size,
    )
    assert_counts(histogram, array)


def assert_counts(histogram, array):
    """All elements are accounted for and, where counts are per magnitude, each one is right."""
    assert histogram.n + histogram.zeros + histogram.nonfinite == array.size
    assert int(histogram.counts.sum()) == histogram.n
    if histogram.exact and array.itemsize <= 2:
        magnitudes, counts = distinct(array)
        assert_array_equal(histogram.magnitudes, magnitudes)
        assert_array_equal(histogram.counts, counts)
