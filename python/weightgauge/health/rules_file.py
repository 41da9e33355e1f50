"""The rules file: rules turned off, other levels and thresholds, and findings that are accepted."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Any

from weightgauge.errors import OutputError, RulesError, printable
from weightgauge.findings import LEVELS, RULES, Finding, Rule
from weightgauge.readings import opened

OFF = "off"
"""Level of a rule that is not asked."""

_LONGEST = 1 << 20
_RULE_KEYS = frozenset(("level", "threshold"))
_ACCEPT_KEYS = frozenset(("rule", "tensor", "reason", "until"))


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Findings that somebody has looked at and accepts.

    Attributes
    ----------
    rule : str
        Id of the rule.
    tensor : str or None
        Glob over tensor names; None for findings about any tensor, or about none.
    reason : str
        Why they are accepted.
    until : datetime.date or None
        Last day on which they are; None for ever.
    """

    rule: str
    tensor: str | None
    reason: str
    until: date | None

    def covers(self, finding: Finding, today: date) -> bool:
        """Whether a finding is accepted on a day."""
        if finding.id != self.rule or (self.until is not None and today > self.until):
            return False
        return self.tensor is None or fnmatchcase(finding.tensor or "", self.tensor)


@dataclass(frozen=True, slots=True)
class RulesFile:
    """What a rules file says.

    Attributes
    ----------
    levels : mapping of str to str
        Other levels, by rule; "off" for rules that are not asked.
    thresholds : mapping of str to float
        Other thresholds, by rule.
    accepted : tuple of Acceptance
        Findings that are accepted.
    """

    levels: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    accepted: tuple[Acceptance, ...] = ()

    def rules(self) -> dict[str, Rule]:
        """Return all rules with the thresholds of the file."""
        return {
            name: replace(rule, threshold=self.thresholds.get(name, rule.threshold))
            for name, rule in RULES.items()
        }

    def levelled(self, finding: Finding) -> Finding | None:
        """Return a finding with the level of the file; None if its rule is off."""
        level = self.levels.get(finding.id)
        if level is None or level == finding.level:
            return finding
        return None if level == OFF else replace(finding, level=level)


def read_rules(path: str | os.PathLike[str]) -> RulesFile:
    """Read a rules file.

    Parameters
    ----------
    path : str or os.PathLike
        A TOML file: a table ``[rules.ID]`` for each rule with `level` ("fault", "warning", "note"
        or "off") and `threshold`, and tables ``[[accept]]`` with `rule`, `tensor` (a glob),
        `reason` and `until` (a date).

    Returns
    -------
    RulesFile

    Raises
    ------
    RulesError
        If it cannot be read, or says something that is not known: nothing is skipped in silence.
    """
    shown = printable(os.fsdecode(path), limit=1000)
    try:
        with open(path, "rb") as file:
            opened(os.fstat(file.fileno()), os.fsdecode(path))
            content = file.read(_LONGEST + 1)
    except OutputError:
        raise
    except OSError as error:
        raise RulesError(f"{shown}: cannot be read: {error.strerror or error}") from error
    if len(content) > _LONGEST:
        raise RulesError(f"{shown}: is too long for a rules file")
    try:
        document = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise RulesError(f"{shown}: is no TOML: {printable(str(error))}") from error
    return _Reader(shown).read(document)


class _Reader:
    """Turns a document into rules; every problem names the file and the place in it."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def read(self, document: dict[str, Any]) -> RulesFile:
        """Return the rules, or raise `RulesError` for the first mistake."""
        self._known(document, frozenset(("rules", "accept")), "the file")
        levels: dict[str, str] = {}
        thresholds: dict[str, float] = {}
        for name, entry in self._table(document.get("rules", {}), "rules").items():
            where = f"rules.{printable(name)}"
            self._rule(name, where)
            table = self._table(entry, where)
            self._known(table, _RULE_KEYS, where)
            if "level" in table:
                levels[name] = self._level(table["level"], where)
            if "threshold" in table:
                thresholds[name] = self._threshold(name, table["threshold"], where)
        accepted = document.get("accept", [])
        if not isinstance(accepted, list):
            self._fail("accept", "is no list of tables; write [[accept]]")
        return RulesFile(
            levels,
            thresholds,
            tuple(self._acceptance(each, f"accept[{i}]") for i, each in enumerate(accepted)),
        )

    def _acceptance(self, entry: Any, where: str) -> Acceptance:
        table = self._table(entry, where)
        self._known(table, _ACCEPT_KEYS, where)
        for key in ("rule", "reason"):
            if not isinstance(table.get(key), str) or not table[key].strip():
                self._fail(where, f"needs a {key}")
        self._rule(table["rule"], where)
        tensor, until = table.get("tensor"), table.get("until")
        if tensor is not None and not isinstance(tensor, str):
            self._fail(where, "its tensor is no text")
        if until is not None and (not isinstance(until, date) or isinstance(until, datetime)):
            self._fail(where, "its until is no date, such as 2027-01-31 without quotes")
        return Acceptance(table["rule"], tensor, table["reason"], until)

    def _level(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or value not in (*LEVELS, OFF):
            self._fail(where, f"its level is none of {', '.join(LEVELS)} and {OFF}")
        return str(value)

    def _threshold(self, name: str, value: Any, where: str) -> float:
        if RULES[name].threshold is None:
            self._fail(where, "the rule has no threshold")
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            self._fail(where, "its threshold is no positive number")
        try:
            return float(value)
        except OverflowError:
            self._fail(where, "its threshold is larger than any number that is measured")
            raise

    def _rule(self, name: str, where: str) -> None:
        if name not in RULES:
            self._fail(where, f"there is no rule '{printable(name)}'", known=sorted(RULES))

    def _known(self, table: dict[str, Any], keys: frozenset[str], where: str) -> None:
        unknown = sorted(table.keys() - keys)
        if unknown:
            named = ", ".join(f"'{printable(key)}'" for key in unknown)
            self._fail(where, f"does not know {named}", known=sorted(keys))

    def _table(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._fail(where, "is no table")
        return dict(value)

    def _fail(self, where: str, problem: str, *, known: list[str] | None = None) -> None:
        hint = "" if known is None else f"There are: {', '.join(known)}."
        raise RulesError(f"{self._shown}: {where}: {problem}", hint=hint)
