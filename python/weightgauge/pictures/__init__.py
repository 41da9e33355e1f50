"""The numbers behind pictures, for whoever draws them: points, grids and profiles, no ink."""

from weightgauge.pictures.block_grid import BlockGrid, Cell, block_grids
from weightgauge.pictures.depth_profile import DepthProfile, depth_profiles, depth_profiles_of_k
from weightgauge.pictures.found import Told, faulty, findings_by_row, key_of
from weightgauge.pictures.magnitude_counts import NORMAL_MEDIAN, MagnitudeCounts, magnitude_counts
from weightgauge.pictures.quantity import CHANGES, LEAST_REACH, QUANTITIES, Quantity
from weightgauge.pictures.round_steps import round_step
from weightgauge.pictures.weibull_points import WeibullPoints, weibull_points

__all__ = [
    "CHANGES",
    "LEAST_REACH",
    "NORMAL_MEDIAN",
    "QUANTITIES",
    "BlockGrid",
    "Cell",
    "DepthProfile",
    "MagnitudeCounts",
    "Quantity",
    "Told",
    "WeibullPoints",
    "block_grids",
    "depth_profiles",
    "depth_profiles_of_k",
    "faulty",
    "findings_by_row",
    "key_of",
    "magnitude_counts",
    "round_step",
    "weibull_points",
]
