"""Documents as text for people, on a terminal, in a pipe and in a file.

Everything shown is plain text, so that no name can smuggle in markup, and what a terminal would
obey is escaped: saved counts bring texts that anybody may have written. On a terminal no line is
wider than the terminal, with three exceptions: lines that are there to be copied, titles and
headings with a word that is wider, and rows of tables with several columns that say what they are
about, which leave a number no room.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

from weightgauge.errors import all_harmless, harmless
from weightgauge.findings import FindingGroup
from weightgauge.reporting.document import (
    Document,
    DocumentTable,
    Line,
    Paragraph,
    Points,
    Verbatim,
)
from weightgauge.reporting.heatmap import Heatmap
from weightgauge.reporting.heatmap_lines import heatmap_lines
from weightgauge.reporting.table_layout import has_room_for_pictures, table_lines
from weightgauge.reporting.terminal_text import PLAIN_SPELLING, shortened, wrapped
from weightgauge.reporting.writers.medium import Medium
from weightgauge.reporting.writers.reading_order import (
    Block,
    Gap,
    Heading,
    Title,
    Told,
    Verdict,
    reading_order,
)

_PROSE_WIDTH = 100
_FINDINGS_SHOWN = 12
_LINES_TOGETHER = 1_000
"""Lines of a table that make one piece of text."""
_COLOURS = {"fault": "1;31", "warning": "33", "note": ""}


def write(document: Document, medium: Medium) -> str:
    """Return a document as text, with a newline at its end.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to.
    """
    return "".join(pieces(document, medium))


def pieces(document: Document, medium: Medium) -> Iterator[str]:
    """Yield what `write` returns, piece by piece."""
    page = _Page(medium)
    pictures = partial(has_room_for_pictures, width=medium.width, plain=medium.plain)
    for block in reading_order(document, notes=medium.notes, pictures=pictures):
        yield from page.block(block)


class _Page:
    """Collects lines of text."""

    def __init__(self, medium: Medium) -> None:
        self._width = medium.width
        self._colour = medium.colour
        self._everything = medium.everything
        self._plain = medium.plain
        self._lines: list[str] = []
        self._begun = False

    def block(self, block: Block) -> Iterator[str]:
        """Yield the text of whatever comes next; a table, which may be long, in pieces."""
        match block:
            case Title(text) | Heading(text):
                self.heading(text)
            case Verdict():
                self.verdict(block)
            case Told(groups):
                self.findings(groups)
            case Gap():
                self.gap()
            case DocumentTable():
                yield from self._taken()
                lines = iter(table_lines(block, self._width, plain=self._plain))
                while several := list(islice(lines, _LINES_TOGETHER)):
                    self._lines += all_harmless(several)
                    yield from self._taken()
            case _:
                self.part(block)
        yield from self._taken()

    def _taken(self) -> Iterator[str]:
        """Yield the lines that were added since the last time."""
        if self._lines:
            self._begun = True
            yield "\n".join([*self._lines, ""])
            self._lines.clear()

    def gap(self) -> None:
        """Add an empty line, unless it would be the first line."""
        if self._lines or self._begun:
            self._lines.append("")

    def heading(self, text: str) -> None:
        """Add a heading, with an empty line before it."""
        self.gap()
        lines = wrapped(self._spelled(text), self._width)
        self._lines += [f"\x1b[1m{line}\x1b[0m" for line in lines] if self._colour else lines

    def verdict(self, verdict: Verdict) -> None:
        """Add the line that says how much was found, in the colour of its most serious level."""
        lines = wrapped(verdict.text, self._width)
        self._lines += [self._coloured(line, verdict.level) for line in lines]

    def findings(self, groups: Sequence[FindingGroup]) -> None:
        """Add a line for each group of findings, and below it what to do about a fault."""
        shown = len(groups) if self._everything else _FINDINGS_SHOWN
        for group in groups[:shown]:
            told = f"{group.level}  {group.id}  {group.message}"
            first, *others = self._broken(told)
            label = f"{group.level}  {group.id}"
            if first.startswith(label):
                first = self._coloured(label, group.level) + first[len(label) :]
            self._lines += [first, *others]
            if group.hint and group.level != "note":
                self._lines += self._broken(f"hint: {group.hint}", inset=2)
        if len(groups) > shown:
            self._lines.append(f"... and {len(groups) - shown:,} more: -v shows them")

    def part(self, part: Heatmap | Paragraph | Points | Line | Verbatim) -> None:
        """Add a map, a paragraph or a line."""
        match part:
            case Heatmap():
                self._lines += heatmap_lines(part, self._width, colour=self._colour)
            case Paragraph(text):
                self._prose(text, min(self._width or _PROSE_WIDTH, _PROSE_WIDTH))
            case Points(texts):
                for text in texts:
                    self._lines += self._broken(f"- {text}")
            case Line(text):
                self._prose(text, self._width)
            case Verbatim(text):
                self._lines.append(harmless(text))

    def _prose(self, text: str, width: int | None) -> None:
        """Add sentences; on a terminal the middle of a name longer than a line is left out."""
        self._lines += wrapped(self._fitting(text, self._width), width)

    def _broken(self, text: str, inset: int = 0) -> list[str]:
        """Break a finding or a point into lines, of which all but the first are set in further."""
        width = min(self._width or _PROSE_WIDTH, _PROSE_WIDTH) - inset - 2
        first, *others = wrapped(self._fitting(text, self._width and width), width)
        return [f"{'':{inset}}{first}", *(f"{'':{inset + 2}}{line}" for line in others)]

    def _fitting(self, text: str, terminal: int | None) -> str:
        """Make a text harmless, and its words no longer than a terminal is wide."""
        text = self._spelled(text)
        if terminal is None:
            return text
        words = text.split(" ")
        return " ".join(shortened(word, terminal, plain=self._plain) for word in words)

    def _spelled(self, text: str) -> str:
        """Make a text harmless, and spell it as the place has it."""
        shown = harmless(text)
        return shown.translate(PLAIN_SPELLING) if self._plain else shown

    def _coloured(self, text: str, level: str) -> str:
        colour = _COLOURS.get(level)
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour and colour else text
