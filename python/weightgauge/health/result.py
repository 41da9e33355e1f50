"""The result of a check: findings, what was accepted, and whether everything could be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weightgauge.errors import printable
from weightgauge.findings import LEVELS, Finding, verdict
from weightgauge.health.signatures import FileHash
from weightgauge.records import Table

SCHEMA_VERSION = 1

CLEAN, PARTIAL, FOUND = 0, 3, 4
"""Exit statuses of a check: nothing found, nothing found but not all was measured, found."""


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


@dataclass(frozen=True, slots=True, repr=False)
class CheckResult:
    """What a check found.

    Attributes
    ----------
    model : str
        What was checked.
    against : str or None
        What it was compared with.
    fail_on : {"fault", "warning"}
        From which level on the check fails.
    tensors, measured : int
        Tensors of the model, and those that were measured or hold no weights, and were compared
        where there is something to compare with.
    complete : bool
        Whether there are tensors, all that may be weights were measured and compared, and the
        configuration could be read.
    rules : tuple of str
        Ids of the rules that were asked.
    findings : Table of Finding
        What was found, the most serious first; less what is accepted.
    accepted : Table of Accepted
        What the rules file accepts.
    warnings : tuple of str
        What the reader should know about the input.
    files : Table of FileHash
        SHA-256 of the files of weights, where that was asked for.
    """

    model: str
    against: str | None
    fail_on: str
    tensors: int
    measured: int
    complete: bool
    rules: tuple[str, ...]
    findings: Table[Finding]
    accepted: Table[Accepted]
    warnings: tuple[str, ...]
    files: Table[FileHash]

    @property
    def failed(self) -> bool:
        """Whether something was found at the level at which the check fails, or above."""
        limit = LEVELS.index(self.fail_on)
        return any(LEVELS.index(each.level) <= limit for each in self.findings)

    @property
    def exit_code(self) -> int:
        """The exit status of the command: 4 found, 3 not all was measured, 0 otherwise."""
        if self.failed:
            return FOUND
        return CLEAN if self.complete else PARTIAL

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document: plain values, None for what does not apply."""
        from weightgauge._version import __version__

        return {
            "schema_version": SCHEMA_VERSION,
            "weightgauge": __version__,
            "model": self.model,
            "against": self.against,
            "fail_on": self.fail_on,
            "failed": self.failed,
            "complete": self.complete,
            "tensors": self.tensors,
            "measured": self.measured,
            "rules": list(self.rules),
            "verdict": verdict(self.findings),
            "findings": self.findings.to_dicts(),
            "accepted": self.accepted.to_dicts(),
            "files": self.files.to_dicts(),
            "warnings": list(self.warnings),
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per finding."""
        return self.findings.to_dicts()

    def __repr__(self) -> str:
        """Show the verdict."""
        return f"<CheckResult '{printable(self.model, limit=60)}': {verdict(self.findings)}>"
