"""`check`: whether a model is whole and sound, for people and for gates."""

from weightgauge.health.check import check
from weightgauge.health.judgement import Accepted, UnusedAcceptance
from weightgauge.health.result import CheckResult
from weightgauge.health.rules_file import Acceptance, RulesFile, read_rules
from weightgauge.health.signatures import FileHash

__all__ = [
    "Acceptance",
    "Accepted",
    "CheckResult",
    "FileHash",
    "RulesFile",
    "UnusedAcceptance",
    "check",
    "read_rules",
]
