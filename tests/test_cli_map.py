"""Maps of k: shades by distance, in colour and in letters, on terminals of any width."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from kept_models import run
from made_fits import made_fit, made_slice
from weightgauge import demo
from weightgauge.cli import main
from weightgauge.findings import RULES, Finding, Place
from weightgauge.records import Table
from weightgauge.reporting.document import Document, Section
from weightgauge.reporting.heatmap import PALETTE, SHADES, Heatmap
from weightgauge.reporting.heatmap_lines import heatmap_lines
from weightgauge.reporting.views.fit import fit_document
from weightgauge.reporting.views.fit_models import fit_models_document
from weightgauge.reporting.writers.formats import FORMATS
from weightgauge.reporting.writers.medium import Medium

ESCAPE = re.compile(r"\x1b\[(?:48;5;(\d+)|0)m")
LEVELS = st.sampled_from([None, "x", *(0.0, -0.02, 0.02, -0.07, 0.07, -0.2, 0.2, -9.0, 9.0)])


def heatmap(values, **given):
    fields = {
        "rows": [f"row{i}" for i in range(len(values))],
        "columns": [str(i) for i in range(len(values[0]))],
        "centre": 0.0,
        "limits": (0.01, 0.03, 0.1, 0.3),
        "ends": ("low", "high"),
        "marks": {"x": "no fit"},
    }
    return Heatmap(values=values, **{**fields, **given})


def map_of(text):
    """The letters of the map of a page, by kind, blanks left out."""
    lines = text.split("k by kind and block")[1].split("\n\n")[0].splitlines()[2:]
    return {line.split()[0]: "".join(line.split()[1:]) for line in lines}


def shown(result, **options):
    return FORMATS["human"].write(fit_document(result, as_map=True), Medium(**options))


# -- shades


@pytest.mark.parametrize(
    ("away", "letter"),
    [
        *((-0.5, "D"), (-0.2, "C"), (-0.05, "B"), (-0.02, "A"), (-0.005, ".")),
        *((0.0, "."), (0.005, "."), (0.02, "a"), (0.05, "b"), (0.2, "c"), (0.5, "d")),
    ],
)
def test_a_shade_tells_side_and_distance(away, letter):
    assert heatmap([[0.0]], centre=1.25).shade(1.25 + away).letter == letter


def luminance(colour):
    """WCAG 2.2: relative luminance of #rgb or #rrggbb."""
    digits = colour.lstrip("#")
    parts = [digits[i : i + 2] for i in (0, 2, 4)] if len(digits) == 6 else [2 * d for d in digits]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (int(each, 16) / 255 for each in parts)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_shades_are_told_apart_in_grey_and_by_the_colour_blind():
    assert len({shade.letter for shade in PALETTE}) == len(PALETTE) == 2 * SHADES + 1
    below, centre, above = PALETTE[:SHADES], PALETTE[SHADES], PALETTE[SHADES + 1 :]
    assert (centre.terminal, centre.colour, centre.ink) == (None, "transparent", "inherit")
    light = [luminance(shade.colour) for shade in below]
    assert light == sorted(light)
    dark = [luminance(shade.colour) for shade in above]
    assert dark == sorted(dark, reverse=True)
    for shade in (*below, *above):
        darker, lighter = sorted((luminance(shade.ink), luminance(shade.colour)))
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5
    # Red-green blindness leaves blue against red and green: the sides differ in its sign.
    for shades, sign in ((below, -1), (above, 1)):
        parts = [[int(shade.colour[i : i + 2], 16) for i in (1, 5)] for shade in shades]
        assert all(sign * (blue - red) > 0 for red, blue in parts)


