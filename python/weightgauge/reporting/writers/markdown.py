"""Documents as Markdown with the tables of GitHub: nothing that a file says becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weightgauge.errors import harmless
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

_MARKS = re.compile(r"([\\`*_{}\[\]<>#!|~$&@]|:(?=//)|(?<=www)\.)")
"""What is markup anywhere in a line, or makes a link."""
_SIGNS = ("-", "+", "=")
_NUMBER = re.compile(r"^(\d+)(?=[.)])")


def write(document: Document, medium: Medium) -> str:
    """Return a document as Markdown, with a newline at its end.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to; it says whether tables are explained.
    """
    blocks = map(_written, reading_order(document, notes=medium.notes))
    return "\n\n".join(filter(None, blocks)) + "\n"


def inert(text: str) -> str:
    r"""Make a text plain in Markdown: every mark gets a backslash.

    Examples
    --------
    >>> print(inert("a_b|<c>"))
    a\_b\|\<c\>
    """
    return _MARKS.sub(r"\\\1", harmless(text))


def _line(text: str) -> str:
    """Make a text plain that begins a line, where a sign makes a list and a number does, too."""
    shown = inert(text)
    if shown.startswith(_SIGNS):
        return f"\\{shown}"
    return _NUMBER.sub(r"\1\\", shown)


def _written(block: Block) -> str:
    match block:
        case Title(text):
            return f"# {inert(text)}"
        case Heading(text):
            return f"## {inert(text)}"
        case Verdict(text):
            return f"**{inert(text)}**"
        case Told(groups):
            return "\n".join(
                f"- **{group.level}** {inert(group.id)}: {inert(group.message)}"
                + (f" ({inert(group.hint)})" if group.hint and group.level != "note" else "")
                for group in groups
            )
        case Points(texts):
            return "\n".join(f"- {inert(text)}" for text in texts)
        case Gap():
            return ""
        case DocumentTable():
            return "\n".join(_table(block))
        case Paragraph(text) | Line(text):
            return _line(text)
        case Heatmap():
            return "\n".join(f"    {line}" for line in heatmap_lines(block, None))
        case Verbatim(text):
            return f"    {harmless(text)}"


def _table(table: DocumentTable) -> Iterator[str]:
    columns = table.shown()
    yield f"| {' | '.join(inert(column.title) for column, _ in columns)} |"
    yield f"|{'|'.join(' ---: ' if column.right else ' --- ' for column, _ in columns)}|"
    for cells in zip(*(texts for _, texts in columns), strict=True):
        yield f"| {' | '.join(map(inert, cells))} |"
