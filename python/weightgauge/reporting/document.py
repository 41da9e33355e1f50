"""The result of a command as a document, before it is decided how it is written.

A view makes one `Document` from a result; a writer turns it into text, JSON or CSV. Documents hold
values. A writer turns numbers into text as the columns of their table say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.columnar import ColumnarRows, plain_values
from weightgauge.reporting.cell_texts import column_texts, texts_of
from weightgauge.reporting.heatmap import Heatmap
from weightgauge.reporting.stated_rows import StatedRows

if TYPE_CHECKING:
    from weightgauge.findings import Finding


class Estimate(NamedTuple):
    """A number, and the standard error that is written behind it.

    Attributes
    ----------
    value, error : float
        The number and its standard error; NaN where there is none.

    Examples
    --------
    >>> format(Estimate(-0.0231, 0.0105), "+.3f")
    '-0.023±0.011'
    >>> format(Estimate(-0.000012, 0.00003), "+.3f")
    '-0.00001±0.00003'
    """

    value: float
    error: float

    def __format__(self, form: str) -> str:
        """Write both numbers in the same form; an error has no sign, and never looks like 0.

        It gets as many more decimals as it takes, so that the number does not look like 0 either
        where it is known to be another.
        """
        from weightgauge.findings.readable import decimals

        form = re.sub(r"\.(\d+)f$", lambda found: f".{decimals(self.error, int(found[1]))}f", form)
        texts = [
            "" if math.isnan(number) else format(number, own_form)
            for number, own_form in ((self.value, form), (self.error, form.lstrip("+z")))
        ]
        return "±".join(texts).strip("±")


class Word(str):
    """A word in a cell where other rows have a number: why there is none.

    Examples
    --------
    >>> format(Word("on a grid"), "+.3f")
    'on a grid'
    """

    __slots__ = ()

    def __format__(self, form: str) -> str:
        """Write the word; the form is that of numbers."""
        return str(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table, described once for all writers.

    Attributes
    ----------
    key : str
        Name of the column in data; a row has its value under this key.
    heading : str
        What text writes above it; the key by default.
    form : str or callable
        How text shows a value: a format specification, or a function that returns the text. It is
        not used for None and NaN, which are shown as nothing.
    unit : str
        What text writes behind each value.
    right : bool
        Whether cells are aligned to the right, as numbers are.
    identifies : bool
        Whether it says what the row is about. Such columns are repeated where a table continues
        below.
    may_shorten : bool
        Whether it holds names, whose middle may be left out on a narrow terminal.
    may_wrap : bool
        Whether it holds phrases, which may be broken between words on a narrow terminal.
    follows : bool
        Whether it makes sense only beside the column before it; the two are never parted.
    drop : int or None
        Whether text may leave it out on a narrow terminal. The lowest number goes first; None is
        never left out.
    hide_empty : bool
        Whether text leaves it out if no row has a value.
    picture : bool
        Whether it only draws what other columns say, so that text leaves it out on a narrow
        terminal before any other, and without a word.
    note : str
        How it is read; it is said below the table, where the column is shown.
    holds : str
        The type of its values as a record writes it, such as "int | None"; "" if nothing says so.
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
    picture: bool = False
    note: str = ""
    holds: str = ""

    @property
    def title(self) -> str:
        """Return what stands above the column."""
        return self.heading or self.key

    def text(self, value: Any) -> str:
        """Return what text shows for a value of the column."""
        return self.texts((value,))[0]

    def texts(self, values: Iterable[Any]) -> list[str]:
        """Return what text shows for each of some values of the column."""
        shown = self.form if callable(self.form) else f"{{:{self.form}}}".format
        texts = ["" if value is None or value != value else shown(value) for value in values]
        return [f"{text} {self.unit}" if text else "" for text in texts] if self.unit else texts


@dataclass(frozen=True, slots=True)
class DocumentTable:
    """Rows of values, and the columns that say how they are shown.

    Attributes
    ----------
    columns : sequence of Column
        The columns, in the order in which they are shown.
    rows : sequence of mapping
        Values by the keys of the columns; a key that a row lacks is a missing value.
    """

    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]

    def column(self, key: str) -> Sequence[Any]:
        """Return the values of all rows under a key, None where a row lacks it."""
        if isinstance(self.rows, ColumnarRows):
            return plain_values(self.rows.column(key))
        return [row.get(key) for row in self.rows]

    def shown(self) -> list[tuple[Column, Iterable[str]]]:
        """Return the columns that a page shows, each with the text of its cells."""
        columns = [(column, self._texts(column)) for column in self.columns]
        return [(column, texts) for column, texts in columns if not column.hide_empty or any(texts)]

    def _texts(self, column: Column) -> Iterable[str]:
        if isinstance(self.rows, ColumnarRows):
            return column_texts(column, self.rows)
        return texts_of(column, self.column(column.key))


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences, broken between words wherever a line is full."""

    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of its own, which is broken only if the terminal is narrower."""

    text: str


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A line to copy, such as a command, which is never broken or shortened."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """Sentences that each make a point of their own: a list."""

    texts: Sequence[str]


Part = DocumentTable | Heatmap | Paragraph | Points | Line | Verbatim


@dataclass(frozen=True, slots=True)
class Section:
    """Parts under one heading.

    Attributes
    ----------
    heading : str
        "" for none; then an empty line sets the section off.
    parts : sequence of DocumentTable, Heatmap, Paragraph, Line or Verbatim
        What is shown, from the top.
    notes : sequence of str
        Sentences that explain the section.
    """

    heading: str
    parts: Sequence[Part]
    notes: Sequence[str] = ()


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
        One line that says what it is about, safe to show; "" for none.
    findings : sequence of Finding or None
        What was noticed, the most serious first; None where nothing was looked for. Text begins
        with the verdict, and shows faults and warnings above the first table.
    sections : sequence of Section
        Tables and the text between them. The first section belongs to the title.
    beside_verdict : str
        What the verdict says beyond the number of findings; "" for nothing.
    findings_first : bool
        Whether text shows notes above the first table too, not at the end.
    summary : sequence of str
        The whole result in sentences.
    notes : sequence of Paragraph, Line or Verbatim
        Explanations of the tables; left out if only the result is wanted.
    warnings : sequence of str
        Oddities of the input. They are written to stderr, never into the result.
    aside : sequence of Finding
        What was noticed of the input beside the result; faults and warnings are written to stderr.
    metadata : mapping
        The head of the data: versions of the schema and of the program, and what was measured.
    data : callable
        Returns all results as plain values. Keys that are in the metadata too have the same values.
    records : callable
        Returns the rows for programs that want one table.
    provenance : callable
        Returns what all records were made from: `model`, `step`, `protocol`. A record that says
        so itself keeps what it says.

    `data`, `records` and `provenance` are functions, because they take time and few writers call
    them.
    """

    title: str = ""
    findings: Sequence[Finding] | None = None
    beside_verdict: str = ""
    findings_first: bool = False
    sections: Sequence[Section] = ()
    summary: Sequence[str] = ()
    notes: Sequence[Paragraph | Line | Verbatim] = ()
    warnings: Sequence[str] = ()
    aside: Sequence[Finding] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    data: Callable[[], Mapping[str, Any]] = _no_data
    records: Callable[[], DocumentTable] = _no_records
    provenance: Callable[[], Mapping[str, Any]] = _no_data

    @property
    def verdict(self) -> str:
        """How much was found, in one line."""
        from weightgauge.findings import verdict

        told = verdict(self.findings or ())
        return f"{told}; {self.beside_verdict}" if self.beside_verdict else told

    def table(self) -> DocumentTable:
        """Return the records with what they were made from behind each, to be joined with others.

        Without `provenance` there is nothing to say. With it, the column `weightgauge` has the
        version of the program.
        """
        from weightgauge._version import __version__

        records = self.records()
        provenance = self.provenance()
        if not provenance:
            return records
        stated = {**provenance, "weightgauge": __version__}
        there = {column.key for column in records.columns}
        columns = (
            Column(key=name, holds="int | None" if name == "step" else "str")
            for name in stated
            if name not in there
        )
        own = there & stated.keys()
        rows: Sequence[Mapping[str, Any]]
        if isinstance(records.rows, ColumnarRows) and not own:
            rows = StatedRows(records.rows, stated)
        else:
            rows = [{**row, **stated, **_said(row, own)} for row in records.rows]
        return DocumentTable((*records.columns, *columns), rows)


def _said(row: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: row[key] for key in keys if row.get(key) is not None}


def plain_columns(names: Iterable[str]) -> tuple[Column, ...]:
    """Return columns for values that only programs read; a mapping gives their types as well."""
    types = names if isinstance(names, Mapping) else {}
    return tuple(Column(key=name, holds=types.get(name, "")) for name in names)


def metadata(schema_version: int, **measured: Any) -> dict[str, Any]:
    """Return the head of a document's data.

    Parameters
    ----------
    schema_version : int
        Version of the schema of the data that follow.
    **measured
        What was measured, and how.
    """
    from weightgauge._version import __version__

    return {"schema_version": schema_version, "weightgauge": __version__, **measured}
