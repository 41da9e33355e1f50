"""weightgauge: a measuring stick for the weights of neural networks.

The shape k and the scale lambda of a two-parameter Weibull distribution, fitted to the magnitudes
|w| of every weight matrix of a checkpoint, exactly and at the speed the machine can read.

Examples
--------
>>> import numpy as np
>>> import weightgauge as wg
>>> weights = np.random.default_rng(0).normal(0.0, 0.02, (512, 512)).astype(np.float32)
>>> fit = wg.fit_weibull(weights)
>>> abs(fit.k - 1.2054) < 4 * fit.k_se
True
"""

from __future__ import annotations

from importlib.metadata import version as _version

from weightgauge import errors
from weightgauge.checkpoint import open_checkpoint
from weightgauge.histogram import MagnitudeHistogram, magnitude_histogram
from weightgauge.model_fit import KindSummary, ModelFit, SliceFit, fit
from weightgauge.quantiles import quantiles
from weightgauge.weibull import WeibullFit, fit_weibull

__version__ = _version("weightgauge")

__all__ = [
    "KindSummary",
    "MagnitudeHistogram",
    "ModelFit",
    "SliceFit",
    "WeibullFit",
    "__version__",
    "errors",
    "fit",
    "fit_weibull",
    "magnitude_histogram",
    "open_checkpoint",
    "quantiles",
]
