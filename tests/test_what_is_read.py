"""No command writes its result over a file that it reads, under whatever name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import weightgauge
from builders import Tensor, sharded_files, write_files
from weightgauge.cli.group import main
from weightgauge.errors import OutputError

INDEX = "model.safetensors.index.json"


def matrix(seed: int) -> Tensor:
    values = np.random.default_rng(seed).standard_normal((64, 64)).astype("<f4")
    return ("F32", [64, 64], values.tobytes())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    names = [f"model.layers.{block}.mlp.up_proj.weight" for block in range(2)]
    shards = {
        f"model-0000{i + 1}-of-00002.safetensors": {name: matrix(i)} for i, name in enumerate(names)
    }
    files = sharded_files(shards)
    files["adapter_config.json"] = b"{}"
    files["trainer_state.json"] = b'{"global_step": 3}'
    files["rules.toml"] = b""
    return write_files(tmp_path / "model", files)


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def refused(*arguments: str | Path) -> str:
    done = CliRunner().invoke(main, [str(each) for each in arguments])
    assert done.exit_code == 1, done.output
    assert "replaced" in done.stderr
    return done.stderr


@pytest.fixture
def no_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    def scanned(*_: object, **__: object) -> None:
        raise AssertionError("weights were read before the result was refused")

    monkeypatch.setattr("weightgauge._core.scan_files", scanned)


@pytest.mark.usefixtures("no_scan")
@pytest.mark.parametrize("name", [INDEX, "config.json", "adapter_config.json"])
@pytest.mark.parametrize("command", ["fit", "diagnose", "check", "ls"])
def test_files_of_the_checkpoint_are_kept(model: Path, command: str, name: str) -> None:
    before = contents(model)
    refused(command, model, "-o", model / name, "--force", "--format", "json")
    assert contents(model) == before


def other_spelling(path: Path, beside: Path) -> Path:
    del beside
    return path.parent / ".." / path.parent.name / path.name


def symbolic_link(path: Path, beside: Path) -> Path:
    beside.symlink_to(path)
    return beside


def hard_link(path: Path, beside: Path) -> Path:
    os.link(path, beside)
    return beside


@pytest.mark.usefixtures("no_scan")
@pytest.mark.parametrize("other_name", [other_spelling, symbolic_link, hard_link])
@pytest.mark.parametrize("name", ["config.json", "model-00001-of-00002.safetensors"])
def test_other_names_of_a_file_that_is_read(
    model: Path, tmp_path: Path, name: str, other_name: Callable[[Path, Path], Path]
) -> None:
    before = contents(model)
    refused("fit", model, "-o", other_name(model / name, tmp_path / "x.json"), "--force")
    assert contents(model) == before


@pytest.mark.usefixtures("no_scan")
def test_second_model_of_a_comparison(model: Path, tmp_path: Path) -> None:
    other = write_files(tmp_path / "other", contents(model))
    refused("compare", other, model, "-o", model / "config.json", "--force")
    refused("check", other, "--against", model, "-o", model / INDEX, "--force")
    rules = model / "rules.toml"
    refused("check", other, "--rules", rules, "-o", rules, "--force", "--format", "json")
    refused("fit", other, model, "-o", model / "config.json", "--force", "--format", "csv")
    assert contents(model) == contents(other)


def test_files_of_a_run(model: Path) -> None:
    (model / "weightgauge.toml").write_text("[training]\nlr = 1e-3\n")
    before = contents(model)
    for name in ("trainer_state.json", "weightgauge.toml", "config.json"):
        refused("track", model, "-o", model / name, "--force", "--format", "json")
    assert contents(model) == before


def test_saved_counts_that_are_read(model: Path, tmp_path: Path) -> None:
    counts, link = tmp_path / "counts.wghist", tmp_path / "link.wghist"
    runner = CliRunner()
    assert runner.invoke(main, ["scan", str(model), "-o", str(counts)]).exit_code == 0
    before = counts.read_bytes()
    os.link(counts, link)
    refused("scan", counts, "-o", link, "--force")
    refused("fit", counts, "-o", link, "--force", "--format", "json")
    assert counts.read_bytes() == link.read_bytes() == before


def test_index_of_another_model_is_no_place_for_a_result(model: Path, tmp_path: Path) -> None:
    other = write_files(tmp_path / "other", contents(model))
    refused("fit", other, "-o", model / INDEX, "--force")
    assert contents(model) == contents(other)


def test_file_that_is_put_in_the_place_of_the_result_meanwhile(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = tmp_path / "fit.json"
    result.write_text("old")
    from weightgauge.cli.output import Output

    real_write = Output.write

    def link_appears(self: Output, document: object, **shaping: object) -> None:
        result.unlink()
        os.link(model / "config.json", result)
        real_write(self, document, **shaping)  # type: ignore[arg-type]

    monkeypatch.setattr(Output, "write", link_appears)
    refused("fit", model, "-o", result, "--force")
    assert json.loads(result.read_text())["model_type"] == "tiny"


def test_results_in_the_directory_of_the_model_can_be_replaced(model: Path) -> None:
    result = model / "fit.json"
    result.write_text("old")
    result.chmod(0o600)
    done = CliRunner().invoke(main, ["fit", str(model), "-o", str(result), "--force"])
    assert done.exit_code == 0, done.output
    assert json.loads(result.read_text())["slices"]
    assert result.stat().st_mode & 0o777 == 0o600


def test_place_that_cannot_be_written_is_refused_before_the_scan(
    model: Path, tmp_path: Path, no_scan: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open

    def read_only(path: str, flags: int, *rest: int, **more: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(30, "Read-only file system", path)
        return real_open(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", read_only)
    done = CliRunner().invoke(main, ["fit", str(model), "-o", str(tmp_path / "fit.json")])
    assert done.exit_code == 1
    assert "Read-only file system" in done.stderr


TERMINATED = """
import os, signal, sys
from weightgauge import files
from weightgauge.cli.group import main

