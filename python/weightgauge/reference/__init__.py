"""Published fits of known models, and which of them a model is most like.

Source: T. Ding, arXiv:2605.18898. The figures with their units are in `models.toml` and
`qwen_cohort.toml`.
"""

from weightgauge.reference.entries import (
    CohortEntry,
    Medians,
    ReferenceModel,
    Training,
    models,
    qwen_cohort,
)
from weightgauge.reference.nearest import nearest

__all__ = [
    "CohortEntry",
    "Medians",
    "ReferenceModel",
    "Training",
    "models",
    "nearest",
    "qwen_cohort",
]
