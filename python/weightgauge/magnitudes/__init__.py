"""Everything about one array: counts of its magnitudes, their quantiles and their Weibull fit."""

from weightgauge.magnitudes.histogram import MagnitudeHistogram, magnitude_histogram
from weightgauge.magnitudes.quantile import quantiles
from weightgauge.magnitudes.weibull import WeibullFit, fit_weibull

__all__ = ["MagnitudeHistogram", "WeibullFit", "fit_weibull", "magnitude_histogram", "quantiles"]
