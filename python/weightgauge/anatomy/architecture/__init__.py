"""What a model is as a whole: heads, head sizes, experts, as configuration and shapes tell."""

from weightgauge.anatomy.architecture.describe import architecture_of
from weightgauge.anatomy.architecture.facts import MLA, Architecture, TowerFacts

__all__ = ["MLA", "Architecture", "TowerFacts", "architecture_of"]
