"""Documents of all commands: written in every form, and laid out on terminals of any width."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from diagnosed import GAUSSIAN, OLMO, write_model
from weightgauge.cli import main
from weightgauge.cli.output import Output, choose_format
from weightgauge.errors import printable
from weightgauge.findings import Finding
from weightgauge.reporting.document import (
    Document,
    DocumentTable,
    Line,
    Paragraph,
    Section,
    Verbatim,
)
from weightgauge.reporting.terminal_text import cells
from weightgauge.reporting.writers.formats import DEFAULT, FORMATS, Format, offered
from weightgauge.reporting.writers.medium import Medium
from weightgauge.reporting.writers.text import write as write_text

WIDTHS = (40, 80, 120, 200)


def run_of(folder, model):
    """A run of one step."""
    run = folder / f"run-{model.name}"
    run.mkdir()
    (run / "step-500").symlink_to(model)
    (run / "weightgauge.toml").write_text("[training]\nlr = 0.001\nweight_decay = 0.1\n")
    return run


@pytest.fixture(scope="module")
def documents(tmp_path_factory, write_checkpoint):
    """The documents that commands hand over for a model of six blocks, by command line."""
    folder = tmp_path_factory.mktemp("models")
    a = write_model(folder / "a", write_checkpoint, OLMO)
    b = write_model(folder / "b", write_checkpoint, OLMO | {"q": GAUSSIAN, "down": 0.9})
    commands = (
        f"ls {a}",
        f"fit {a}",
        f"fit {a} --per head --trim full",
        f"diagnose {a} --lr 1e-3 --weight-decay 0.1 --steps 10000",
        f"diagnose {a} --baseline {b} --balanced",
        f"compare {a} {b}",
        f"fit {a} {b}",
        f"track {a} {b} --steps 0,500 --lr 1e-3 --weight-decay 0.1 --schedule constant",
        f"scaling {run_of(folder, a)} {run_of(folder, b)} --optimizer adamw --schedule constant",
        "reproduce",
        f"reproduce --model {a} --entry olmo-1-7b",
        f"scan {a} -o {folder / 'a.wghist'}",
        "info",
        "demo",
    )
    found = {}
    write = Output.write

    def kept(output, document, **shaping):
        found[command] = document
        write(output, document, **shaping)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Output, "write", kept)
        for command in commands:
            result = CliRunner().invoke(main, command.split(), prog_name="weightgauge")
            assert result.exit_code == 0, result.stderr
    assert list(found) == list(commands)
    return found


@pytest.mark.parametrize("width", [width for width in WIDTHS if width >= 80])
def test_no_line_is_wider_than_the_terminal(documents, width):
    for command, document in documents.items():
        to_copy = {part.text for part in document.notes if isinstance(part, Verbatim)}
        for line in write_text(document, Medium(width=width)).splitlines():
            one_word = len(line.split()) <= 2 and line.startswith(("a: ", "b: ", "/"))
            assert cells(line) <= width or line in to_copy or one_word, (command, line)


@pytest.mark.parametrize("width", [80, 120])
def test_text_in_ascii_is_spelled_so_before_it_is_laid_out(documents, width):
    for command, document in documents.items():
        to_copy = {part.text for part in document.notes if isinstance(part, Verbatim)}
        for line in write_text(document, Medium(width=width, plain=True)).splitlines():
            one_word = len(line.split()) <= 2 and line.startswith(("a: ", "b: ", "/"))
            assert line.isascii(), (command, line)
            assert len(line) <= width or line in to_copy or one_word, (command, line)


@pytest.mark.parametrize("charset", ["ascii", "latin-1"])
def test_the_encoding_of_a_stream_decides_on_the_spelling(documents, charset):
    (command,) = (name for name in documents if name.startswith("track "))
    runner = CliRunner(charset=charset, env={"COLUMNS": "80"})
    result = runner.invoke(main, command.split())
    wanted = write_text(documents[command], Medium(width=80, plain=True))
    assert result.stdout_bytes.decode("ascii") == wanted


@pytest.mark.parametrize("width", WIDTHS)
def test_every_number_is_whole(documents, width):
    for command, document in documents.items():
        text = write_text(document, Medium(width=width))
        lines = text.splitlines()
        for table in tables(document):
            left_out = [
                title
                for line in re.findall(r"No room for ([^:]*): --json", " ".join(lines))
                for title in line.split(", ")
            ]
            for column in table.columns:
                if column.title in left_out or column.may_shorten or column.may_wrap:
                    continue
                if column.picture and not re.search(rf"{column.title}$", text, re.MULTILINE):
                    continue
                for shown in {column.text(row.get(column.key)) for row in table.rows} - {""}:
                    whole = rf"(?:^| ){re.escape(shown)}(?: |$)"
                    assert re.search(whole, text, re.MULTILINE), (command, column.key, shown)


def tables(document):
    return [
        part
        for section in document.sections
        for part in section.parts
        if isinstance(part, DocumentTable)
    ]


def test_names_and_phrases_alone_may_be_shortened_or_broken(documents):
    for command, document in documents.items():
        for table in tables(document):
            for column in table.columns:
                if column.may_shorten or column.may_wrap:
                    values = {type(row.get(column.key)) for row in table.rows}
                    assert values <= {str, type(None)}, (command, column.key)


def test_nothing_is_cut_off_without_a_terminal(documents):
    for document in documents.values():
        text = write_text(document, Medium())
        assert "…" not in text and "No room" not in text
        for table in tables(document):
            for row in table.rows:
                assert printable(str(row.get("tensor", ""))) in text


def test_every_command_says_something_on_a_wide_terminal_as_in_a_pipe(documents):
    for document in documents.values():
        assert write_text(document, Medium(width=100_000)).split() == (
            write_text(document, Medium()).split()
        )


def test_rows_have_what_columns_ask_for(documents):
    for command, document in documents.items():
        for table in tables(document):
            for column in table.columns:
                assert any(column.key in row for row in table.rows), (command, column.key)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_width_of_the_terminal_reaches_the_writer(documents, width):
    (command,) = (name for name in documents if name.startswith("ls "))
    result = CliRunner(env={"COLUMNS": str(width)}).invoke(main, command.split())
    assert result.stdout == write_text(documents[command], Medium(width=width))


def test_what_to_look_at_has_the_level_of_its_rule(documents):
    (document,) = (
        found for name, found in documents.items() if name.startswith("diagnose") and "--lr" in name
    )
    told = {(finding.id, finding.level) for finding in document.findings}
    assert ("kind-unusual", "note") in told
    assert {level for _, level in told} <= {"fault", "warning", "note"}


# -- text


MADE = Document(
    title="model",
    sections=(
        Section("", (Line("first"),)),
        Section("Second", (Paragraph("word " * 30 + "end"),), notes=("why",)),
        Section("", (Line("third"),)),
    ),
    findings=[
        *(Finding(id="rule", level="warning", message=f"finding {i}") for i in range(14)),
        Finding(id="other", level="note", message="well"),
    ],
    summary=("all is well",),
    notes=(Paragraph("how to read it"), Verbatim("  a command")),
)


def test_a_whole_document_as_text():
    lines = write_text(MADE, Medium()).splitlines()
    assert lines[:2] == ["model", "No fault found; 14 warnings, 1 note"]
    assert lines[2:14] == [f"warning  rule  finding {i}" for i in range(12)]
    assert lines[14:18] == ["... and 2 more: -v shows them", "first", "", "Second"]
    assert [len(line) for line in lines[18:20]] == [99, 53]
    assert lines[20:24] == ["", "why", "", "third"]
    assert lines[24:27] == ["", "Notes", "note  other  well"]
    assert lines[27:] == ["", "Summary", "- all is well", "", "how to read it", "  a command"]


def test_all_findings_are_told_where_everything_is_wanted():
    lines = write_text(MADE, Medium(everything=True)).splitlines()
    assert lines[2:17] == [*(f"warning  rule  finding {i}" for i in range(14)), "first"]


def test_notes_are_left_out_where_only_the_result_is_wanted():
    text = write_text(MADE, Medium(notes=False))
    assert "why" not in text and "how to read it" not in text and "a command" not in text
    assert text.endswith("\n- all is well\n")


def test_headings_and_levels_alone_have_colour():
    lines = write_text(MADE, Medium(colour=True, width=80)).splitlines()
    coloured = [line for line in lines if "\x1b" in line]
    yellow = "\x1b[33m{}\x1b[0m"
    assert [line for line in coloured if "\x1b[33m" not in line] == [
        f"\x1b[1m{text}\x1b[0m" for text in ("model", "Second", "Notes", "Summary")
    ]
    assert [line for line in coloured if "\x1b[33m" in line] == [
        yellow.format("No fault found; 14 warnings, 1 note"),
        *(f"{yellow.format('warning  rule')}  finding {i}" for i in range(12)),
    ]


def test_names_in_sentences_are_shortened_only_where_they_are_wider_than_the_terminal():
    name = "layers." * 20 + "weight"
    document = Document(sections=(Section("", (Paragraph(f"Only in b: {name}."), Line(name))),))
    assert name in write_text(document, Medium())
    assert name in write_text(document, Medium(width=200))
    lines = write_text(document, Medium(width=80)).splitlines()
    assert [cells(line) for line in lines] == [10, 80, 80]
    assert lines[1].endswith("layers.weight.") and "…" in lines[1]


def test_an_empty_document_is_no_text():
    assert write_text(Document(), Medium(width=80, colour=True)) == ""


# -- formats


def test_options_offer_the_forms_of_the_table():
    for name in ("fit", "diagnose", "compare", "ls", "reproduce", "info", "demo"):
        command = main.get_command(None, name)
        (option,) = (each for each in command.params if each.name == "asked_format")
        assert list(option.type.choices) == offered(findings=False)
    (option,) = (
        each for each in main.get_command(None, "check").params if each.name == "asked_format"
    )
    assert list(option.type.choices) == list(FORMATS) == offered(findings=True)
    assert DEFAULT in FORMATS


def test_every_form_is_found_by_its_endings():
    for name, form in FORMATS.items():
        for suffix in form.suffixes:
            path = f"some/fit{suffix.upper()}"
            assert choose_format(None, json=False, path=path, findings=True) == name
            if form.findings_only:
                with pytest.raises(click.UsageError, match=re.escape(suffix.upper())):
                    choose_format(None, json=False, path=path)
            else:
                assert choose_format(None, json=False, path=path) == name
    assert choose_format(None, json=False, path="some.csv/fit") == DEFAULT
    assert choose_format(None, json=False, path=".json") == DEFAULT


@pytest.mark.parametrize("content", ["größe\n", b"\x1f\x8b\x00"])
def test_a_form_more_is_a_row_more(content, tmp_path, monkeypatch, capfdbinary):
    writer = SimpleNamespace(write=lambda document, medium: content)
    monkeypatch.setitem(sys.modules, "a_new_writer", writer)
    monkeypatch.setitem(FORMATS, "new", Format((".csv.new",), "a_new_writer"))
    path = tmp_path / "fit.csv.new"
    assert choose_format(None, json=False, path=str(path)) == "new"
    Output("new", str(path), force=False, quiet=False).write(Document())
    Output("new", None, force=False, quiet=False).write(Document())
    expected = content if isinstance(content, bytes) else content.encode()
    assert path.read_bytes() == capfdbinary.readouterr().out == expected


def test_warnings_are_told_beside_the_result(capsys):
    document = Document(title="t", warnings=("odd", "odder"))
    Output(DEFAULT, None, force=False, quiet=False).write(document)
    assert capsys.readouterr() == ("t\n", "warning: odd\nwarning: odder\n")
    Output(DEFAULT, None, force=False, quiet=True).write(document)
    assert capsys.readouterr() == ("t\n", "")
