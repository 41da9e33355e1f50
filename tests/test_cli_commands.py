"""`weightgauge fit`, `ls`, `info` and `demo`, run on checkpoints."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import numpy as np
import pytest
from click.testing import CliRunner

import weightgauge as wg
from made_fits import same_as_golden
from weightgauge import demo
from weightgauge.cli import main
from weightgauge.records import columns


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)), prog_name="weightgauge")


def normal(shape, seed=0):
    values = np.random.default_rng(seed).normal(0.0, 0.02, shape).astype("<f4")
    return "F32", shape, values.tobytes()


@pytest.fixture
def small(tmp_path, write_checkpoint):
    tensors = {"model.embed_tokens.weight": normal((40, 32), 9)}
    for block in range(2):
        for i, name in enumerate(("self_attn.q_proj", "mlp.up_proj", "mlp.down_proj")):
            tensors[f"model.layers.{block}.{name}.weight"] = normal((32, 32), 3 * block + i)
    return write_checkpoint(tmp_path / "small.safetensors", tensors)


def test_fit_json_is_the_document(small):
    result = run("fit", small, "--json", "--trim", "full", "--protocol", "paper")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == wg.fit(small, trim="full", protocol="paper").to_dict()


def test_fit_csv_has_a_row_per_slice(small):
    result = run("fit", small, "--format", "csv")
    header, *rows = csv.reader(io.StringIO(result.stdout))
    assert header == [*columns(wg.SliceFit), "model", "step", "protocol", "weightgauge"]
    fitted = wg.fit(small)
    assert len(rows) == len(fitted.slices) == 7
    for row, item in zip(rows, fitted.slices, strict=True):
        cells = dict(zip(header, row, strict=True))
        assert cells["tensor"] == item.tensor
        assert cells["block"] == ("" if item.block is None else str(item.block))
        assert cells["shape"] == "x".join(map(str, item.shape))
        assert float(cells["k"]) == item.k  # no digit is lost
        assert float(cells["k_se_matrix"]) == item.k_se_matrix
        assert float(cells["spread_columns"]) == item.spread.columns
        assert cells["reason"] == cells["expert"] == ""


def test_fit_human(small):
    result = run("fit", small)
    assert (result.exit_code, result.stderr) == (0, "")
    for part in ("by block", "outside the blocks", "By kind", "ffn_in", "ffn_out", "1.2054"):
        assert part in result.stdout
    assert "model.embed_tokens.weight" in result.stdout
    assert "\x1b" not in result.stdout


def test_fit_selection_and_warnings(small):
    result = run("fit", small, "--include", "*q_proj*", "--include", "zz*", "--exclude", "*.1.*")
    assert result.exit_code == 0
    assert result.stderr == "warning: the pattern 'zz*' matches no tensor\n"
    assert run("fit", small, "--include", "*q_proj*", "--include", "zz*", "-q").stderr == ""
    nothing = run("fit", small, "--include", "zz*")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert nothing.stderr.startswith("error: none of the 7 tensors")
    assert "hint: 'weightgauge ls MODEL'" in nothing.stderr


def test_fit_options_reach_the_library(small):
    arguments = ["--exact", "--threads", "1", "--io", "pread", "--per", "tensor", "--json"]
    document = json.loads(run("fit", small, *arguments).stdout)
    assert document["exact"] is True


def test_fit_writes_files(small, tmp_path):
    target = tmp_path / "fit.json"
    first = run("fit", small, "-o", target)
    assert (first.exit_code, first.stdout, first.stderr) == (0, "", "")
    assert json.loads(target.read_text())["schema_version"] == 1
    again = run("fit", small, "-o", target)
    assert again.exit_code == 1
    assert again.stderr.splitlines()[1] == "hint: --force replaces it"
    assert run("fit", small, "-o", target, "--force", "--format", "csv").exit_code == 0
    assert target.read_text().startswith("tensor,part,kind,")
    assert run("fit", small, "-o", small, "--force").exit_code == 1
    assert len(wg.fit(small).slices) == 7


def test_existing_output_is_found_before_the_work(tmp_path):
    target = tmp_path / "fit.txt"
    target.write_text("old")
    assert "exists" in run("fit", "no/such-model-here", "-o", target).stderr


def test_fit_of_formats_without_a_decoder_exits_with_3(tmp_path, write_checkpoint):
    path = write_checkpoint(
        tmp_path / "m.safetensors",
        {"a": ("C64", (2,), bytes(16)), "b": ("I64", (2,), bytes(16)), "c": normal((16, 16))},
    )
    result = run("fit", path)
    assert result.exit_code == 3
    assert result.stderr.startswith("error: 1 of 3 tensors could not be measured")
    assert "C64" in result.stderr
    assert run("fit", path, "--exclude", "a").exit_code == 0


@pytest.mark.parametrize("others", [(), ("--exclude", "a")])
def test_so_do_scan_and_compare(others, tmp_path, write_checkpoint):
    tensors = {"b": ("I64", (2,), bytes(16)), "c": normal((16, 16)), "d": normal((16, 16))}
    whole = write_checkpoint(tmp_path / "whole.safetensors", tensors)
    tensors["a"] = ("C64", (2,), bytes(16))
    path = write_checkpoint(tmp_path / "m.safetensors", tensors)
    counts = tmp_path / "m.wghist"
    for told, arguments in (
        ("1 of 4 tensors", ("scan", path, "-o", counts)),
        ("1 of 4 tensors", ("fit", counts)),
        ("1 of 7 tensors", ("compare", whole, path)),
        ("2 of 8 tensors", ("compare", counts, path)),
    ):
        result = run(*arguments, *others)
        assert result.exit_code == (0 if others else 3), arguments
        assert (f"error: {told} could not be measured" in result.stderr) is not bool(others)


@pytest.mark.parametrize("command", ["fit", "ls"])
@pytest.mark.parametrize(
    "content", [b"", b"GGUF" + bytes(60), b"\x08\x00\x00\x00\x00\x00\x00\x00{notjson"]
)
def test_bad_files_exit_with_1(command, content, tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    result = run(command, path)
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: ")
    assert "bad.safetensors" in lines[0]
    assert lines[1].startswith("hint: ")


def test_path_that_is_not_there():
    result = run("fit", "./not/there.safetensors")
    assert result.exit_code == 1
    assert "./not/there.safetensors" in result.stderr.splitlines()[0]
    assert "org/name" in result.stderr


HOSTILE = ["\x1b]0;title\x07", "=1+1", "[bold]x[/bold]", "\u202e", "\x00", "", "x" * 3000]


@pytest.mark.parametrize("command", ["fit", "ls"])
@pytest.mark.parametrize("form", ["human", "json", "csv"])
def test_hostile_names_are_inert_everywhere(command, form, tmp_path, write_checkpoint):
    tensors = {name: normal((16, 16), i) for i, name in enumerate(HOSTILE)}
    path = write_checkpoint(tmp_path / "m.safetensors", tensors)
    result = run(command, path, "--format", form)
    assert result.exit_code == 0
    assert result.stdout.replace("\n", "").isprintable()
    if form == "json":
        rows = json.loads(result.stdout)["slices" if command == "fit" else "tensors"]
        assert {row["tensor"] for row in rows} == set(HOSTILE)
    if form == "csv":
        assert "\n=1" not in result.stdout
        assert "[bold]x[/bold]" in result.stdout


FOUND = ["architecture", "metadata", "findings", "warnings", "tensors", "totals"]


def test_ls_human(small):
    result = run("ls", small)
    assert (result.exit_code, result.stderr) == (0, "")
    text = result.stdout.replace(str(small), "small.safetensors")
    assert same_as_golden("ls.txt", text)
    assert "7 tensors, 7,424 elements, 29,696 bytes in 1 file" in text


def test_ls_json_and_csv(small):
    document = json.loads(run("ls", small, "--json").stdout)
    assert list(document) == ["schema_version", "weightgauge", "model", *FOUND]
    (tower,) = document["architecture"]["towers"]
    assert (tower["tower"], tower["hidden"], tower["blocks"], tower["heads"]) == (None, 32, 2, None)
    assert document["totals"] == {"tensors": 7, "elements": 7424, "bytes": 29696, "files": 1}
    assert document["tensors"][1] == {
        "tensor": "model.layers.0.self_attn.q_proj.weight",
        "kind": "q",
        "block": 0,
        "tower": None,
        "expert": None,
        "dtype": "F32",
        "shape": [32, 32],
        "bytes": 4096,
        "storage": None,
        "digest": None,
    }
    header, *rows = csv.reader(io.StringIO(run("ls", small, "--format", "csv").stdout))
    assert header == [*document["tensors"][0], "model", "step", "weightgauge"]
    assert rows[1][:-3] == [
        "model.layers.0.self_attn.q_proj.weight",
        "q",
        "0",
        "",
        "",
        "F32",
        "32x32",
        "4096",
        "",
        "",
    ]


def test_ls_shows_towers_and_experts_where_there_are_any(tmp_path, write_checkpoint):
    name = "encoder.block.1.layer.1.mlp.experts.expert_6.wi.weight"
    path = write_checkpoint(tmp_path / "m.safetensors", {name: normal((4, 4))})
    lines = run("ls", path).stdout.splitlines()
    assert lines[1].split() == [
        "tensor",
        "kind",
        "block",
        "tower",
        "expert",
        "dtype",
        "shape",
        "bytes",
    ]
    assert lines[3].split() == [name, "ffn_in", "1", "encoder", "6", "F32", "4x4", "64"]


def test_info():
    text = run("info").stdout
    for part in ("weightgauge", wg.__version__, "core.compiler", "core.kernels", "threads"):
        assert part in text
    document = json.loads(run("info", "--json").stdout)
    assert document["weightgauge"] == wg.__version__
    assert document["threads"] >= 1
    assert document["packages"]["numpy"] == np.__version__
    assert "compiler" in document["core"]
    placement = document["placement"]
    assert re.fullmatch(r"std::thread|OpenMP .*\(\d{6}\), .+", placement["runtime"])
    assert placement["proc_bind"] in ("false", "true", "close", "spread", "primary")
    assert all(isinstance(number, int) for place in placement["places"] for number in place)
    assert ("the system places threads" in text) == (not placement["places"])
    assert run("info", "--format", "csv").stdout.startswith("name,value\n")


def test_demo_shows_k_leaving_the_gaussian_value():
    result = run("demo")
    assert (result.exit_code, result.stderr) == (0, "")
    first, last = (wg.fit(path) for path in demo.paths().values())
    table = {
        line.split()[0]: line.split()[1:]
        for line in result.stdout.splitlines()
        if line.split() and line.split()[0] in {kind.kind for kind in first.kinds}
    }
    for before, after in zip(first.kinds, last.kinds, strict=True):
        if before.kind in ("norm", "bias", "other"):
            assert before.kind not in table
            continue
        row = table[before.kind]
        assert row[1:3] == [f"{before.k_median:.4f}", f"{after.k_median:.4f}"]
    for path in demo.paths().values():
        assert f"weightgauge fit {path}" in result.stdout


def test_demo_as_data():
    document = json.loads(run("demo", "--json").stdout)
    assert (document["schema_version"], document["weightgauge"]) == (1, wg.__version__)
    assert document["gaussian_k"] == pytest.approx(1.2054, abs=1e-4)
    paths = {step: str(path) for step, path in demo.paths().items()}
    assert document["paths"] == paths
    first, last = (wg.fit(path) for path in paths.values())
    assert [row["kind"] for row in document["kinds"]] == [
        kind.kind for kind in first.kinds if kind.kind not in ("norm", "bias", "other")
    ]
    for row in document["kinds"]:
        before, after = first[row["kind"]], last[row["kind"]]
        assert (row["k_step_0"], row["k_step_last"]) == (before.k_median, after.k_median)
        assert row["change"] == after.k_median - before.k_median
        assert row["slices"] == before.slices
        if before.slices == 1:
            errors = [
                item.k_se_matrix
                for result in (first, last)
                for item in result.slices
                if item.kind == row["kind"]
            ]
            assert row["change_se"] == pytest.approx(math.hypot(*errors))
        assert 0 < row["change_se"] < 0.06
    head, *rows = run("demo", "--format", "csv").stdout.splitlines()
    assert head == "kind,slices,k_step_0,k_step_last,change,k_se,change_se"
    assert len(rows) == len(document["kinds"])


def test_the_page_of_scan_begins_with_the_model_and_the_verdict(small, tmp_path):
    lines = run("scan", small, "-o", tmp_path / "small.wghist").stdout.splitlines()
    assert lines[0] == str(small)
    assert lines[1].startswith("No fault found")


def test_scan_as_data(small, tmp_path):
    path = tmp_path / "small.wghist"
    result = run("scan", small, "-o", path, "--include", "*", "--include", "nothing", "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    kept = wg.scan(small)
    assert document == {
        "schema_version": 1,
        "weightgauge": wg.__version__,
        "model": str(small),
        "per": "tensor",
        "file": str(path),
        "bytes": path.stat().st_size,
        "bytes_of_weights": sum(tensor.nbytes for tensor in wg.open_checkpoint(small).tensors),
        "slices": len(kept.slices),
        "verdict": "No fault found",
        "findings": [],
        "warnings": ["the pattern 'nothing' matches no tensor"],
    }
    assert "matches no tensor" in result.stderr


def test_minilm(minilm):
    result = run("fit", minilm)
    assert result.exit_code == 0
    blocks = [line for line in result.stdout.splitlines() if re.match(" +[0-9]  ", line)]
    shapes, scales = blocks[:6], blocks[6:]
    assert all(line.count("±") == 6 for line in shapes)
    assert len(scales) == 6
    assert all(len(line.split()) == 7 for line in scales)  # the block, and lambda of six kinds
    document = json.loads(run("fit", minilm, "--json").stdout)
    assert len(document["slices"]) == len(wg.open_checkpoint(minilm).tensors)
