"""The document of `weightgauge info`: versions and how the core was built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weightgauge.reporting.document import Column, Document, DocumentTable, Section


def info_document(facts: Mapping[str, Any]) -> Document:
    """List facts by name; the name of a fact in a group begins with the group's name.

    Parameters
    ----------
    facts : mapping
        Values, and mappings of values for groups. None is a package that is not installed; a list
        holds the processors of each place for threads.
    """
    single = {name: value for name, value in facts.items() if not isinstance(value, Mapping)}
    grouped = {
        f"{group}.{name}": value
        for group, members in facts.items()
        if isinstance(members, Mapping)
        for name, value in members.items()
    }
    table = DocumentTable(
        (
            Column(key="name", identifies=True, may_shorten=True),
            Column(key="value", may_wrap=True),
        ),
        [{"name": name, "value": _words(value)} for name, value in {**single, **grouped}.items()],
    )
    return Document(
        sections=(Section("", (table,)),),
        metadata={"schema_version": 1},
        data=lambda: facts,
        records=lambda: table,
    )


def _words(value: object) -> str:
    if value is None:
        return "not installed"
    if isinstance(value, list):
        if not value:
            return "none: the system places threads"
        return " ".join("{" + ",".join(map(str, processors)) + "}" for processors in value)
    return str(value)
