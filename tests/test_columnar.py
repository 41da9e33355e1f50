"""Rows held as columns: what forms for programs make of them is what they make of dicts."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from weightgauge import _core
from weightgauge.columnar import ColumnarRecords, ColumnarRows
from weightgauge.errors import printable
from weightgauge.reporting.document import (
    Column,
    Document,
    DocumentTable,
    Section,
    plain_columns,
)
from weightgauge.reporting.writers.formats import FORMATS
from weightgauge.reporting.writers.json import json_text
from weightgauge.reporting.writers.medium import Medium

NAN, INF = float("nan"), float("inf")
NAMES = ["plain", 'a "b"', "c,d", "e\nf", "\x1b[31m", "=1+1", "\u202eg", "", "100 %s", "tab\there"]


class Made(ColumnarRows):
    """Rows of columns that are given."""

    def __init__(self, columns):
        self.columns = columns
        self.names = tuple(columns)

    def column(self, name):
        return self.columns[name]

    def part(self, start, stop):
        return Made({name: cut(column, start, stop) for name, column in self.columns.items()})

    def __len__(self):
        return len(next(iter(self.columns.values())))


def cut(column, start, stop):
    if not isinstance(column, ColumnarRecords):
        return column[start:stop]
    members = [member[start:stop] for member in column.members]
    return ColumnarRecords(column.names, column.there[start:stop], members)


def columns_and_dicts(size):
    """Columns, and the rows that they are by their description."""
    names = [NAMES[i % len(NAMES)] for i in range(size)]
    floats = np.resize([1.5, NAN, -0.0, 0.0, 1e-5, 1e16, INF, 0.1, 123456.75], size)
    shapes = [(i % 3, 2) for i in range(size)]
    mixed = [[None, 1, True, 1.0, 0.0, -0.0, "1"][i % 7] for i in range(size)]
    there = [i % 4 > 0 for i in range(size)]
    columns = {
        "name": names,
        "100 %": np.arange(size),
        "float": floats,
        "shape": shapes,
        "mixed": mixed,
        "none": (None,) * size,
        "same": ("same",) * size,
        "record": ColumnarRecords(("x", "y"), there, [floats, np.arange(size) / 8]),
    }
    known = [value if np.isfinite(value) else None for value in floats.tolist()]
    dicts = [
        {
            **{"name": names[i], "100 %": i, "float": known[i], "shape": list(shapes[i])},
            **{"mixed": mixed[i], "none": None, "same": "same"},
            "record": {"x": known[i], "y": i / 8} if there[i] else None,
        }
        for i in range(size)
    ]
    return Made(columns), dicts


@pytest.mark.parametrize("size", [1, 30, 4096, 4097])
def test_rows_are_dicts(size):
    rows, dicts = columns_and_dicts(size)
    assert repr(list(rows)) == repr(dicts)
    assert repr(rows[size - 1]) == repr(rows[-1]) == repr(dicts[-1])
    assert repr(rows[size // 2 : size]) == repr(dicts[size // 2 :])
    with pytest.raises(IndexError):
        rows[size]


def written(form, columns, rows, stated):
    document = Document(records=lambda: DocumentTable(columns, rows), provenance=lambda: stated)
    return FORMATS[form].write(document, Medium())


@pytest.mark.parametrize("form", ["csv", "tsv"])
@pytest.mark.parametrize("name", [*NAMES, "a;b", "'", "größe"])
def test_cells_are_quoted_where_any_needs_it(name, form):
    """As Python's own writer quotes them, in tables of one column and of several."""
    for keys in (["name"], ["name", "other"], ["other", "name", "n"]):
        values = {"name": ["a", name, "b"], "other": ["x", "", None], "n": [1, 2, 3]}
        dicts = [{key: values[key][i] for key in keys} for i in range(3)]
        rows, columns = Made({key: values[key] for key in keys}), plain_columns(keys)
        assert written(form, columns, rows, {}) == written(form, columns, dicts, {})


@pytest.mark.parametrize("size", [1, 30, 4096, 4097])
def test_forms_say_the_same_of_columns_and_of_dicts(size):
    rows, dicts = columns_and_dicts(size)
    assert json_text({"a": 1, "rows": rows}) == json_text({"a": 1, "rows": dicts})
    assert repr(json.loads(json_text({"rows": rows}))["rows"]) == repr(dicts)
    columns = plain_columns([name for name in rows.names if name != "record"])
    for form in ("jsonl", "csv", "tsv"):
        for stated in ({}, {"model": "m, n", "step": 7}, {"same": "another"}):
            text = written(form, columns, rows, stated)
            assert text == written(form, columns, dicts, stated)
    first = next(csv.DictReader(io.StringIO(written("csv", columns, rows, {}))))
    assert first["float"] == "1.5" and first["shape"] == "0x2" and first["none"] == ""


def test_no_rows():
    rows = columns_and_dicts(3)[0].part(0, 0)
    assert list(rows) == [] and len(rows) == 0
    assert json.loads(json_text({"rows": rows})) == {"rows": []}


def test_texts_of_numbers_are_those_of_repr():
    rng = np.random.default_rng(8)
    bits = rng.integers(0, 2**64, 20_000, dtype=np.uint64).view(np.float64)
    numbers = np.concatenate(
        (
            *(bits, rng.normal(size=5_000), rng.normal(size=5_000).astype(np.float32)),
            *(10.0 ** np.arange(-30, 30), np.round(rng.normal(size=5_000), 3)),
            np.array([0.0, -0.0, 9999999999999998.0, 1e16, 1e-4, 9.999e-5, 5e-324, 2.0**1023]),
            np.array([NAN, INF, -INF]),
        )
    )
    expected = [repr(x) if np.isfinite(x) else "none" for x in numbers.tolist()]
    assert _core.number_texts(numbers, "none") == expected
    assert _core.number_texts(numbers[::-3], "none") == expected[::-3]
    assert _core.number_texts(np.zeros(0), "") == []
    with pytest.raises(ValueError, match="one dimension"):
        _core.number_texts(np.zeros((2, 2)), "")


@pytest.mark.parametrize("width", [None, 40, 20])
@pytest.mark.parametrize("form", ["human", "html", "markdown", "latex"])
def test_long_tables_are_shown_as_short_ones(form, width, monkeypatch):
    """Their texts are made part by part, and again for each look at them."""
    shown = (
        Column(key="name", form=printable, identifies=True, may_shorten=True),
        Column(key="float", form=".3f", right=True, drop=1),
        Column(key="none", hide_empty=True),
        Column(key="words", may_wrap=True),
    )
    columns = {
        "name": [f"{NAMES[i % len(NAMES)]}.{i}" for i in range(50)],
        "float": np.arange(50) / 7,
        "none": (None,) * 50,
        "words": ["some words that may wrap", "few", None, "größe", "±"] * 10,
    }
    document = Document(sections=[Section("", [DocumentTable(shown, Made(columns))])])
    for plain in (False, True):
        medium = Medium(width=width, plain=plain)
        expected = FORMATS[form].write(document, medium)
        with monkeypatch.context() as patched:
            patched.setattr("weightgauge.reporting.cell_texts._MOST_HELD", 10)
            patched.setattr("weightgauge.columnar._ROWS_TOGETHER", 7)
            assert FORMATS[form].write(document, medium) == expected
