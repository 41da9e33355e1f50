"""Published fits of known models, the nearest of them to a model, and the paper's claims.

Source: T. Ding, arXiv:2605.18898. The figures with their units are in `models.toml` and
`qwen_cohort.toml`.
"""

from weightgauge.reference.beside import KindBeside, beside_published, entry_for
from weightgauge.reference.claims import Claim, reproduce
from weightgauge.reference.entries import (
    CohortEntry,
    Medians,
    Published,
    ReferenceModel,
    Training,
    models,
    qwen_cohort,
)
from weightgauge.reference.nearest import Neighbour, nearest

__all__ = [
    "Claim",
    "CohortEntry",
    "KindBeside",
    "Medians",
    "Neighbour",
    "Published",
    "ReferenceModel",
    "Training",
    "beside_published",
    "entry_for",
    "models",
    "nearest",
    "qwen_cohort",
    "reproduce",
]
