"""How much heads differ, beside what their errors explain."""

from __future__ import annotations

import math

import numpy as np
import pytest

from made_fits import made_slice
from weightgauge.reporting.views.spread import spread_sections


def spread_of(heads, blocks, *, of_heads=0.0):
    """The row of q in a model with so many heads, whose k have errors of 0.01."""
    rng = np.random.default_rng(heads)
    k = 1.2 + 0.01 * rng.standard_normal((blocks, heads))
    k += of_heads * rng.standard_normal((blocks, heads)) + 0.1 * rng.standard_normal((blocks, 1))
    slices = [
        made_slice(f"h.{block}.q", "q", block, head=head, k=float(k[block, head]), k_se_matrix=0.01)
        for block in range(blocks)
        for head in range(heads)
    ]
    section = next(iter(spread_sections(slices, "head")))
    (row,) = section.parts[0].rows
    return row, k


@pytest.mark.parametrize("heads", [2, 4, 12])
def test_equal_heads_differ_by_their_errors(heads):
    row, k = spread_of(heads, 400 // heads)
    assert row["error"] == pytest.approx(0.01)
    assert row["deviation"] ** 2 == pytest.approx(k.var(axis=1, ddof=1).mean())
    freedom = k.size - len(k)
    assert row["ratio"] == pytest.approx(1, abs=4 / math.sqrt(2 * freedom))


def test_heads_that_differ_do_so_by_more():
    row, _ = spread_of(2, 200, of_heads=0.02)
    assert row["ratio"] == pytest.approx(math.sqrt(5), rel=0.2)
