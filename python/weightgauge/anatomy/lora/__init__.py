"""Low-rank adapters: the product B A of every adapted matrix."""

from weightgauge.anatomy.lora.adapters import Adapted, adapted_matrices, unscaled_told

__all__ = ["Adapted", "adapted_matrices", "unscaled_told"]
