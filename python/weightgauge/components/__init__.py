"""From parameter names to components: what kind of weight a tensor is, and where it sits."""

from weightgauge.components.classify import Component, classify
from weightgauge.components.siblings import TensorLike
from weightgauge.components.table import KINDS, MATRIX_KINDS
from weightgauge.components.vocabulary import TOWERS

__all__ = ["KINDS", "MATRIX_KINDS", "TOWERS", "Component", "TensorLike", "classify"]
