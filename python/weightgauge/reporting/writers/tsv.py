"""Documents as values with tabs between them, otherwise like CSV."""

from __future__ import annotations

from weightgauge.reporting.document import Document
from weightgauge.reporting.writers.csv import separated_text
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
    return separated_text(document.table(), "\t")
