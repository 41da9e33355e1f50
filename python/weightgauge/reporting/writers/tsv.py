"""Documents as values with tabs between them, otherwise like CSV."""

from __future__ import annotations

from collections.abc import Iterator

from weightgauge.reporting.document import Document
from weightgauge.reporting.writers.csv import separated_pieces
from weightgauge.reporting.writers.medium import Medium


def write(document: Document, medium: Medium) -> str:
    """Return the records of a document with a tab between two values.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to, which makes no difference.
    """
    return "".join(pieces(document, medium))


def pieces(document: Document, medium: Medium) -> Iterator[str]:
    """Yield what `write` returns, piece by piece."""
    del medium
    return separated_pieces(document.table(), "\t")
