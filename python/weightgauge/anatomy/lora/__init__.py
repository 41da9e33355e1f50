"""Low-rank adapters: the product B A of every adapted matrix."""

from weightgauge.anatomy.lora.adapters import Adapted, adapted_matrices, unscaled_told
from weightgauge.anatomy.lora.factor_findings import factor_findings

__all__ = ["Adapted", "adapted_matrices", "factor_findings", "unscaled_told"]