def test_terminal_and_page_have_the_same_colours():
    steps = (0, 95, 135, 175, 215, 255)  # of xterm's cube of 6 x 6 x 6; then 24 steps of grey
    for shade in (*PALETTE[:SHADES], *PALETTE[SHADES + 1 :]):
        number = shade.terminal - 16
        if number < 216:
            parts = [steps[number // 36], steps[number // 6 % 6], steps[number % 6]]
        else:
            parts = [8 + 10 * (number - 216)] * 3
        assert shade.colour == "#" + "".join(f"{part:02x}" for part in parts)


# -- lines


@given(
    st.integers(1, 4).flatmap(
        lambda rows: st.integers(1, 60).flatmap(
            lambda columns: st.lists(
                st.lists(LEVELS, min_size=columns, max_size=columns), min_size=rows, max_size=rows
            )
        )
    ),
    st.integers(20, 100),
)
def test_every_value_is_shown_and_no_line_is_too_wide(values, width):
    made = heatmap(values)
    lines = heatmap_lines(made, width)
    assert max(map(len, lines)) <= width and lines == [line.rstrip() for line in lines]
    letters = {name: "" for name in made.rows}
    for line in lines:
        name, *rest = line.split() or [""]
        if name in letters:
            letters[name] += "".join(rest)
    for name, row in zip(made.rows, values, strict=True):
        wanted = [v if isinstance(v, str) else made.shade(v).letter for v in row if v is not None]
        assert letters[name] == "".join(wanted)

    coloured = heatmap_lines(made, width, colour=True)
    for plain, line in zip(lines, coloured, strict=False):
        if plain.startswith("row"):
            blocks = re.sub(r"\x1b\[48;5;(\d+)m( +)\x1b\[0m", lambda found: found[2], line)
            assert "\x1b" not in blocks and len(blocks) <= width
            colours = [int(number) for number in ESCAPE.findall(line) if number]
            by_letter = {shade.letter: shade.terminal for shade in PALETTE if shade.terminal}
            assert colours == [by_letter[c] for c in plain.split(None, 1)[-1] if c in by_letter]


@pytest.mark.parametrize(("columns", "width"), [(6, 80), (40, 80), (48, 30), (10_000, 80)])
def test_a_ruler_names_the_column_below_it(columns, width):
    made = heatmap([[0.0 if i % 7 else -9.0 for i in range(columns)]])
    lines = heatmap_lines(made, width)
    cell = 2 if 2 * columns <= width - 6 else 1
    seen = 0
    for ruler, row in zip(lines[::3], lines[1::3], strict=False):
        if not row.startswith("row0"):
            break
        for found in re.finditer(r"\d+", ruler):
            assert int(found[0]) - seen == (found.start() - 6) / cell
            at = row[found.start()]
            assert at == ("D" if int(found[0]) % 7 == 0 else ".")
        seen += len("".join(row.split()[1:]))
    assert seen == columns


def test_the_scale_stands_between_the_shades():
    plain = heatmap_lines(heatmap([[0.0]]), 80)[-2]
    assert plain == "D -0.3 C -0.1 B -0.03 A -0.01 . +0.01 a +0.03 b +0.1 c +0.3 d"
    coloured = heatmap_lines(heatmap([[0.0]]), 80, colour=True)[-2]
    limits = [word for word in ESCAPE.sub("", coloured).split() if word != "."]
    assert limits == plain.split()[1::2]
    colours = [shade.terminal for shade in PALETTE if shade.terminal]
    assert [int(number) for number in ESCAPE.findall(coloured) if number] == colours


@pytest.mark.parametrize("name", ["human", "markdown", "latex", "html"])
def test_names_in_a_map_are_inert(name):
    hostile = ["<script>", "\x1b[31m", r"\end{x}", "`*_", "\u202e"]
    made = heatmap([[0.0, None]] * 5, rows=hostile, columns=["<b>", '"'], marks={"<": "<i>"})
    text = FORMATS[name].write(Document(sections=(Section("", (made,)),)), Medium())
    assert text.replace("\n", "").isprintable()
    if name == "html":
        assert "<script>" not in text and "<b>" not in text and "&lt;script&gt;" in text
    if name == "latex":
        assert r"\end{x}" not in text


def test_a_page_tells_every_number():
    text = FORMATS["html"].write(fit_document(SIX, as_map=True), Medium())
    for item in SIX.slices:
        assert f'title="{item.kind}, block {item.block}: {item.k:.4f}"' in text
    assert "<script" not in text


# -- of fits

SIX = made_fit(
    *(
        made_slice(f"b.{block}.{kind}", kind, block, k=1.205 - 0.02 * block + shift)
        for block in range(6)
        for kind, shift in (("q", 0.0), ("ffn_out", 0.15))
    )
)


def test_the_map_of_a_fit_takes_the_place_of_its_tables_by_block():
    text = shown(SIX)
    # 1.205, 1.185, 1.165, 1.145, 1.125, 1.105 beside 1.2054, and 0.15 more.
    assert map_of(text) == {"q": ".ABBBC", "ffn_out": "cccbbb"}
    assert "Shape k ±" not in text and "Scale lambda" not in text and "By kind" in text


def test_a_map_is_centred_on_the_gaussian_k_of_its_window():
    slices = [made_slice("a", "q", 0, k=1.1511)]
    assert map_of(shown(made_fit(*slices, trim="full"))) == {"q": "."}
    assert map_of(shown(made_fit(*slices, trim="mid_80"))) == {"q": "B"}


def test_what_has_no_shade_has_a_mark():
    none = {"status": "degenerate", "reason": "all magnitudes are equal"}
    pruned = {"n": 3000, "zeros": 1096, "status": "sparse"}
    result = made_fit(
        made_slice("a.0", "q", 0),
        made_slice("a.1", "q", 1, **none),
        made_slice("a.2", "q", 2, **pruned),
        made_slice("b.0", "k", 0),
        made_slice("b.2", "k", 2),
    )
    text = shown(result)
    assert map_of(text) == {"q": ".x~", "k": ".."}
    assert "x: no fit." in text and "~: on a grid or pruned" in " ".join(text.split())
    assert "x: no fit." not in shown(SIX)


def test_a_fault_has_a_mark_that_no_shade_hides():
    fault = RULES["all-zero"].finding(Place(tensor="a.1"), value=1, what="a.1", count=1)
    slices = [made_slice(f"a.{i}", "q", i) for i in range(40)]
    result = replace(made_fit(*slices), findings=Table(Finding, [fault]))
    text = shown(result)
    assert map_of(text) == {"q": ".!" + 38 * "."}
    assert "!: a fault was found, which is told above." in " ".join(text.split())
    assert ">!</td>" in FORMATS["html"].write(fit_document(result, as_map=True), Medium())
    grid = heatmap([[1.2, "!", 9.0, None]], never_lost="!")
    assert [grid.joined(each).values[0] for each in (2, 1)] == [["!", 9.0], ["!"]]


def test_experts_have_one_shade_and_towers_a_map_each():
    experts = [made_slice(f"e.{i}", "up", 0, expert=i, k=k) for i, k in enumerate((1.0, 1.2, 9.0))]
    assert map_of(shown(made_fit(*experts))) == {"up": "."}  # that of the median
    towers = [made_slice(t, "q", 0, tower=t) for t in ("encoder", "decoder")]
    text = shown(made_fit(*towers))
    assert "encoder: k by kind and block" in text and "decoder: k by kind and block" in text


def test_models_without_blocks_and_with_ten_thousand():
    assert "no matrix that was measured is in a block" in shown(made_fit(made_slice("w", "q")))
    deep = made_fit(*(made_slice(f"b.{i}", "q", i, k=1.2 - i / 1e5) for i in range(10_000)))
    text = FORMATS["human"].write(fit_document(deep, as_map=True), Medium(width=20))
    assert max(map(len, text.splitlines())) <= 20
    rows = text.split("By kind")[0].splitlines()
    letters = "".join(line.split()[1] for line in rows if line.startswith("q  "))
    # 1.2 - i/1e5 is within 0.01 of 1.205434 up to i = 456.
    assert letters == "." * 457 + "A" * 2000 + "B" * 7000 + "C" * 543


def test_several_models_have_a_map_each():
    document = fit_models_document(["one", "two"], [SIX, SIX], as_map=True, top=2)
    text = FORMATS["human"].write(document, Medium())
    assert "one: k by kind and block" in text and "two: k by kind and block" in text
    assert text.count(": 2 of 12") == 2


# -- options of commands


def names_of(result):
    table = result.stdout.split("What moved most")[-1].split("Notes\n")[0]
    return re.findall(r"^(\S+\.weight) +\w", table, re.MULTILINE)


@pytest.fixture(scope="module")
def model():
    return demo.paths()["step-last"]


def test_the_matrices_furthest_from_gaussian_weights(model):
    import weightgauge as wg

    away = sorted(wg.fit(model).matrices, key=lambda item: -abs(item.k - 1.2054343))
    found = run("fit", model, "--top", 5, "--wide", "-q")
    assert names_of(found) == [item.tensor for item in away[:5]]
    assert "Shape k" not in found.stdout


def test_kinds_are_chosen_for_tables_and_data(model, tmp_path):
    import json

    for command in (["fit"], ["diagnose"], ["compare", model], ["track", "--steps", "0"]):
        found = json.loads(run(*command, model, "--kind", "q", "--kind", "up", "--json").stdout)
        rows = found["pairs" if command[0] == "compare" else "slices"]
        assert {row["kind"] for row in rows} == {"q", "up"}, command
    whole, part = (json.loads(run("fit", model, *kind, "--json").stdout) for kind in ((), KIND))
    assert part["findings"] == whole["findings"]
    assert part["slices"] == [row for row in whole["slices"] if row["kind"] == "q"]


KIND = ("--kind", "q")


@pytest.mark.parametrize("command", ["fit", "diagnose", "track --steps 0"])
def test_a_kind_that_is_not_there_is_one_error(command, model):
    result = run(*command.split(), model, "--kind", "kv_b")
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.match(r"error: none of the \d+ slices is of the kind kv_b\n", result.stderr)


def test_rows_that_are_left_out_are_told_and_shown_on_request(model):
    first = demo.paths()["step-0"]
    usual = run("compare", first, model)
    more = re.search(r"\.\.\. and (\d+) more: --top (\d+) or -v shows them", usual.stdout)
    assert more and int(more[2]) == 20 + int(more[1])
    few = run("compare", first, model, "--top", 2)
    assert f"... and {int(more[2]) - 2} more" in few.stdout
    every = run("compare", first, model, "-v")
    assert "more: --top" not in every.stdout
    assert len(names_of(every)) > len(names_of(usual)) > len(names_of(few)) == 2


def test_options_that_change_nothing_in_a_form_for_programs_say_so(model):
    usual = run("fit", model, "--format", "csv")
    found = run("fit", model, "--top", "2", "--map", "--format", "csv")
    assert found.exit_code == 0 and found.stdout == usual.stdout
    assert "--map and --top changed nothing: csv has every row" in found.stderr
    assert "changed nothing" not in usual.stderr
    assert "changed nothing" not in run("fit", model, "--top", "2", "--format", "html").stderr
    assert run("fit", model, "--top", "2", "--format", "json", "-q").stderr == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ls", "--top", "2"], "--top"),
        (["diagnose", "--top", "2", "--spread"], "--spread and --top"),
        (["compare", demo.paths()["step-0"], "--top", "2"], "--top"),
    ],
)
def test_every_command_says_which_options_change_nothing(model, words, told):
    asked = [word for word in words if word not in ("--top", "2", "--spread")]
    usual = run(*asked, model, "--format", "csv")
    found = run(*words, model, "--format", "csv")
    assert found.stdout == usual.stdout and found.exit_code == usual.exit_code
    assert f"{told} changed nothing: csv has every row" in found.stderr
    assert "changed nothing" not in usual.stderr
    assert "changed nothing" not in run(*words, model).stderr


