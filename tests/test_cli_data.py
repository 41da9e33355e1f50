"""JSON and CSV have exact numbers, and names that are harmless elsewhere."""

from __future__ import annotations

import csv
import io
import json

import pytest

from weightgauge.reporting.document import DocumentTable, plain_columns
from weightgauge.reporting.writers.csv import csv_text, inert
from weightgauge.reporting.writers.json import json_text

HOSTILE = [
    "=HYPERLINK(1)",
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "\x1b[31mred",
    "\u202eevil",
    "nul\x00",
    "\ud800",
    'quote " and, comma',
    "<script>",
    "",
    "ordinary.weight",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_csv_cells_are_inert(name):
    text = csv_text(DocumentTable(plain_columns(["tensor", "k"]), [{"tensor": name, "k": -0.5}]))
    text.encode("utf-8")
    assert text.replace("\n", "").isprintable()
    header, row = csv.reader(io.StringIO(text))
    assert header == ["tensor", "k"]
    assert row[1] == "-0.5"  # a number is a number, whatever its sign
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))


def test_ordinary_names_are_as_they_are():
    assert (
        inert("model.layers.0.self_attn.q_proj.weight") == "model.layers.0.self_attn.q_proj.weight"
    )
    assert inert("=1") == "'=1"
    assert inert("größe") == "größe"


def test_long_names_are_whole_in_data():
    assert inert("a" * 100_000) == "a" * 100_000


def test_csv_numbers_shapes_and_gaps():
    number = 0.1 + 0.2
    row = {"a": number, "b": None, "c": [384, 1536], "d": [], "e": 7}
    text = csv_text(DocumentTable(plain_columns(list(row)), [row]))
    assert text == f"a,b,c,d,e\n{number!r},,384x1536,,7\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_json_is_ascii_and_says_the_same(name):
    text = json_text({"model": name, "slices": [{"tensor": name}], "kinds": []})
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert json.loads(text) == {"model": name, "slices": [{"tensor": name}], "kinds": []}


def test_json_has_one_record_a_line():
    text = json_text({"n": 1, "slices": [{"shape": [2, 3]}, {"shape": []}]})
    assert (
        text == '{\n  "n": 1,\n  "slices": [\n    {"shape": [2, 3]},\n    {"shape": []}\n  ]\n}\n'
    )


def test_json_refuses_what_json_does_not_have():
    with pytest.raises(ValueError):
        json_text({"k": float("nan")})
