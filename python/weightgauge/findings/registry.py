"""Every rule there is, in one mapping: what it asks, how serious it is, and its words.

These tables are the whole of what weightgauge can find. The questions are answered where the
records are made: files beside `checkpoint`, tensors and blocks beside `anatomy`, counts beside
`fits`, and so on. To add a rule, give it a row in its table, answer its question there, and test
both answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from weightgauge.findings.rule import Rule
from weightgauge.findings.rules_of_files import FILES, STACKS
from weightgauge.findings.rules_of_kinds import KINDS
from weightgauge.findings.rules_of_pairs_and_runs import PAIRS, RUNS
from weightgauge.findings.rules_of_tensors import SLICES

RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.id: rule for rows in (FILES, STACKS, SLICES, KINDS, PAIRS, RUNS) for rule in rows}
)
"""All rules by their id."""

MODEL_RULES = tuple(rule.id for rows in (FILES, STACKS, SLICES, KINDS) for rule in rows)
"""Ids of the rules that are asked of one model."""

PAIR_RULES = tuple(rule.id for rule in PAIRS)
"""Ids of the rules that need another model beside it."""
