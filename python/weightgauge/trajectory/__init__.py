"""Runs over time: what happens to k and lambda from step to step, and laws over several runs."""

from weightgauge.findings import Finding
from weightgauge.trajectory.forces import Forces, IntervalForces
from weightgauge.trajectory.kind_sizes import KindSize
from weightgauge.trajectory.law_fits import Law
from weightgauge.trajectory.laws import Scaling, ScalingRun, scaling
from weightgauge.trajectory.levelling import Levelling
from weightgauge.trajectory.progress import StepProgress
from weightgauge.trajectory.record import Trajectory
from weightgauge.trajectory.saturation import SaturationFit
from weightgauge.trajectory.series import KindSeries, SliceSeries
from weightgauge.trajectory.settings import RunSettings
from weightgauge.trajectory.trajectory import track

__all__ = [
    "Finding",
    "Forces",
    "IntervalForces",
    "KindSeries",
    "KindSize",
    "Law",
    "Levelling",
    "RunSettings",
    "SaturationFit",
    "Scaling",
    "ScalingRun",
    "SliceSeries",
    "StepProgress",
    "Trajectory",
    "scaling",
    "track",
]
