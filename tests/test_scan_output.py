"""What `weightgauge scan` cannot write is known before it reads any weight."""

from __future__ import annotations

import os

import pytest

from kept_models import run, stored


@pytest.fixture
def checkpoint(tmp_path, write_checkpoint):
    return write_checkpoint(tmp_path / "m.safetensors", {"w": stored((8, 8), "BF16")})


@pytest.fixture
def no_scan(monkeypatch):
    """Scans fail: the test shows that none was begun."""
    import weightgauge.scanning

    def begun(*_, **__):
        raise AssertionError("a scan was begun")

    monkeypatch.setattr(weightgauge.scanning, "scan", begun)


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("nowhere/m.wghist", 1, "no such directory"),
        ("m.safetensors/m.wghist", 1, "no such directory"),
        ("folder.wghist", 1, "not a regular file"),
        ("kept.wghist", 1, "exists already"),
        ("m.json", 2, "must end in .wghist"),
        ("m", 2, "must end in .wghist"),
    ],
)
def test_no_scan_is_begun_for_what_cannot_be_written(
    tmp_path, checkpoint, no_scan, name, code, told
):
    (tmp_path / "folder.wghist").mkdir()
    (tmp_path / "kept.wghist").write_bytes(b"precious")
    result = run("scan", checkpoint, "-o", tmp_path / name)
    assert result.exit_code == code and told in result.stderr
    assert sorted(os.listdir(tmp_path)) == ["folder.wghist", "kept.wghist", "m.safetensors"]


def test_a_path_that_is_not_utf8_is_written_and_read_again(tmp_path, checkpoint):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/c\xe9.wghist")
    result = run("scan", checkpoint, "-o", path)
    assert result.exit_code == 0, result.output
    assert r"c\udce9.wghist" in result.stdout
    assert run("fit", path, "--json").stdout == run("fit", checkpoint, "--json").stdout
