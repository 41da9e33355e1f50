"""Forms of results: pages in three markups, lines and tables for programs, compressed text."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

import weightgauge as wg
from kept_models import run, stored
from weightgauge import demo
from weightgauge.findings import RULES, Place
from weightgauge.reporting.document import (
    Column,
    Document,
    DocumentTable,
    Line,
    Paragraph,
    Section,
    Verbatim,
)
from weightgauge.reporting.writers.formats import FORMATS
from weightgauge.reporting.writers.medium import Medium

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><!--",
    "\"'><img src=x onerror=alert(1)>",
    "\x1b[31mred\x07\u202eabc",
    r"\input{/etc/passwd} 100% $x$ a_b ^^41",
    "| a | b |\n---\n# heading",
    "[here](http://example.com) https://example.com www.example.com",
    "`code` **bold** ~~gone~~ @somebody #1",
    "--- a list",
    "- a list",
    "=cmd()",
    "n" * 10_000,
]


def page(text):
    """A document that has the text wherever one can stand."""
    table = DocumentTable(
        (Column(key="tensor"), Column(key="k", form=".3f", right=True)),
        [{"tensor": text, "k": 1.2}, {"tensor": "w", "k": None}],
    )
    finding = RULES["odd-input"].finding(Place(tensor=text), what=text)
    return Document(
        title=text,
        findings=[finding],
        sections=(Section(text, (table, Line(text), Verbatim(text)), notes=(text,)),),
        summary=(text,),
        notes=(Paragraph(text),),
        records=lambda: table,
    )


def written(form, document):
    return FORMATS[form].write(document, Medium())


class Reader(HTMLParser):
    """Collects the tags, attributes and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text)[:20])
def test_html_holds_texts_as_texts(text):
    """The page of a hostile text has the tags of a harmless one, and shows the text."""
    plain, hostile = (Reader(written("html", page(each))) for each in ("harmless", text))
    assert hostile.tags == plain.tags and not hostile.open
    assert [name for name, _ in hostile.attributes] == [name for name, _ in plain.attributes]
    assert "script" not in hostile.tags and not any("\x1b" in each for each in hostile.texts)


def test_html_asks_for_nothing_and_runs_nothing():
    text = written("html", page("w"))
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|src=|@import|url\(", text)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text)[:20])
def test_markdown_escapes_every_mark(text):
    """In the cells of a table, where one stands alone."""
    lines = written("markdown", page(text)).splitlines()
    row = next(line for line in lines if line.endswith("| 1.200 |"))
    cell = row.removeprefix("| ").removesuffix(" | 1.200 |")
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>*_`|\[\]#~$@]", re.sub(r"\\[^\\]", "", cell))
    assert not re.search(r"(?<!\\)://|www\.e", cell)
    # Each line begins with a mark of this page, an escape or a letter.
    starts = {line[:1] for line in lines if line} - set("#*-|\\ ")
    assert all(start.isalnum() or start in "'\"=" for start in starts), starts
    assert len([line for line in lines if line.startswith("| ")]) == 4


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text)[:20])
def test_latex_has_no_command_of_a_text(text):
    known = {
        *("section", "subsection", "textbf", "texttt", "begin", "end", "toprule", "midrule"),
        *("bottomrule", "textbackslash", "textasciitilde", "textasciicircum", "textless"),
        *("textgreater", "textbar", "textquotedbl", "textquotesingle", "textasciigrave"),
        *("ensuremath", "pm", "ldots", "lambda", "item"),
    }
    body = "\n".join(
        line for line in written("latex", page(text)).splitlines() if not line.startswith("%")
    )
    assert set(re.findall(r"\\([A-Za-z]+)", body)) <= known
    bare = re.sub(r"\\\\|\\[A-Za-z]+|\\[&%$#_{}]", "", body)
    assert not re.search(r"[\\%$#_^~<>|\"'`]", bare), bare
    assert bare.count("{") == bare.count("}")
    assert bare.count("&") == 3  # one between the two cells of each line of the table


def test_pages_show_what_text_shows():
    """Each number of the text is on every page."""
    text = run("fit", demo.paths()["step-last"]).stdout
    numbers = set(re.findall(r"\d+\.\d+", text))
    assert len(numbers) > 40
    for form in ("markdown", "latex", "html"):
        result = run("fit", demo.paths()["step-last"], "--format", form)
        assert result.exit_code == 0
        assert numbers <= set(re.findall(r"\d+\.\d+", result.stdout)), form


