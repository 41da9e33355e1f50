"""What is noticed about a model: findings, the rules that make them, and what they add up to."""

from weightgauge.findings.finding import (
    LEVELS,
    Finding,
    Place,
    by_importance,
    enumerated,
    named,
    place_of,
    slice_name,
)
from weightgauge.findings.grouping import FindingGroup, grouped, verdict
from weightgauge.findings.readable import readable
from weightgauge.findings.registry import RULES
from weightgauge.findings.rule import Rule

__all__ = [
    "LEVELS",
    "RULES",
    "Finding",
    "FindingGroup",
    "Place",
    "Rule",
    "by_importance",
    "enumerated",
    "grouped",
    "named",
    "place_of",
    "readable",
    "slice_name",
    "verdict",
]
