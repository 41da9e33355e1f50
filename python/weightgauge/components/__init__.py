"""From parameter names to components: what kind of weight a tensor is, and where it sits."""

from weightgauge.components.classify import Component, classify
from weightgauge.components.siblings import TensorLike
from weightgauge.components.table import KINDS, MATRIX_KINDS

__all__ = ["KINDS", "MATRIX_KINDS", "Component", "TensorLike", "classify"]
