"""The result of a check: findings, what was accepted, and whether everything could be looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.errors import printable
from weightgauge.findings import LEVELS, Finding, grouped, verdict
from weightgauge.frames import InPolars, TypedRows
from weightgauge.health.judgement import Accepted, UnusedAcceptance
from weightgauge.health.signatures import FileHash
from weightgauge.records import Table
from weightgauge.upper import InNotebook

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

SCHEMA_VERSION = 1

CLEAN, UNREAD, PARTIAL, FOUND = 0, 1, 3, 4
"""Exit statuses of a check: nothing found, nothing could be looked at, nothing found but not all
was measured, found."""


@dataclass(frozen=True, slots=True, repr=False)
class CheckResult(InPolars, InNotebook):
    """What a check found.

    Attributes
    ----------
    model : str
        What was checked.
    against : str or None
        What it was compared with.
    adapter : str or None
        The adapter that was checked with it.
    fail_on : {"fault", "warning"}
        From which level on the check fails.
    tensors, measured : int
        Tensors of the model, and those that were measured or hold no weights.
    compared : int or None
        Tensors whose bytes were compared; None without something to compare with.
    gaps : tuple of str
        What could not be looked at, measured or compared, in a sentence each; empty where the check
        is complete.
    rules : tuple of str
        Ids of the rules that were asked.
    findings : Table of Finding
        What was found, the most serious first; less what is accepted.
    accepted : Table of Accepted
        What the rules file accepts.
    unused_acceptances : Table of UnusedAcceptance
        Entries of the rules file that have ended, or accept nothing.
    warnings : tuple of str
        What the reader should know about the input.
    files : Table of FileHash
        SHA-256 of the files of weights, where that was asked for.
    error : str or None
        Why nothing could be looked at; None where the check was made.
    """

    model: str
    against: str | None
    adapter: str | None
    fail_on: str
    tensors: int
    measured: int
    compared: int | None
    gaps: tuple[str, ...]
    rules: tuple[str, ...]
    findings: Table[Finding]
    accepted: Table[Accepted]
    unused_acceptances: Table[UnusedAcceptance]
    warnings: tuple[str, ...]
    files: Table[FileHash]
    error: str | None = None

    @property
    def failed(self) -> bool:
        """Whether something was found at the level at which the check fails, or above."""
        limit = LEVELS.index(self.fail_on)
        return any(LEVELS.index(each.level) <= limit for each in self.findings)

    @property
    def complete(self) -> bool:
        """Whether all that may be weights was measured and compared, and nothing was unreadable."""
        return not self.gaps

    @property
    def accepted_told(self) -> str:
        """How much the rules file accepts, in words that follow a verdict; "" for nothing."""
        count = Counter(group.level for group in grouped(each.finding for each in self.accepted))
        told = ", ".join(
            f"{count[level]:,} {level}{'' if count[level] == 1 else 's'}"
            for level in LEVELS
            if count[level]
        )
        return f"accepted by the rules file: {told}" if told else ""

    @property
    def verdict(self) -> str:
        """How much was found, and how much of it is accepted, in one line."""
        told = self.accepted_told
        return f"{verdict(self.findings)}; {told}" if told else verdict(self.findings)

    @property
    def exit_code(self) -> int:
        """The exit status: 1 nothing was read, 4 found, 3 not all was measured, 0 otherwise."""
        if self.error is not None:
            return UNREAD
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
            "adapter": self.adapter,
            "fail_on": self.fail_on,
            "failed": self.failed,
            "complete": self.complete,
            "error": self.error,
            "tensors": self.tensors,
            "measured": self.measured,
            "compared": self.compared,
            "gaps": list(self.gaps),
            "exit_code": self.exit_code,
            "rules": list(self.rules),
            "verdict": self.verdict,
            "findings": self.findings.to_dicts(),
            "accepted": self.accepted.to_dicts(),
            "unused_acceptances": self.unused_acceptances.to_dicts(),
            "files": self.files.to_dicts(),
            "warnings": list(self.warnings),
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per finding."""
        return self.findings.to_dicts()

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row per finding.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return self.findings.to_pandas()

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        return self.findings.typed_rows()

    def __repr__(self) -> str:
        """Show the verdict."""
        return f"<CheckResult '{printable(self.model, limit=60)}': {self.verdict}>"
