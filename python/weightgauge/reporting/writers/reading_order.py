"""The parts of a document in the order in which people read them, for all writers of pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from weightgauge.findings import FindingGroup, grouped
from weightgauge.reporting.document import (
    Document,
    DocumentTable,
    Paragraph,
    Part,
    Points,
    Section,
)

_LEVELS = ("fault", "warning", "note")


@dataclass(frozen=True, slots=True)
class Title:
    """What the page is about."""

    text: str


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How much was found, in one line, and the most serious level of it: "" for none."""

    text: str
    level: str


@dataclass(frozen=True, slots=True)
class Told:
    """Findings that are told here."""

    groups: Sequence[FindingGroup]


@dataclass(frozen=True, slots=True)
class Gap:
    """Something else begins, without a heading."""


Block = Title | Heading | Verdict | Told | Gap | Part


def reading_order(
    document: Document,
    *,
    notes: bool,
    pictures: Callable[[DocumentTable], bool] = lambda table: True,
) -> Iterator[Block]:
    """Yield the blocks of a page: verdict and faults first, then tables, notes and summary.

    Parameters
    ----------
    document : Document
        What is shown.
    notes : bool
        Whether tables are explained.
    pictures : callable
        Whether a table shows its columns that only draw what others say.

    Yields
    ------
    Block
    """
    if document.title:
        yield Title(document.title)
    groups = grouped(document.findings or ())
    minor = [group for group in groups if group.level == "note"]
    if document.findings is not None:
        yield verdict_of(document)
        yield Told([group for group in groups if group.level != "note"])
    for number, section in enumerate(document.sections):
        if section.heading:
            yield Heading(section.heading)
        elif number:
            yield Gap()
        yield from section.parts
        if not number and document.findings_first and minor:
            yield Gap()
            yield Told(minor)
        if notes and (told := [*_column_notes(section, pictures), *section.notes]):
            yield Gap()
            yield from map(Paragraph, told)
    if minor and not document.findings_first:
        yield Heading("Notes")
        yield Told(minor)
    if document.summary:
        yield Heading("Summary")
        yield Points(document.summary)
    if notes and document.notes:
        yield Gap()
        yield from document.notes


def _column_notes(section: Section, pictures: Callable[[DocumentTable], bool]) -> Iterator[str]:
    """Yield what is to be said of columns that are shown."""
    for table in section.parts:
        if isinstance(table, DocumentTable) and any(column.note for column in table.columns):
            for column, _ in table.shown():
                if column.note and (not column.picture or pictures(table)):
                    yield column.note


def verdict_of(document: Document) -> Verdict:
    """Return the line that says how much was found, and the most serious level in it."""
    text = document.verdict
    return Verdict(
        text, next((level for level in _LEVELS if re.search(rf"[0-9] {level}", text)), "")
    )