def test_wide_tables_are_not_cut(model):
    narrow = CliRunner(env={"COLUMNS": "40"})
    arguments = ["compare", str(model), str(demo.paths()["step-0"]), "-q"]
    assert max(map(len, narrow.invoke(main, arguments).stdout.splitlines()[5:])) <= 40
    assert narrow.invoke(main, [*arguments, "--wide"]).stdout == run(*arguments).stdout


def test_the_largest_tensors_are_listed(model):
    import json

    whole = json.loads(run("ls", model, "--json").stdout)["tensors"]
    found = run("ls", model, "--top", 4)
    largest = sorted(whole, key=lambda row: -row["bytes"])[:4]
    assert re.findall(r"^(\S+\.weight) ", found.stdout, re.MULTILINE) == [
        row["tensor"] for row in largest
    ]
    assert f"{len(whole)} tensors" in found.stdout
    assert json.loads(run("ls", model, "--top", 4, "--json").stdout)["tensors"] == whole


def at_a_terminal(columns, **environment):
    """What `fit --map` writes to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    model = str(demo.paths()["step-last"])
    kept = {name: each for name, each in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    program = subprocess.Popen(
        [sys.executable, "-m", "weightgauge", "fit", model, "--map", "-q"],
        stdout=theirs,
        env={**kept, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    text = b""
    with contextlib.suppress(OSError):  # the terminal is closed
        while piece := os.read(ours, 65536):
            text += piece
    os.close(ours)
    assert program.wait() == 0
    return text.decode().replace("\r\n", "\n")


def test_a_terminal_gets_blocks_of_colour_unless_it_is_asked_not_to():
    coloured = at_a_terminal(80)
    plain = at_a_terminal(80, NO_COLOR="1")
    blocks = sum(letter != "." for row in map_of(plain).values() for letter in row)
    found = [number for number in ESCAPE.findall(coloured) if number]
    assert len(found) == blocks + 2 * SHADES and blocks > 10
    assert "\x1b" not in plain
    assert map_of(plain) == map_of(run("fit", demo.paths()["step-last"], "--map", "-q").stdout)
    assert "\x1b" not in at_a_terminal(80, TERM="dumb")


def test_a_terminal_of_twenty_columns_without_utf_8():
    text = at_a_terminal(
        20, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="", NO_COLOR="1"
    )
    lines = text.split("k by kind")[1].split("By kind")[0].splitlines()
    assert text.isascii() and max(map(len, lines)) <= 20
    usual = map_of(run("fit", demo.paths()["step-last"], "--map", "-q").stdout)
    shown = {line.split()[0]: "".join(line.split()[1:]) for line in lines if line}
    assert {kind: shown[kind] for kind in usual} == usual


def test_quiet_and_verbose_contradict_each_other(model):
    result = run("fit", model, "-q", "-v")
    assert result.exit_code == 2 and "contradict" in result.stderr
