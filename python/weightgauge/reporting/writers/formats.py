"""The table of forms: their names, their writers, and the endings of their files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from weightgauge.reporting.document import Document
    from weightgauge.reporting.writers.medium import Medium


class Format(NamedTuple):
    """One form of a result.

    Attributes
    ----------
    suffixes : tuple of str
        Endings of file names that ask for it, in lower case.
    module : str
        The module of its writer, a function `write` that takes a document and a `Medium`. Where
        texts may be very long, it also has a generator `pieces` of their parts. It is imported when
        it is first used, so that help does not wait for it.
    page : bool
        Whether people read it: options for the length and the look of tables shape no other form.
    findings_only : bool
        Whether it holds findings and nothing else, so that only commands that check offer it.
    binary : bool
        Whether it is no text, so that no terminal can show it.
    package : str
        The optional package that its writer needs, which the extra of the form's name installs; ""
        for none.
    """

    suffixes: tuple[str, ...]
    module: str
    page: bool = False
    findings_only: bool = False
    binary: bool = False
    package: str = ""

    def write(self, document: Document, medium: Medium) -> str | bytes:
        """Write a document.

        Parameters
        ----------
        document : Document
            What to write.
        medium : Medium
            The place it goes to.

        Returns
        -------
        str or bytes
            Text, which a file holds as UTF-8, or the bytes of a file.
        """
        content: str | bytes = import_module(self.module).write(document, medium)
        return content

    def pieces(self, document: Document, medium: Medium) -> Iterable[str] | bytes:
        """Write a document piece by piece, where its form can be as long as the model is large.

        Parameters
        ----------
        document, medium
            As for `write`.

        Returns
        -------
        iterable of str, or bytes
            What `write` returns; text in pieces that are made when they are asked for.
        """
        pieces: Callable[[Document, Medium], Iterator[str]] | None = getattr(
            import_module(self.module), "pieces", None
        )
        if pieces is not None:
            return pieces(document, medium)
        content = self.write(document, medium)
        return content if isinstance(content, bytes) else (content,)


# Help shows them in this order.
FORMATS = {
    "human": Format((".txt",), "weightgauge.reporting.writers.text", page=True),
    "json": Format((".json",), "weightgauge.reporting.writers.json"),
    "jsonl": Format((".jsonl", ".ndjson"), "weightgauge.reporting.writers.jsonl"),
    "csv": Format((".csv",), "weightgauge.reporting.writers.csv"),
    "tsv": Format((".tsv", ".tab"), "weightgauge.reporting.writers.tsv"),
    "parquet": Format(
        (".parquet",), "weightgauge.reporting.writers.parquet", binary=True, package="pyarrow"
    ),
    "markdown": Format((".md", ".markdown"), "weightgauge.reporting.writers.markdown", page=True),
    "latex": Format((".tex", ".latex"), "weightgauge.reporting.writers.latex", page=True),
    "html": Format((".html", ".htm"), "weightgauge.reporting.writers.html", page=True),
    "junit": Format((".xml",), "weightgauge.reporting.writers.junit", findings_only=True),
    "sarif": Format((".sarif",), "weightgauge.reporting.writers.sarif", findings_only=True),
    "github": Format((), "weightgauge.reporting.writers.github", findings_only=True),
}

COMPRESSED = ".gz"
"""Ending of names of text that is compressed by gzip, behind that of its form."""

DEFAULT = "human"
"""The form that is used if neither an option nor a file's name asks for one."""


def offered(*, findings: bool) -> list[str]:
    """Return the names of the forms that a command offers: all where its result is findings."""
    return [name for name, form in FORMATS.items() if findings or not form.findings_only]


def suffixes(*, findings: bool) -> list[str]:
    """Return the endings of file names that ask for a form, in the order of the table."""
    return [suffix for name in offered(findings=findings) for suffix in FORMATS[name].suffixes]


def format_by_suffix(path: str, *, findings: bool = False) -> str | None:
    """Return the name of the form that a file's ending asks for; None if no form has the ending.

    Text may be compressed: "fit.csv.gz" asks for the form of "fit.csv".
    """
    name = os.path.basename(path).lower()
    inner = name.removesuffix(COMPRESSED)
    for chosen in offered(findings=findings):
        form = FORMATS[chosen]
        if form.binary and inner != name:
            continue
        if any(inner.endswith(suffix) and inner != suffix for suffix in form.suffixes):
            return chosen
    return None