def test_rows_are_the_same_in_all_forms_for_programs(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    model = demo.paths()["step-last"]
    found = {}
    for ending in ("csv", "tsv", "jsonl", "parquet", "csv.gz"):
        path = tmp_path / f"fit.{ending}"
        assert run("fit", model, "-o", path, "-q").exit_code == 0
        content = path.read_bytes()
        found[ending] = gzip.decompress(content) if ending.endswith("gz") else content
    assert found["csv.gz"] == found["csv"]
    rows = [json.loads(line) for line in found["jsonl"].splitlines()]
    assert parquet.read_table(io.BytesIO(found["parquet"])).to_pylist() == rows
    for ending, separator in (("csv", ","), ("tsv", "\t")):
        read = list(csv.DictReader(io.StringIO(found[ending].decode()), delimiter=separator))
        assert [row["tensor"] for row in read] == [row["tensor"] for row in rows]
        assert [float(row["k"]) for row in read] == [row["k"] for row in rows]
        assert list(read[0]) == list(rows[0])


def test_rows_say_what_they_were_made_from(tmp_path, write_checkpoint):
    """So that the rows of many models and steps can be put into one table."""
    folder = tmp_path / "checkpoint-500"
    folder.mkdir()
    weights = {"model.layers.0.mlp.up_proj.weight": stored((32, 32), "F32")}
    write_checkpoint(folder / "model.safetensors", weights)
    for command in (("fit",), ("fit", "--protocol", "paper")):
        (line,) = run(*command, folder, "--format", "jsonl").stdout.splitlines()
        row = json.loads(line)
        assert (row["model"], row["step"]) == (str(folder), 500)
        assert row["protocol"] == ("paper" if len(command) > 1 else "order")
        assert row["weightgauge"]
    (line,) = run("ls", folder, "--format", "jsonl").stdout.splitlines()
    assert json.loads(line)["model"] == str(folder)


def test_types_of_columns_do_not_depend_on_what_is_in_them(tmp_path, write_checkpoint):
    """Files with and without a value in a column can be read as one."""
    parquet = pytest.importorskip("pyarrow.parquet")
    schemas = []
    for name in ("a", "model.layers.0.mlp.experts.3.up_proj.weight"):
        weights = {name: stored((32, 32), "F32")}
        model = write_checkpoint(tmp_path / f"{len(name)}.safetensors", weights)
        run("fit", model, "-o", tmp_path / f"{len(name)}.parquet", "-q")
        schemas.append(parquet.read_schema(tmp_path / f"{len(name)}.parquet"))
    assert schemas[0] == schemas[1]
    assert "null" not in map(str, schemas[0].types)


@pytest.mark.parametrize("ending", ["gz", "CSV.GZ", "html.gz", "txt.gz"])
def test_compressed_text_is_the_same_every_time(ending, tmp_path):
    contents = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.{ending}"
        result = run("fit", demo.paths()["step-0"], "-o", path, "-q", "--format", "csv")
        assert result.exit_code == 0
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    assert gzip.decompress(contents[0]).startswith(b"tensor,")


@pytest.mark.parametrize("name", ["fit.xlsx", "fit.json.bak", "fit.v2", "fit.gz"])
def test_an_ending_that_is_no_form_is_told_before_anything_is_read(name, tmp_path):
    result = run("fit", tmp_path / "no-model", "-o", tmp_path / name)
    assert result.exit_code == 2
    assert ".csv" in result.stderr and ".html" in result.stderr and "--format" in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_unknown_ending_with_a_form_that_is_named(tmp_path):
    path = tmp_path / "fit.v2"
    result = run("fit", demo.paths()["step-0"], "-o", path, "--format", "json", "-q")
    assert result.exit_code == 0 and json.loads(path.read_text())["slices"]
    plain = tmp_path / "fit"
    assert run("fit", demo.paths()["step-0"], "-o", plain, "-q").exit_code == 0
    assert "Weibull fit" in plain.read_text()


def test_a_package_that_is_not_installed_is_told_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("weightgauge.cli.output.find_spec", lambda name: None)
    result = run("fit", tmp_path / "no-model", "-o", tmp_path / "fit.parquet")
    assert result.exit_code == 1 and "weightgauge[parquet]" in result.stderr
    assert not list(tmp_path.iterdir())


def test_pages_ask_for_nothing_that_they_do_not_show():
    """What rows were made from is looked up on the disk, for tables alone."""

    def fails():
        raise OSError("the disk is gone")

    document = replace(page("w"), provenance=fails)
    for form in ("human", "markdown", "latex", "html", "json"):
        assert written(form, document)
    with pytest.raises(OSError, match="the disk is gone"):
        written("csv", document)


def test_all_pages_say_what_to_do():
    finding = RULES["missing-head"].finding(Place(tensor="w"), value=0, expected=1, what="it is")
    document = replace(page("w"), findings=[finding])
    assert finding.hint
    for form in ("human", "markdown", "latex", "html"):
        assert finding.hint.split(";")[0] in written(form, document), form


def test_findings_with_numbers_and_words_fit_into_one_column(tmp_path):
    """`value` and `expected` are numbers for some rules and words for others."""
    parquet = pytest.importorskip("pyarrow.parquet")
    model = demo.paths()["step-last"]
    findings = wg.check(model).findings
    assert {type(each.value) for each in findings} >= {str, float}
    result = run("check", model, "-o", tmp_path / "check.parquet")
    assert result.exit_code == 0, result.output
    table = parquet.read_table(tmp_path / "check.parquet")
    assert [str(table.schema.field(name).type) for name in ("value", "expected")] == ["string"] * 2
    assert table["value"].to_pylist() == [
        None if each.value is None else str(each.value) for each in findings
    ]


@pytest.mark.parametrize(
    ("ending", "form"),
    [("txt", "human"), ("md", "markdown"), ("tex", "latex"), ("htm", "html"), ("ndjson", "jsonl")],
)
def test_an_ending_names_a_form_as_well(ending, form):
    shown = [run("demo", "--format", name).stdout for name in (ending, form)]
    assert shown[0] == shown[1] != ""


@pytest.mark.parametrize("name", ["png", "html.gz", "sarif", ""])
def test_other_endings_name_none(name):
    result = run("demo", "--format", name)
    assert result.exit_code == 2 and "is not one of" in result.stderr


def test_a_check_becomes_a_data_frame():
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    found = wg.check(demo.paths()["step-last"])
    rows = [each.id for each in found.findings]
    assert list(found.to_pandas()["id"]) == found.to_polars()["id"].to_list() == rows
