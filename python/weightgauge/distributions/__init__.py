"""Distributions of magnitudes: closed forms, tails, alternatives to Weibull, standard errors.

The functions take an array of weights, or its histogram from `weightgauge.magnitude_histogram`.
"""

from weightgauge.distributions.alternatives import DistributionFit, compare_distributions
from weightgauge.distributions.anchors import INITS, Anchor, init_anchor
from weightgauge.distributions.bootstrap import Bootstrap, Drawings, matrix_bootstrap
from weightgauge.distributions.cross_checks import Estimate, regression_x_on_y, weibull_mle
from weightgauge.distributions.heaviness import Heaviness, heaviness
from weightgauge.distributions.weibull_forms import Weibull, std_over_lambda

__all__ = [
    "INITS",
    "Anchor",
    "Bootstrap",
    "DistributionFit",
    "Drawings",
    "Estimate",
    "Heaviness",
    "Weibull",
    "compare_distributions",
    "heaviness",
    "init_anchor",
    "matrix_bootstrap",
    "regression_x_on_y",
    "std_over_lambda",
    "weibull_mle",
]
