"""Documents as LaTeX: one table environment for each table, with the rules of booktabs."""

from __future__ import annotations

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
from weightgauge.reporting.sparkline import BLOCKS
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

_MARKS = (r"\_", ".", "-", r"\textasciitilde{}", "=", "+", "*", r"\#")
"""The marks of `PLAIN_BLOCKS`, because LaTeX's usual fonts have no blocks."""

_SPELLINGS = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"},
        **{'"': r"\textquotedbl{}", "'": r"\textquotesingle{}", "`": r"\textasciigrave{}"},
        **{"±": r"\ensuremath{\pm}", "…": r"\ldots{}", "λ": r"\ensuremath{\lambda}"},
        **{block: rf"\texttt{{{mark}}}" for block, mark in zip(BLOCKS, _MARKS, strict=True)},
    }
)
_HEAD = r"""% To be included by \input, after these lines in the preamble:
% \usepackage[T1]{fontenc}
% \usepackage{booktabs,textcomp}
"""


def write(document: Document, medium: Medium) -> str:
    """Return a document as LaTeX, to be included in another.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to; it says whether tables are explained.
    """
    blocks = map(_written, reading_order(document, notes=medium.notes))
    return _HEAD + "\n\n".join(filter(None, blocks)) + "\n"


def inert(text: str) -> str:
    r"""Make a text plain in LaTeX.

    Examples
    --------
    >>> print(inert(r"\input{a_b} 5 %"))
    \textbackslash{}input\{a\_b\} 5 \%
    """
    return harmless(text).translate(_SPELLINGS).replace("--", "-{}-")  # which is no dash


def _written(block: Block) -> str:
    match block:
        case Title(text):
            return rf"\section*{{{inert(text)}}}"
        case Heading(text):
            return rf"\subsection*{{{inert(text)}}}"
        case Verdict(text):
            return rf"\textbf{{{inert(text)}}}"
        case Told(groups):
            return "\n\n".join(
                rf"\textbf{{{group.level}}} {inert(group.id)}: {inert(group.message)}"
                + (f" ({inert(group.hint)})" if group.hint and group.level != "note" else "")
                for group in groups
            )
        case Paragraph(text) | Line(text):
            return inert(text)
        case Points(texts):
            items = [rf"\item {{{inert(text)}}}" for text in texts]
            return "\n".join([r"\begin{itemize}", *items, r"\end{itemize}"])
        case Gap():
            return ""
        case Verbatim(text):
            return rf"\texttt{{{inert(text)}}}"
        case Heatmap():
            lines = [inert(line).replace(" ", "~") for line in heatmap_lines(block, None)]
            return "\\noindent\n" + "\\\\\n".join(rf"\texttt{{{line}}}" for line in lines)
        case DocumentTable():
            return "\n".join(_table(block))


def _table(table: DocumentTable) -> Iterator[str]:
    columns = table.shown()
    yield rf"\begin{{tabular}}{{{''.join('r' if column.right else 'l' for column, _ in columns)}}}"
    yield r"\toprule"
    yield rf"{' & '.join(inert(column.title) for column, _ in columns)} \\"
    yield r"\midrule"
    for cells in zip(*(texts for _, texts in columns), strict=True):
        yield rf"{' & '.join(map(inert, cells))} \\"
    yield r"\bottomrule"
    yield r"\end{tabular}"
