"""What the fits of a model mean: regimes, drift, training progress, and what stands out."""

from weightgauge.anatomy.architecture.attention_type import attention_type
from weightgauge.diagnosis.drift import Drift, SigmaGrowth, drift, sigma_growth
from weightgauge.diagnosis.expected import expected_range
from weightgauge.diagnosis.regime import Regime, regime, verdict
from weightgauge.diagnosis.training import (
    SCHEDULES,
    TrainingProgress,
    training_progress,
    training_state,
)
from weightgauge.distributions.anchors import INITS, Anchor, init_anchor

__all__ = [
    "INITS",
    "SCHEDULES",
    "Anchor",
    "Drift",
    "Regime",
    "SigmaGrowth",
    "TrainingProgress",
    "attention_type",
    "drift",
    "expected_range",
    "init_anchor",
    "regime",
    "sigma_growth",
    "training_progress",
    "training_state",
    "verdict",
]
