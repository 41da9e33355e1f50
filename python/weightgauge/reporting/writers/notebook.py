"""Documents as pieces of HTML for the cells of notebooks, which have styles of their own."""

from __future__ import annotations

from collections.abc import Iterator

from weightgauge.findings import grouped
from weightgauge.reporting.document import Document, DocumentTable, Line, Points
from weightgauge.reporting.heatmap import Heatmap
from weightgauge.reporting.writers.html import inert, written
from weightgauge.reporting.writers.reading_order import Told, Verdict

_FINDINGS_SHOWN = 5
_COLUMNS_SHOWN = 100
_STYLE = """<style>
.weightgauge td, .weightgauge th { text-align: left; padding: .1em .6em; white-space: nowrap; }
.weightgauge .right { text-align: right; }
</style>"""
"""What notebooks would do otherwise: all cells to the right. It concerns our own pieces alone."""
_HEADING = "margin:.8em 0 .2em;font-weight:bold"


def write(document: Document) -> str:
    """Return a document without its notes; maps of very many columns are joined.

    Parameters
    ----------
    document : Document
        What to write.
    """
    lines = [line for line in _lines(document) if line]
    return "\n".join(('<div class="weightgauge">', _STYLE, *lines, "</div>"))


def _lines(document: Document) -> Iterator[str]:
    if document.title:
        yield f'<p style="{_HEADING}">{inert(document.title)}</p>'
    if document.findings is not None:
        yield written(Verdict(document.verdict, ""))
        serious = [group for group in grouped(document.findings) if group.level != "note"]
        yield written(Told(serious[:_FINDINGS_SHOWN]))
        if len(serious) > _FINDINGS_SHOWN:
            yield f"<p>... and {len(serious) - _FINDINGS_SHOWN:,} more: <code>.findings</code></p>"
    for section in document.sections:
        if section.heading:
            yield f'<p style="{_HEADING}">{inert(section.heading)}</p>'
        table_first = isinstance(next(iter(section.parts), None), DocumentTable)
        for part in section.parts:
            if table_first and isinstance(part, Line):
                continue  # a line behind a table tells of options of the command line
            yield written(part.joined(_COLUMNS_SHOWN) if isinstance(part, Heatmap) else part)
    if document.summary:
        yield written(Points(document.summary))