# What a shell starts in the background ignores the one, and what nohup starts the other.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

def told_to_end(descriptor):
    os.kill(os.getpid(), int(sys.argv[1]))

files.os.fsync = told_to_end
main(["info", "-o", sys.argv[2], "--force"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_command_that_is_told_to_end_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    result = tmp_path / "info.json"
    result.write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", TERMINATED, str(int(number)), str(result)], timeout=60, check=False
    )
    assert done.returncode == 128 + number
    assert os.listdir(tmp_path) == ["info.json"]
    assert result.read_text() == "old"


def test_saving_from_python_replaces_nothing_that_was_read(model: Path, tmp_path: Path) -> None:
    before = contents(model)
    kept = weightgauge.scan(model)
    for name in before.keys() - {"trainer_state.json", "rules.toml"}:
        with pytest.raises(OutputError, match="never replaced"):
            kept.save(model / name, force=True)
    os.link(model / "config.json", tmp_path / "other.wghist")
    with pytest.raises(OutputError, match=r"other\.wghist"):
        kept.save(tmp_path / "other.wghist", force=True)
    assert contents(model) == before


def test_saving_counts_over_the_file_they_were_loaded_from(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "kept.wghist"
    weightgauge.scan(model).save(path)
    raw = path.read_bytes()
    loaded = weightgauge.ModelHistograms.load(path)
    for each in (
        loaded,
        loaded.only(include="*0*", exclude=None, per="tensor"),
        weightgauge.scan(path),
    ):
        with pytest.raises(OutputError, match="never replaced"):
            each.save(path, force=True)
    assert path.read_bytes() == raw
    loaded.save(tmp_path / "copy.wghist")
    weightgauge.scan(model).save(path, force=True)  # read for nothing that is saved here
    assert path.read_bytes() == raw == (tmp_path / "copy.wghist").read_bytes()
