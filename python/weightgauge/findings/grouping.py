"""Findings as a reader gets them: one line for all that are alike, and a verdict in one line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weightgauge.findings.causes import Cause, explained_by
from weightgauge.findings.finding import LEVELS, Finding, named, slice_name
from weightgauge.findings.readable import readable
from weightgauge.findings.registry import RULES

_REASONS = 2
"""Reasons that one line gives for several findings."""

_ONE_NUMBER = re.compile(r"(?<!\S)([0-9]\S*) to \1(?!\S)")
"""A range whose ends look the same once they are rounded."""


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings of one rule and level that one line tells.

    Attributes
    ----------
    id, level : str
        As in `Finding`.
    findings : tuple of Finding
        At least one.
    message : str
        The line, safe to show.
    hint : str or None
        What to do about it, or which finding it follows from.
    """

    id: str
    level: str
    findings: tuple[Finding, ...]
    message: str
    hint: str | None


def grouped(findings: Iterable[Finding]) -> list[FindingGroup]:
    """Put findings together that one line can tell, in the order of their first ones.

    Findings are alike if they have rule, level, step, model and cause in common, and the rule has
    words for several.
    """
    found = list(findings)
    causes = explained_by(found)
    groups: dict[object, list[int]] = {}
    for row, (each, cause) in enumerate(zip(found, causes, strict=True)):
        rule = RULES.get(each.id)
        together = rule is not None and rule.several and each.tensor is not None
        key = (each.id, each.level, each.step, each.model, cause) if together else row
        groups.setdefault(key, []).append(row)
    return [_group([found[row] for row in rows], causes[rows[0]]) for rows in groups.values()]


def _group(members: Sequence[Finding], cause: Cause | None) -> FindingGroup:
    first = members[0]
    hint = first.hint if cause is None else f"this follows from {cause.id}"
    return FindingGroup(first.id, first.level, tuple(members), _told(members), hint)


def _told(members: Sequence[Finding]) -> str:
    first = members[0]
    of_model = "" if first.model is None else f"{first.model}: "
    if len(members) == 1:
        return f"{of_model}{first.message}"
    values = [each.value for each in members if isinstance(each.value, int | float)]
    least, most = min(values, default=0), max(values, default=0)
    names = list(dict.fromkeys(slice_name(each.place) for each in members))
    told = RULES[first.id].several.format(
        count=len(members),
        first=first.message,
        rest=named(names[1:]),
        reasons=_distinct([str(each.value) for each in members]),
        names=named(names),
        least=least,
        most=most,
        least_shown=readable(least),
        most_shown=readable(most),
        total=sum(values),
    )
    told = _ONE_NUMBER.sub(r"\1", told)
    at_step = "" if first.step is None else f"step {first.step:,}: "
    return f"{of_model}{at_step}{told}"


def _distinct(texts: Sequence[str]) -> str:
    """Join the first few texts that differ, which are reasons in the words of clauses."""
    distinct = list(dict.fromkeys(texts))
    more = "; and other reasons" if len(distinct) > _REASONS else ""
    return "; ".join(distinct[:_REASONS]) + more


def verdict(findings: Iterable[Finding]) -> str:
    """Say in one line how much was found; what one line tells counts once.

    Examples
    --------
    >>> verdict([])
    'No fault found'
    >>> from weightgauge.findings import Finding
    >>> verdict([Finding(id="nearest", level="note", message="...")])
    'No fault found; 1 note'
    """
    count = Counter(group.level for group in grouped(findings))
    told = ", ".join(
        f"{count[level]:,} {level}{'' if count[level] == 1 else 's'}"
        for level in LEVELS
        if count[level]
    )
    if count["fault"]:
        return told
    return f"No fault found; {told}" if told else "No fault found"
