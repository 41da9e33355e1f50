"""What a command has to say, before anybody decides how it is written.

A view makes one `Document` from a result; a writer turns it into text, JSON or CSV. Documents hold
values: numbers become text in the writer, by what the columns of their table say about them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Estimate(NamedTuple):
    """A number with its standard error, which is written behind it.

    Attributes
    ----------
    value, error : float
        The number and its standard error; NaN where there is none.

    Examples
    --------
    >>> format(Estimate(-0.0231, 0.0105), "+.3f")
    '-0.023±0.011'
    """

    value: float
    error: float

    def __format__(self, form: str) -> str:
        """Write both numbers in the same form; a standard error has no sign."""
        texts = [
            "" if math.isnan(number) else format(number, own_form)
            for number, own_form in ((self.value, form), (self.error, form.lstrip("+")))
        ]
        return "±".join(texts).strip("±")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table, described once for all writers.

    Attributes
    ----------
    key : str
        Name of the column in data, and of its values in the rows.
    heading : str
        What stands above it in text; the key by default.
    form : str or callable
        How text shows a value: a format specification, or a function that returns the text. None
        and NaN are shown as nothing and do not get there.
    unit : str
        What text writes behind each value.
    right : bool
        Whether cells lean to the right, as numbers do.
    identifies : bool
        Whether it says what the row is about: it is repeated where a table continues below.
    may_shorten : bool
        Whether it holds names, which may lose their middle on a narrow terminal.
    may_wrap : bool
        Whether it holds phrases, which may be broken between words on a narrow terminal.
    follows : bool
        Whether it makes sense only beside the column before it, from which it is never parted.
    drop : int or None
        Whether text may leave it out on a narrow terminal: the lowest number goes first.
    hide_empty : bool
        Whether text leaves it out where no row has a value.
    """

    key: str
    heading: str = ""
    form: str | Callable[[Any], str] = ""
    unit: str = ""
    right: bool = False
    identifies: bool = False
    may_shorten: bool = False
    may_wrap: bool = False
    follows: bool = False
    drop: int | None = None
    hide_empty: bool = False

    @property
    def title(self) -> str:
        """What stands above the column."""
        return self.heading or self.key

    def text(self, value: Any) -> str:
        """Return what text shows for a value of the column."""
        if value is None or value != value:
            return ""
        shown = self.form(value) if callable(self.form) else format(value, self.form)
        return f"{shown} {self.unit}" if self.unit else shown


@dataclass(frozen=True, slots=True)
class DocumentTable:
    """Rows of values, and the columns that say how they are shown.

    Attributes
    ----------
    columns : sequence of Column
        In the order in which they are shown.
    rows : sequence of mapping
        Values by the keys of the columns; what a row does not have is missing.
    """

    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences, broken between words wherever a line is full."""

    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of its own, which is broken only where a terminal is narrower."""

    text: str


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A line to copy, such as a command, which is never broken or shortened."""

    text: str


Part = DocumentTable | Paragraph | Line | Verbatim


@dataclass(frozen=True, slots=True)
class Section:
    """Parts under one heading.

    Attributes
    ----------
    heading : str
        "" for none: an empty line sets the section off instead.
    parts : sequence of DocumentTable, Paragraph, Line or Verbatim
        What is shown, from the top.
    notes : sequence of str
        Sentences that explain the section.
    """

    heading: str
    parts: Sequence[Part]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a reader should know about one tensor, or about the model.

    Attributes
    ----------
    level : str
        How serious it is: "fault", "warning" or "note".
    id : str
        Which rule found it.
    tensor : str or None
        Name in the checkpoint; None for what is about more than one.
    message : str
        The same in a sentence, safe to show.
    """

    level: str
    id: str
    tensor: str | None
    message: str


def _no_data() -> dict[str, Any]:
    return {}


def _no_records() -> DocumentTable:
    return DocumentTable((), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The result of a command, for all writers.

    Attributes
    ----------
    title : str
        What it is about, in a line that is safe to show; "" for none.
    verdict : str or None
        What it comes down to, in a line.
    sections : sequence of Section
        Tables and what stands between them. The first belongs to the title.
    findings : sequence of Finding
        What to look at, in the order of their rules.
    summary : sequence of str
        The whole in sentences.
    notes : sequence of Paragraph, Line or Verbatim
        What explains the tables; left out where only the result is wanted.
    warnings : sequence of str
        What is odd about the input. It is told beside the result, never in it.
    metadata : mapping
        The head of the data: version of the schema and of the program, and what was measured.
    data : callable
        Returns all results as plain values. What stands in the metadata too is the same there.
    records : callable
        Returns the rows for programs that want one table.

    `data` and `records` are functions because they cost time and few writers ask for them.
    """

    title: str = ""
    verdict: str | None = None
    sections: Sequence[Section] = ()
    findings: Sequence[Finding] = ()
    summary: Sequence[str] = ()
    notes: Sequence[Paragraph | Line | Verbatim] = ()
    warnings: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    data: Callable[[], Mapping[str, Any]] = _no_data
    records: Callable[[], DocumentTable] = _no_records


def plain_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Return columns for values that programs read, where no text is to be laid out."""
    return tuple(Column(key=name) for name in names)


def metadata(schema_version: int, **measured: Any) -> dict[str, Any]:
    """Return the head of a document's data.

    Parameters
    ----------
    schema_version : int
        Of the data that follow.
    **measured
        What was measured, and how.
    """
    from weightgauge._version import __version__

    return {"schema_version": schema_version, "weightgauge": __version__, **measured}
