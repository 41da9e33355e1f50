"""Documents as text for people, on a terminal, in a pipe and in a file.

Everything shown is plain text, so that no name can smuggle in markup. On a terminal no line is
wider than the terminal, with two exceptions: lines that are there to be copied, and titles and
headings with a word that is wider.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weightgauge.reporting.document import (
    Document,
    DocumentTable,
    Finding,
    Line,
    Paragraph,
    Part,
    Verbatim,
)
from weightgauge.reporting.table_layout import table_lines
from weightgauge.reporting.terminal_text import shortened, wrapped
from weightgauge.reporting.writers.medium import Medium

_PROSE_WIDTH = 100
_FINDINGS_SHOWN = 12


def write(document: Document, medium: Medium) -> str:
    """Return a document as text, with a newline at its end.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to.
    """
    page = _Page(medium)
    if document.title:
        page.heading(document.title)
    if document.verdict:
        page.part(Line(document.verdict))
    for number, section in enumerate(document.sections):
        if section.heading:
            page.heading(section.heading)
        elif number:
            page.gap()
        page.parts(section.parts)
        if medium.notes and section.notes:
            page.gap()
            page.parts(map(Paragraph, section.notes))
    _findings(page, document.findings)
    if document.summary:
        page.heading("Summary")
        page.parts(Paragraph(f"- {sentence}") for sentence in document.summary)
    if medium.notes and document.notes:
        page.gap()
        page.parts(document.notes)
    return page.text()


def _findings(page: _Page, findings: Sequence[Finding]) -> None:
    if not findings:
        return
    page.heading("To look at")
    page.parts(Paragraph(f"- {finding.message}") for finding in findings[:_FINDINGS_SHOWN])
    if len(findings) > _FINDINGS_SHOWN:
        page.part(Line(f"... and {len(findings) - _FINDINGS_SHOWN:,} more: --json"))


class _Page:
    """Collects lines of text."""

    def __init__(self, medium: Medium) -> None:
        self._width = medium.width
        self._colour = medium.colour
        self._lines: list[str] = []

    def gap(self) -> None:
        """Add an empty line, unless it would be the first line."""
        if self._lines:
            self._lines.append("")

    def heading(self, text: str) -> None:
        """Add a heading, with an empty line before it."""
        self.gap()
        lines = wrapped(text, self._width)
        self._lines += [f"\x1b[1m{line}\x1b[0m" for line in lines] if self._colour else lines

    def parts(self, parts: Iterable[Part]) -> None:
        """Add one part after the other."""
        for part in parts:
            self.part(part)

    def part(self, part: Part) -> None:
        """Add a table, a paragraph or a line."""
        match part:
            case DocumentTable():
                self._lines += table_lines(part, self._width)
            case Paragraph(text):
                self._prose(text, min(self._width or _PROSE_WIDTH, _PROSE_WIDTH))
            case Line(text):
                self._prose(text, self._width)
            case Verbatim(text):
                self._lines.append(text)

    def text(self) -> str:
        """Return all lines."""
        return "\n".join(self._lines) + "\n" if self._lines else ""

    def _prose(self, text: str, width: int | None) -> None:
        """Add sentences; on a terminal the middle of a name longer than a line is left out."""
        terminal = self._width
        if terminal is not None:
            text = " ".join(shortened(word, terminal) for word in text.split(" "))
        self._lines += wrapped(text, width)
