"""Facts about a model as a whole: heads, head sizes, experts, from configuration and shapes."""

from weightgauge.anatomy.architecture.describe import architecture_of
from weightgauge.anatomy.architecture.facts import MLA, Architecture, TowerFacts

__all__ = ["MLA", "Architecture", "TowerFacts", "architecture_of"]
