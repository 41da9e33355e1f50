"""Quantiles beside np.partition, which finds the same order statistics, and np.quantile."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import weightgauge as wg
from interleaving import Beside
from workloads import ARRAY_BYTES, FORMATS, gaussian, pure_read


class Data:
    """Give weights, and their magnitudes as NumPy is fastest with; half as many as elsewhere."""

    def __init__(self, spelling):
        self.spelling = spelling
        self.weights = gaussian(FORMATS[spelling], ARRAY_BYTES // 2)
        plain = self.weights if self.weights.itemsize > 2 else self.weights.astype(np.float32)
        self.magnitudes = np.abs(plain)


@pytest.fixture(scope="module", params=["BF16", "F32", "F64"])
def data(request):
    return Data(request.param)


@pytest.mark.parametrize("count", [1, 9, 801])
def test_quantiles(measure, data, count, threads):
    probs = np.linspace(0, 1, count + 2)[1:-1]
    size = data.magnitudes.size
    ranks = np.ceil(size * probs).astype(np.intp) - 1
    ranks = np.minimum(np.maximum(ranks, 0), size - 1)
    found = measure(
        lambda: wg.quantiles(data.weights, probs, threads=threads),
        {
            "pure read": Beside(pure_read(data.weights, threads)),
            "x as fast as np.partition": Beside(lambda: np.partition(data.magnitudes, ranks)),
            "x np.quantile": Beside(
                lambda: np.quantile(data.magnitudes, probs, method="inverted_cdf")
            ),
        },
        group="quantiles, Gaussian weights",
        what=f"{data.spelling}, {count} probabilities",
        threads=threads,
        nbytes=data.weights.nbytes,
        elements=data.weights.size,
    )
    # weightgauge leaves zeros out. There are a handful at most; they move a rank by as many places.
    kept = np.sort(data.magnitudes[data.magnitudes > 0])
    assert_array_equal(found, np.quantile(kept, probs, method="inverted_cdf"))
