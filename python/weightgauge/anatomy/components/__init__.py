"""From parameter names to components: what kind of weight a tensor is, and where it sits."""

from weightgauge.anatomy.components.classify import Component, classify
from weightgauge.anatomy.components.siblings import TensorLike
from weightgauge.anatomy.components.table import KINDS, MATRIX_KINDS
from weightgauge.anatomy.components.vocabulary import TOWERS

__all__ = ["KINDS", "MATRIX_KINDS", "TOWERS", "Component", "TensorLike", "classify"]
