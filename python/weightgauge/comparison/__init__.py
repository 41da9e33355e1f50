"""Two models beside each other: slices matched, shapes, scales and elements compared."""

from weightgauge.comparison.pair import Pair
from weightgauge.comparison.two_samples import least_difference, two_sample_ks

__all__ = ["Pair", "least_difference", "two_sample_ks"]
