"""Arrays in memory: every element format, and BF16 data of awkward shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import weightgauge as wg
from interleaving import Beside
from reference import Expected, distinct, expected_fit, sorted_regression
from workloads import ARRAY_BYTES, FORMATS, INPUTS, gaussian, increments, pure_read


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


@pytest.fixture(scope="module", params=list(INPUTS), ids=", ".join)
def awkward(request):
    """Give a name, the data, and Gaussian data of the same format."""
    dtype = FORMATS[request.param[0]]
    return ", ".join(request.param), INPUTS[request.param](dtype), gaussian(dtype)


def test_fit(measure, workload, threads):
    beside = {"pure read": Beside(pure_read(workload.array, threads))}
    itemsize = workload.array.itemsize
    if itemsize <= 2:  # of one-byte items, one store counts two
        stores = workload.array.size * itemsize // 2
        beside["of the speed of its increments alone"] = Beside(increments(stores, threads))
    fit = measure(
        lambda: wg.fit_weibull(workload.array, threads=threads),
        beside,
        group="fit_weibull, Gaussian weights",
        what=workload.name,
        threads=threads,
        **workload.size(),
    )
    # The documented bound for binned F32, far above the reference's own error of about 1e-12.
    assert_fit(fit, workload.expected, 1e-8)


@pytest.mark.parametrize("spelling", ["F32", "F64"])
def test_exact_fit(measure, spelling, threads):
    # Sorting and regression of more than a quarter would take minutes.
    array = gaussian(FORMATS[spelling], ARRAY_BYTES // 4)
    fit = measure(
        lambda: wg.fit_weibull(array, exact=True, threads=threads),
        {
            "pure read": Beside(pure_read(array, threads)),
            "x as fast as np.sort and regression": Beside(
                lambda: sorted_regression(np.abs(array)), faster=False
            ),
        },
        group="fit_weibull(exact=True), Gaussian weights",
        what=spelling,
        threads=threads,
        nbytes=array.nbytes,
        elements=array.size,
    )
    # The package promises 1e-12, and the reference is about as good.
    assert fit.exact
    assert_fit(fit, expected_fit(array), 1e-11)


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


def test_awkward_data(measure, awkward, threads):
    name, array, plain = awkward
    histogram = measure(
        lambda: wg.magnitude_histogram(array, threads=threads),
        {
            "pure read": Beside(pure_read(array, threads)),
            "of the speed on Gaussian data": Beside(
                lambda: wg.magnitude_histogram(plain, threads=threads)
            ),
        },
        group="magnitude_histogram, awkward data",
        what=name,
        threads=threads,
        nbytes=array.nbytes,
        elements=array.size,
    )
    assert_counts(histogram, array)


def assert_counts(histogram, array):
    """Check that all elements are counted and, if each magnitude has a count, that it is right."""
    assert histogram.n + histogram.zeros + histogram.nonfinite == array.size
    assert int(histogram.counts.sum()) == histogram.n
    if histogram.exact and array.itemsize <= 2:
        magnitudes, counts = distinct(array)
        assert_array_equal(histogram.magnitudes, magnitudes)
        assert_array_equal(histogram.counts, counts)
