"""Tables on terminals of any width: nothing too wide, and every number whole."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kept_models import run
from report_pages import sick_model
from weightgauge import demo
from weightgauge.reporting import table_layout, terminal_text
from weightgauge.reporting.document import Column, Document, DocumentTable, Estimate, Section
from weightgauge.reporting.table_layout import table_lines
from weightgauge.reporting.terminal_text import (
    all_padded,
    cells,
    most_cells,
    shortened,
    shortened_names,
    wrapped,
)
from weightgauge.reporting.writers.formats import FORMATS
from weightgauge.reporting.writers.medium import Medium


def laid_out(table, width):
    return list(table_lines(table, width))


NAMES = [
    "model.layers.{}.self_attn.q_proj.weight",
    "model.layers.{}.mlp.experts.12.down_proj.weight",
    "encoder.block.{}.größe.層.weight",
    "w{}",
]


def named(number):
    return NAMES[number % len(NAMES)].format(number)


def models(rows, *, drop=False):
    """A table with names, phrases and numbers."""
    columns = (
        Column(key="tensor", identifies=True, may_shorten=True),
        Column(key="block", right=True),
        Column(key="k", heading="k ± s.e.", form=".4f", right=True),
        Column(key="z", form="+.1f", right=True, follows=True),
        Column(key="bytes", form=",", right=True, drop=2 if drop else None),
        Column(key="r2", heading="R2", form=".4f", right=True, drop=1 if drop else None),
        Column(key="claim", may_wrap=True, drop=3 if drop else None),
    )
    return DocumentTable(
        columns,
        [
            {
                "tensor": named(i),
                "block": i,
                "k": Estimate(1.2 + i / 7, 0.01),
                "z": i - 5.5,
                "bytes": 10**i,
                "r2": 1 / (i + 1),
                "claim": f"the figure {i}.{i} lies between {i}.25 and {i + 1}.75",
            }
            for i in range(rows)
        ],
    )


def has_whole(lines, text):
    return any(re.search(rf"(?:^| ){re.escape(text)}(?: |$)", line) for line in lines)


# -- one line


@given(st.text(st.characters(exclude_categories=("C", "Z"))), st.integers(1, 60))
def test_a_shortened_text_fits(text, width):
    short = shortened(text, width)
    assert cells(short) <= max(width, 1)
    assert short == text if cells(text) <= width else "…" in short


@given(st.lists(st.integers(0, 9999), max_size=8), st.integers(1, 60), st.sampled_from([0.3, 0.6]))
def test_numbers_in_a_shortened_name_are_whole_or_gone(numbers, width, head):
    name = ".".join(f"part.{number}" for number in numbers)
    left = list(map(int, re.findall(r"\d+", shortened(name, width, head=head))))
    remaining = iter(numbers)
    assert all(number in remaining for number in left)  # in their order, and no other number


def test_names_of_a_column_stay_different_where_they_can():
    alike = [f"encoder.layer.{i}.attention.output.dense.weight" for i in range(12)]
    assert len(set(shortened_names(alike, 30))) == 12
    ends = [f"model.decoder.blocks.mixer.{part}" for part in ("in_proj", "out_proj", "norm")]
    assert len(set(shortened_names(ends, 20))) == 3


@given(st.lists(st.text(st.sampled_from("ab±層.1"), min_size=1), min_size=1), st.integers(1, 30))
def test_wrapping_breaks_between_words_only(words, width):
    lines = wrapped(" ".join(words), width)
    assert " ".join(lines).split() == " ".join(words).split()
    assert all(cells(line) <= width or " " not in line for line in lines)


@pytest.mark.parametrize("width", range(1, 60))
def test_a_number_is_never_parted_from_its_unit(width):
    sentence = "Drift is undecided at 95 %: q, k (of 1,024 MB), and 12.5 % of v; it took 3 ms, 2 s."
    lines = wrapped(sentence, width)
    assert " ".join(lines) == sentence
    for together in ("95 %:", "1,024 MB),", "12.5 %", "3 ms,", "2 s."):
        assert any(together in line for line in lines)
    assert all(cells(line) <= max(width, cells("1,024 MB),")) or " " not in line for line in lines)


def test_words_that_only_look_like_units_are_parted():
    assert wrapped("q % of it", 2) == ["q", "%", "of", "it"]
    assert wrapped("12 steps", 4) == ["12", "steps"]


# -- tables


def test_without_a_terminal_nothing_is_shortened():
    lines = laid_out(models(12), None)
    assert len(lines) == 14
    for i in range(12):
        assert named(i) in lines[2 + i] and "…" not in lines[2 + i]


@pytest.mark.parametrize("drop", [False, True])
@given(width=st.integers(50, 240), rows=st.integers(1, 12))
def test_no_line_is_wider_than_the_terminal(drop, width, rows):
    assert max(map(cells, laid_out(models(rows, drop=drop), width))) <= width


@given(st.integers(20, 240))
def test_no_number_is_pushed_over_the_edge_of_a_narrow_terminal(width):
    """Not by names, headings of several words, columns that belong together, or words beside it."""
    table = DocumentTable(
        (
            Column(key="kind", identifies=True),
            Column(key="dk", heading="change of k", form="+.4f", right=True),
            Column(key="z", heading="in standard errors", form="+.1f", right=True, follows=True),
            Column(key="state", heading="like Gaussian?"),
            Column(key="tail", heading="heavier tail", hide_empty=True),
        ),
        [
            {
                "kind": kind,
                "dk": Estimate(-0.5, 0.0625),
                "z": 14.0,
                "state": "too close to call",
                "tail": "exponential",
            }
            for kind in ("ffn_in", "ffn_out")
        ],
    )
    lines = laid_out(table, width)
    assert max(map(cells, lines)) <= width
    assert has_whole(lines, "-0.5000±0.0625") and has_whole(lines, "+14.0")
    assert has_whole(lines, "exponential")
    names = [word for line in lines for word in line.split(" ") if word.startswith("f")]
    assert len(set(names)) >= 2  # told apart, however short


def test_headings_are_broken_only_where_there_is_no_room():
    table = DocumentTable(
        (
            Column(key="kind", identifies=True),
            Column(key="k", heading="k after long training", form=".4f", right=True),
        ),
        [{"kind": "gate", "k": 1.25}],
    )
    assert laid_out(table, 27)[0] == "kind  k after long training"
    assert laid_out(table, 20) == [
        "       k after",
        "          long",
        "kind  training",
        "----  --------",
        "gate    1.2500",
    ]


@pytest.mark.parametrize("drop", [False, True])
@given(width=st.integers(30, 240), rows=st.integers(1, 12))
def test_every_number_is_whole(drop, width, rows):
    table = models(rows, drop=drop)
    lines = laid_out(table, width)
    told = re.findall(r"No room for (.*): --json", " ".join(lines))
    dropped = told[0].split(", ") if told else []
    assert bool(dropped) <= drop
    for column in table.columns:
        if column.title in dropped or column.may_shorten or column.may_wrap:
            continue
        for row in table.rows:
            assert has_whole(lines, column.text(row[column.key])), (column.key, row)


def test_columns_are_dropped_in_their_order():
    def dropped(width):
        last = laid_out(models(12, drop=True), width)[-1]
        return last.split(": ")[0] if "No room" in last else ""

    told = dict.fromkeys(dropped(width) for width in range(240, 60, -1))
    order = ["", "No room for R2", "No room for bytes, R2", "No room for bytes, R2, claim"]
    assert list(told) == order


def test_a_table_that_continues_repeats_what_its_rows_are_about():
    lines = laid_out(models(3), 60)
    headings = [line for line in lines if line.startswith("tensor")]
    assert len(headings) > 1
    assert lines.count("") == len(headings) - 1
    assert "No room" not in "".join(lines)
    shown = [word for line in headings for word in re.split(r"\s{2,}", line)[1:]]
    assert shown == ["block", "k ± s.e.", "z", "bytes", "R2", "claim"]


@given(st.integers(30, 160))
def test_columns_that_belong_together_are_not_parted(width):
    headings = [line for line in laid_out(models(4), width) if line.startswith("tensor")]
    assert all(("k ± s.e." in line) == ("  z" in line) for line in headings)


def test_phrases_are_broken_between_words():
    claims = DocumentTable(
        (Column(key="id", identifies=True), Column(key="claim", may_wrap=True)),
        [{"id": "a", "claim": "k lies between 1.18 and 1.21 in all of them"}, {"id": "b"}],
    )
    assert laid_out(claims, 20) == [
        "id  claim",
        "--  ----------------",
        "a   k lies between",
        "    1.18 and 1.21 in",
        "    all of them",
        "b",
    ]


def test_a_column_without_values_is_hidden_only_if_it_may_be():
    columns = (Column(key="a"), Column(key="b"), Column(key="c", hide_empty=True))
    (heading, *_) = laid_out(DocumentTable(columns, [{"a": 1, "b": None, "c": None}]), None)
    assert heading.split() == ["a", "b"]


def test_missing_values_are_shown_as_nothing():
    column = Column(key="a", form="+.1f", unit="x")
    assert [column.text(value) for value in (None, float("nan"), 0.0, -1)] == [
        *("", ""),
        *("+0.0 x", "-1.0 x"),
    ]
    nan = float("nan")
    assert format(Estimate(nan, nan), ".2f") == ""
    assert format(Estimate(1.5, nan), "+.2f") == "+1.50"
    assert format(Estimate(1.5, 0.25), "+.2f") == "+1.50±0.25"


@pytest.mark.parametrize("width", [None, 80, 200])
def test_a_long_table_takes_a_few_steps_for_each_cell(width, monkeypatch):
    rows, steps = 20_000, 0

    def counting(function):
        def counted(*arguments, **options):
            nonlocal steps
            steps += 1
            return function(*arguments, **options)

        return counted

    for module, name in (
        (table_layout, "cells"),
        (table_layout, "padded"),
        (terminal_text, "shortened"),
        (terminal_text, "_beginning"),
    ):
        monkeypatch.setattr(module, name, counting(getattr(module, name)))
    columns = (
        Column(key="tensor", form=counting(str), identifies=True, may_shorten=True),
        Column(key="shape", form=counting(str)),
        Column(key="bytes", form=counting(str), right=True, drop=1),
    )
    row = {"shape": "4096x4096", "bytes": 33_554_432}
    table = DocumentTable(
        columns,
        [{"tensor": f"model.layers.{i}.{'mlp.' * 15}weight", **row} for i in range(rows)],
    )
    lines = laid_out(table, width)
    assert len(lines) == rows + 2
    # Three for each cell: to text, its width, its padding; names are shortened three times at most.
    assert steps <= rows * (4 * len(columns) + 9)


@given(st.lists(st.text("a5±漢\u0301", max_size=6), max_size=5), st.booleans())
def test_texts_of_a_column_are_measured_and_padded_as_each_alone(texts, right):
    assert most_cells(texts) == max(map(cells, texts), default=0)
    for text, padded in zip(texts, all_padded(texts, 5, right=right), strict=True):
        space = " " * (5 - cells(text))
        assert padded == (space + text if right else text + space)


def test_cells_are_those_of_the_characters():
    """Two for wide ones and none for accents, by the tables of Unicode."""
    for text in ("±", "\u02ff", "\u0300", "é", "e\u0301", "層", "a±層\u0301"):
        widths = {"F": 2, "W": 2}
        expected = sum(
            0 if unicodedata.combining(each) else widths.get(unicodedata.east_asian_width(each), 1)
            for each in text
        )
        assert cells(text) == expected
    below = map(chr, range(0x300))
    assert all(
        not unicodedata.combining(each) and unicodedata.east_asian_width(each) not in "WF"
        for each in below
    )


# -- whole results

STEPS = demo.paths()["step-0"].parent
RUNS = Path(__file__).parent / "runs"


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        *((STEPS, "fit step-last"), (STEPS, "fit step-0 --map"), (STEPS, "ls step-0")),
        *((STEPS, "diagnose step-last"), (STEPS, "compare step-0 step-last")),
        *((RUNS, "track wd-2"), (None, "check sick")),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_results_fit_a_terminal_of_20_columns(
    folder, command, tmp_path, write_checkpoint, monkeypatch
):
    if folder is None:
        folder = sick_model(tmp_path / "sick", write_checkpoint).parent
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "20")
    lines = run(*command.split()).stdout.splitlines()
    assert [line for line in lines if cells(line) > 20] == []
    assert len(lines) > 20


@pytest.mark.parametrize("form", ["human", "markdown", "html"])
def test_a_picture_is_explained_where_it_is_shown(form):
    """The table is 4 + 2 + 5 cells wide with its picture."""
    columns = (
        Column(key="kind", identifies=True),
        Column(key="drawn", hide_empty=True, picture=True, note="drawn is a line"),
    )
    for rows, width, told in (
        ([{"kind": "q", "drawn": "▁█"}], None, True),
        ([{"kind": "q", "drawn": "▁█"}], 11, True),
        ([{"kind": "q", "drawn": "▁█"}], 10, form != "human"),
        ([{"kind": "q", "drawn": None}], None, False),
    ):
        document = Document(sections=(Section("", (DocumentTable(columns, rows),)),))
        shown = FORMATS[form].write(document, Medium(width=width))
        assert ("drawn is a line" in " ".join(shown.split())) is told
        silent = FORMATS[form].write(document, Medium(width=width, notes=False))
        assert "drawn is a line" not in silent
