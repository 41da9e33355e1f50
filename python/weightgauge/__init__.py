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

from importlib import import_module
from typing import TYPE_CHECKING

from weightgauge.forking import wait_before_forks

if TYPE_CHECKING:
    from weightgauge import (
        comparison,
        diagnosis,
        distributions,
        errors,
        findings,
        health,
        reference,
    )
    from weightgauge.checkpoint import open_checkpoint
    from weightgauge.comparison.model_comparison import Comparison, compare
    from weightgauge.diagnosis.model_diagnosis import diagnose
    from weightgauge.diagnosis.record import Diagnosis
    from weightgauge.fits import KindSummary, ModelFit, SliceFit
    from weightgauge.health.check import check
    from weightgauge.health.result import CheckResult
    from weightgauge.magnitudes import (
        MagnitudeHistogram,
        WeibullFit,
        fit_weibull,
        magnitude_histogram,
        quantiles,
    )
    from weightgauge.progress import progress_bar
    from weightgauge.reference.claims import Claim, reproduce
    from weightgauge.reporting.page.report import Report, report
    from weightgauge.scanning import ModelHistograms, fit, scan
    from weightgauge.trajectory.laws import Scaling, scaling
    from weightgauge.trajectory.record import Trajectory
    from weightgauge.trajectory.trajectory import track

    __version__: str

__all__ = [
    "CheckResult",
    "Claim",
    "Comparison",
    "Diagnosis",
    "KindSummary",
    "MagnitudeHistogram",
    "ModelFit",
    "ModelHistograms",
    "Report",
    "Scaling",
    "SliceFit",
    "Trajectory",
    "WeibullFit",
    "__version__",
    "check",
    "compare",
    "comparison",
    "diagnose",
    "diagnosis",
    "distributions",
    "errors",
    "findings",
    "fit",
    "fit_weibull",
    "health",
    "magnitude_histogram",
    "open_checkpoint",
    "progress_bar",
    "quantiles",
    "reference",
    "report",
    "reproduce",
    "scaling",
    "scan",
    "track",
]

wait_before_forks()

# Public names are imported when they are first used, so that `weightgauge --help` need not wait
# for NumPy.
_MODULES = {
    "CheckResult": "health.result",
    "Claim": "reference.claims",
    "Comparison": "comparison.model_comparison",
    "Diagnosis": "diagnosis.record",
    "KindSummary": "fits",
    "MagnitudeHistogram": "magnitudes",
    "ModelFit": "fits",
    "ModelHistograms": "scanning",
    "Report": "reporting.page.report",
    "Scaling": "trajectory.laws",
    "SliceFit": "fits",
    "Trajectory": "trajectory.record",
    "WeibullFit": "magnitudes",
    "__version__": "_version",
    "check": "health.check",
    "compare": "comparison.model_comparison",
    "diagnose": "diagnosis.model_diagnosis",
    "fit": "scanning",
    "fit_weibull": "magnitudes",
    "magnitude_histogram": "magnitudes",
    "open_checkpoint": "checkpoint",
    "progress_bar": "progress",
    "quantiles": "magnitudes",
    "report": "reporting.page.report",
    "reproduce": "reference.claims",
    "scaling": "trajectory.laws",
    "scan": "scanning",
    "track": "trajectory.trajectory",
}


def __getattr__(name: str) -> object:
    value: object
    if name in (
        "comparison",
        "diagnosis",
        "distributions",
        "errors",
        "findings",
        "health",
        "reference",
    ):
        value = import_module(f"weightgauge.{name}")
    elif name in _MODULES:
        value = getattr(import_module(f"weightgauge.{_MODULES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
