"""Result records as plain values: what JSON, CSV and data frames are made from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, make_dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FITTED = frozenset(("ok", "sparse", "scale_not_applied"))
"""Statuses of slices that have k, lambda and the other numbers."""

_SPELLING = {"lam": "lambda"}  # `lambda` is a word of the language
_NULL_WHEN_EMPTY = frozenset(("reason", "decoded"))

_Fields = ParamSpec("_Fields")
_Record = TypeVar("_Record")


def maker(record: Callable[_Fields, _Record]) -> Callable[_Fields, _Record]:
    """Return what makes frozen records in a fraction of the time, for where they come in crowds.

    A frozen dataclass sets each of its fields by a call, past its own guard: with twenty of them
    that takes longer than counting and fitting a small matrix. The maker is the same class without
    the guard; what it has made becomes a record once all fields are set.

    Parameters
    ----------
    record : type
        A frozen dataclass with slots.

    Returns
    -------
    callable
        Takes what the class takes, quickest without keywords, and returns the same.
    """

    def freeze(made: Any) -> None:
        made.__class__ = record

    members = [(field.name, field.type, field) for field in fields(record)]  # type: ignore[arg-type]
    return make_dataclass(record.__name__, members, slots=True, namespace={"__post_init__": freeze})


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
