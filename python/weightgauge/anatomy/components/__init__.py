"""From the names of tensors to components: the kind of each weight, and its place in the model."""

from weightgauge.anatomy.components.classify import (
    classify,
    classify_by_form,
    first_rows,
    numbers_of_forms,
)
from weightgauge.anatomy.components.component import Component, Components
from weightgauge.anatomy.components.table import KINDS, MATRIX_KINDS, READING, WRITING
from weightgauge.anatomy.components.tensor_facts import TensorLike
from weightgauge.anatomy.components.vocabulary import TOWERS

__all__ = [
    "KINDS",
    "MATRIX_KINDS",
    "READING",
    "TOWERS",
    "WRITING",
    "Component",
    "Components",
    "TensorLike",
    "classify",
    "classify_by_form",
    "first_rows",
    "numbers_of_forms",
]
