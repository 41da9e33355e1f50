"""What lies at the upper end of a slice is told alike, however much memory there was for bins."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg

BINS_OF_A_FIT = 262_144
DROPPED_BITS = {"F32": 10, "F64": 39}
LARGEST, NEXT = 1.75 + 5 * 2**-13, 1.75 + 2 * 2**-13
"""In usual bins of their own, and in the same one where eight neighbours are one."""


def spread(dtype, octaves, seed=0):
    """Magnitudes that fill 2^13 bins of each octave, with two of many at the upper end."""
    rng = np.random.default_rng(seed)
    values = np.exp2(rng.uniform(-octaves, 0, 1_500_000)).astype(dtype)
    values *= rng.choice(np.array([-1, 1], dtype), values.size)
    values[rng.choice(values.size, 1000, replace=False)] = NEXT
    values[rng.choice(values.size, 700, replace=False)] = -LARGEST
    return values.reshape(1000, 1500)


def expected(values, name):
    """Elements of the last usual bin, and the mean of the one before, by their definition."""
    bits = np.abs(values).reshape(-1).view({4: np.uint32, 8: np.uint64}[values.itemsize])
    bins = bits >> DROPPED_BITS[name]
    assert len(np.unique(bins)) > BINS_OF_A_FIT
    last, before = np.unique(bins)[[-1, -2]]
    magnitudes = np.abs(values).reshape(-1)
    return int((bins == last).sum()), float(magnitudes[bins == before].astype(np.float64).mean())


CASES = {
    "F32": ("F32", spread(np.float32, 60)),
    "F64": ("F64", spread(np.float64, 60)),
    "F64 beyond the reach of bins": ("F64", spread(np.float64, 900)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_upper_end_is_the_same_in_fits_and_saved_counts(case, write_checkpoint, tmp_path):
    name, values = CASES[case]
    path = tmp_path / "m.safetensors"
    weight = "model.layers.0.mlp.up_proj.weight"
    write_checkpoint(path, {weight: (name, values.shape, values.tobytes())})
    at_max, second = expected(values, name)
    for threads in (1, 2):
        (fitted,) = wg.fit(path, threads=threads)
        (scanned,) = wg.fit(wg.scan(path, threads=threads))
        (by_reading,) = wg.fit(path, threads=threads, io="pread")
        for item in (fitted, scanned, by_reading):
            assert item.max == LARGEST
            assert item.at_max == at_max
            assert item.second == pytest.approx(second, rel=2**-30)
            assert (item.at_max, item.second) == (fitted.at_max, fitted.second)
