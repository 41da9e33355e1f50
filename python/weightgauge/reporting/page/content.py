"""What a page holds before it is written as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weightgauge.reporting.document import Document, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """What a page shows: a document in words and tables, and pictures.

    Attributes
    ----------
    document : Document
        Title, findings, and sections between which the pictures stand.
    first : sequence of Section
        Sections of the document that stand above the pictures.
    then : sequence of Section
        Those that stand below them.
    places : sequence of sequence of int
        For each group of the document's findings, the rows that it is about.
    pictures : mapping
        What the scripts of the page draw and list; plain values for JSON.
    provenance : sequence of (str, str)
        What the page was made from and how: names and values.
    doubtful : bool
        Whether something that is no finding forbids good news, such as tensors that are missing.
    """

    document: Document
    first: Sequence[Section]
    then: Sequence[Section]
    places: Sequence[Sequence[int]]
    pictures: Mapping[str, Any]
    provenance: Sequence[tuple[str, str]]
    doubtful: bool = False
