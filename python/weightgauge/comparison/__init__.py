"""Two models beside each other: slices matched, shapes, scales and elements compared."""

from weightgauge.comparison.model_comparison import Comparison, compare
from weightgauge.comparison.pair import Pair
from weightgauge.comparison.two_samples import least_difference, two_sample_ks

__all__ = ["Comparison", "Pair", "compare", "least_difference", "two_sample_ks"]
