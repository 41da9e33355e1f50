"""Two models beside each other: slices matched, shapes, scales and elements compared."""

from weightgauge.comparison.pair import Pair
from weightgauge.comparison.two_samples import two_sample_ks

__all__ = ["Pair", "two_sample_ks"]
