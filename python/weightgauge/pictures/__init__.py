"""The numbers behind pictures, for whoever draws them: points, grids and profiles, no ink."""

from weightgauge.pictures.block_grid import BlockGrid, Cell, block_grids
from weightgauge.pictures.depth_profile import DepthProfile, depth_profiles
from weightgauge.pictures.magnitude_counts import NORMAL_MEDIAN, MagnitudeCounts, magnitude_counts
from weightgauge.pictures.quantity import QUANTITIES, Quantity
from weightgauge.pictures.weibull_points import WeibullPoints, weibull_points

__all__ = [
    "NORMAL_MEDIAN",
    "QUANTITIES",
    "BlockGrid",
    "Cell",
    "DepthProfile",
    "MagnitudeCounts",
    "Quantity",
    "WeibullPoints",
    "block_grids",
    "depth_profiles",
    "magnitude_counts",
    "weibull_points",
]
