"""Result records as plain values: what JSON, CSV and data frames are made from."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FITTED = frozenset(("ok", "sparse", "scale_not_applied"))
"""Statuses of slices that have k, lambda and the other numbers."""

_SPELLING = {"lam": "lambda"}  # `lambda` is a word of the language
_NULL_WHEN_EMPTY = frozenset(("reason", "decoded"))


def columns(record: type[DataclassInstance]) -> list[str]:
    """Return the names of a record's fields as they are spelled in output."""
    return [_SPELLING.get(field.name, field.name) for field in fields(record)]


def as_row(record: DataclassInstance) -> dict[str, Any]:
    """Return a record's fields as values that JSON knows.

    Parameters
    ----------
    record : dataclass
        A flat record.

    Returns
    -------
    dict
        In the order of the fields. NaN, infinities and an empty reason are None, tuples lists.
    """
    return {
        _SPELLING.get(field.name, field.name): _plain(field.name, getattr(record, field.name))
        for field in fields(record)
    }


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value == "" and name in _NULL_WHEN_EMPTY:
        return None
    return list(value) if isinstance(value, tuple) else value
