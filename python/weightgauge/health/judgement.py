"""What a rules file makes of findings: other levels, what is accepted, and what accepts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from weightgauge.findings import Finding
from weightgauge.health.rules_file import Acceptance, RulesFile
from weightgauge.records import as_row


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that the rules file accepts.

    Attributes
    ----------
    finding : Finding
        What was found.
    reason : str
        Why it is accepted.
    """

    finding: Finding
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: those of the finding, and the reason."""
        return {**self.finding.to_dict(), "accepted": self.reason}


@dataclass(frozen=True, slots=True)
class UnusedAcceptance:
    """An entry of the rules file that accepts nothing.

    Attributes
    ----------
    rule, tensor, reason
        As in `Acceptance`.
    until : str or None
        The last day, as in 2027-01-31; None for an entry without an end.
    why : {"expired", "nothing found"}
        Whether its last day is over, or nothing was found that it would accept.
    """

    rule: str
    tensor: str | None
    reason: str
    until: str | None
    why: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_row(self)


class Judgement(NamedTuple):
    """Findings after a rules file was applied to them.

    Attributes
    ----------
    left : list of Finding
        With the levels of the file, less what it accepts or turns off.
    accepted : list of Accepted
        What it accepts.
    unused : list of UnusedAcceptance
        Entries that accept nothing.
    """

    left: list[Finding]
    accepted: list[Accepted]
    unused: list[UnusedAcceptance]


def judged(found: Sequence[Finding], file: RulesFile, today: date) -> Judgement:
    """Give findings the levels of a rules file, and take out what it accepts.

    Parameters
    ----------
    found : sequence of Finding
        What was found.
    file : RulesFile
        The rules file.
    today : datetime.date
        The day on which acceptances must not have ended.

    Returns
    -------
    Judgement
    """
    left: list[Finding] = []
    accepted: list[Accepted] = []
    used: set[Acceptance] = set()
    for each in found:
        levelled = file.levelled(each)
        if levelled is None:
            continue
        entry = next((entry for entry in file.accepted if entry.covers(each, today)), None)
        if entry is None:
            left.append(levelled)
        else:
            used.add(entry)
            accepted.append(Accepted(levelled, entry.reason))
    unused = [_unused(entry, today) for entry in file.accepted if entry not in used]
    return Judgement(left, accepted, unused)


def _unused(entry: Acceptance, today: date) -> UnusedAcceptance:
    over = entry.until is not None and today > entry.until
    until = None if entry.until is None else entry.until.isoformat()
    why = "expired" if over else "nothing found"
    return UnusedAcceptance(entry.rule, entry.tensor, entry.reason, until, why)
