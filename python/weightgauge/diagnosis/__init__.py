"""What the fits of a model mean: regimes, drift, training progress, and what stands out."""

from weightgauge.anatomy.architecture.attention_type import attention_type
from weightgauge.diagnosis.drift import Drift, SigmaGrowth, drift, sigma_growth
from weightgauge.diagnosis.expected import expected_range
from weightgauge.diagnosis.kind_diagnosis import BalancedFit, KindDiagnosis
from weightgauge.diagnosis.model_diagnosis import diagnose
from weightgauge.diagnosis.outliers import Outlier
from weightgauge.diagnosis.record import Diagnosis
from weightgauge.diagnosis.regime import Regime, regime, verdict
from weightgauge.diagnosis.shallow_ffn import ShallowFFN
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
    "BalancedFit",
    "Diagnosis",
    "Drift",
    "KindDiagnosis",
    "Outlier",
    "Regime",
    "ShallowFFN",
    "SigmaGrowth",
    "TrainingProgress",
    "attention_type",
    "diagnose",
    "drift",
    "expected_range",
    "init_anchor",
    "regime",
    "sigma_growth",
    "training_progress",
    "training_state",
    "verdict",
]
