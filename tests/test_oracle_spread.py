"""The oracle's tests of rows and columns and its budget of spread."""

from __future__ import annotations

import math

import numpy as np
import pytest

from oracle_matrix import fresh_z, spread


@pytest.mark.parametrize("name", ["normal", "t3", "uniform"])
def test_fresh_matrices_have_no_rows_or_columns(name):
    rng = np.random.default_rng(9)
    draw = {
        "normal": lambda: rng.standard_normal((96, 128)),
        "t3": lambda: rng.standard_t(3, (96, 128)),
        "uniform": lambda: rng.uniform(-1, 1, (96, 128)),
    }[name]
    found = np.array([fresh_z(draw()) for _ in range(200)])
    # The mean of 200 is known to 0.07, the standard deviation to 0.05.
    assert (np.abs(found.mean(axis=0)) < 0.3).all(), found.mean(axis=0)
    assert (np.abs(found.std(axis=0) - 1) < 0.2).all(), found.std(axis=0)


def test_orthogonal_matrices_do_not_look_trained():
    rng = np.random.default_rng(12)
    found = np.array(
        [fresh_z(np.linalg.qr(rng.standard_normal((128, 128)))[0][:96]) for _ in range(100)]
    )
    # All rows have one length, so their means of ln |w| differ less than independent ones do.
    assert (found < 1.96).all() and (found.mean(axis=0) < 0).all(), found.mean(axis=0)


def test_the_spread_of_scales_is_told_apart():
    rng = np.random.default_rng(10)
    values = rng.standard_normal((500, 400))
    values *= np.exp(0.4 * rng.standard_normal((500, 1)) + 0.2 * rng.standard_normal(400))
    rows, columns, core = spread(values)
    # Of 500 and 400 scales: known to 6 and 7 %. Gaussian weights have pi^2/8.
    assert rows == pytest.approx(0.16, rel=0.2)
    assert columns == pytest.approx(0.04, rel=0.25)
    assert core == pytest.approx(math.pi**2 / 8, rel=0.02)
    assert min(fresh_z(values)) > 20
