"""Documents as one page of HTML, which asks nothing of a network and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

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
from weightgauge.reporting.writers.html_heatmap import heatmap_html
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

# A page with this policy loads nothing and runs nothing, whatever a name in it says.
_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; }}
main {{ padding: 0 1rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .15rem .7rem; text-align: left; white-space: nowrap; }}
thead {{ border-bottom: 1px solid; }}
.right {{ text-align: right; }}
.fault {{ color: light-dark(#b00020, #ff8a80); }}
.warning {{ color: light-dark(#8a5a00, #ffc46b); }}
.wide {{ overflow-x: auto; }}
</style>
</head>
<body>
<main>
"""
_FOOT = "</main>\n</body>\n</html>\n"


def write(document: Document, medium: Medium) -> str:
    """Return a document as a page of its own.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to; it says whether tables are explained.
    """
    blocks = map(written, reading_order(document, notes=medium.notes))
    head = _HEAD.format(title=inert(document.title or "weightgauge"))
    return head + "".join(f"{block}\n" for block in blocks if block) + _FOOT


def inert(text: str) -> str:
    """Make a text plain in HTML, in an attribute too.

    Examples
    --------
    >>> inert('<script>"')
    '&lt;script&gt;&quot;'
    """
    return escape(harmless(text))


def written(block: Block) -> str:
    """Return one block of a page as HTML; "" for one that shows nothing."""
    match block:
        case Title(text):
            return f"<h1>{inert(text)}</h1>"
        case Heading(text):
            return f"<h2>{inert(text)}</h2>"
        case Verdict(text, level):
            return f'<p class="{level}"><strong>{inert(text)}</strong></p>'
        case Told(groups):
            told = "".join(
                f'<li><strong class="{group.level}">{group.level}</strong> '
                f"<code>{inert(group.id)}</code> {inert(group.message)}"
                f"{f'<br>{inert(group.hint)}' if group.hint and group.level != 'note' else ''}</li>"
                for group in groups
            )
            return f"<ul>{told}</ul>" if told else ""
        case Paragraph(text) | Line(text):
            return f"<p>{inert(text)}</p>"
        case Points(texts):
            return f"<ul>{''.join(f'<li>{inert(text)}</li>' for text in texts)}</ul>"
        case Gap():
            return ""
        case Verbatim(text):
            return f"<pre>{inert(text)}</pre>"
        case Heatmap():
            return "\n".join(heatmap_html(block))
        case DocumentTable():
            return "\n".join(_table(block))


def _table(table: DocumentTable) -> Iterator[str]:
    columns = table.shown()
    classes = [' class="right"' if column.right else "" for column, _ in columns]
    titles = "".join(
        f'<th scope="col"{place}>{inert(column.title)}</th>'
        for (column, _), place in zip(columns, classes, strict=True)
    )
    yield f'<div class="wide" tabindex="0"><table><thead><tr>{titles}</tr></thead><tbody>'
    for cells in zip(*(texts for _, texts in columns), strict=True):
        row = "".join(
            f"<td{place}>{inert(cell)}</td>" for cell, place in zip(cells, classes, strict=True)
        )
        yield f"<tr>{row}</tr>"
    yield "</tbody></table></div>"
