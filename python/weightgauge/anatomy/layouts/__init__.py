"""Cutting of tensors that hold several matrices: fused projections, heads, stacked experts."""

from weightgauge.anatomy.layouts.layout import Cut, Field, Layout, NotCut, cuts
from weightgauge.anatomy.layouts.matrix_layout import MatrixLayout
from weightgauge.anatomy.layouts.slices import Slice, Slices
from weightgauge.anatomy.layouts.slicing import slices_of

__all__ = [
    "Cut",
    "Field",
    "Layout",
    "MatrixLayout",
    "NotCut",
    "Slice",
    "Slices",
    "cuts",
    "slices_of",
]
