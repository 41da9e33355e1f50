"""Files that `--output` writes: whole or not at all, and never over something that matters."""

from __future__ import annotations

import errno
import itertools
import os
import stat

import click
import pytest

from weightgauge.cli.output import Output, choose_format
from weightgauge.errors import OutputError, OutputExistsError
from weightgauge.reporting.document import Document

NEW = Document(title="new")


def output(path, *, force=False):
    return Output("human", str(path), force=force, quiet=False)


def check(path, *, force=False):
    with output(path, force=force).kept():
        pass


def test_writes_a_file_with_ordinary_rights(tmp_path):
    target = tmp_path / "fit.txt"
    output(target).write(Document(title="k ± se"))
    assert target.read_text(encoding="utf-8") == "k ± se\n"
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~mask
    assert os.listdir(tmp_path) == ["fit.txt"]


def test_existing_file_is_left_alone_without_force(tmp_path):
    target = tmp_path / "fit.txt"
    target.write_text("old")
    for action in (lambda: check(target), lambda: output(target).write(NEW)):
        with pytest.raises(OutputExistsError, match=r"fit\.txt"):
            action()
    assert target.read_text() == "old"
    check(target, force=True)
    output(target, force=True).write(NEW)
    assert target.read_text() == "new\n"


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "fit.txt"
    target.write_text("old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        output(target, force=True).write(NEW)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["fit.txt"]


def test_link_keeps_pointing_where_it_does(tmp_path):
    real = tmp_path / "real.txt"
    real.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(real)
    output(link, force=True).write(NEW)
    assert link.is_symlink()
    assert real.read_text() == "new\n"


@pytest.mark.parametrize("force", [False, True])
def test_devices_pipes_and_directories_are_never_replaced(tmp_path, force):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    for target in (fifo, link, tmp_path):
        with pytest.raises(OutputError, match="not a regular file"):
            check(target, force=force)
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_weights_are_never_replaced(tmp_path):
    shard = tmp_path / "model-00001-of-00002.safetensors"
    shard.write_bytes(b"weights")
    link = tmp_path / "link.txt"
    link.symlink_to(shard)
    for target in (shard, link):
        with pytest.raises(OutputError, match="never replaced"):
            check(target, force=True)


def test_weights_are_not_replaced_where_the_disk_fails(tmp_path, monkeypatch):
    """Whichever look at the path fails, the command does not take the name for a free one."""
    shard = tmp_path / "model.safetensors"
    shard.write_bytes(b"weights")
    usual = os.stat
    for failing in range(1, 12):
        calls = itertools.count(1)

        def stat_of(*given, calls=calls, failing=failing, **named):
            if next(calls) == failing:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return usual(*given, **named)

        with monkeypatch.context() as patch, pytest.raises((OutputError, OSError)):
            patch.setattr(os, "stat", stat_of)
            check(shard, force=True)


def test_place_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match="no such directory"):
        check(tmp_path / "none" / "fit.txt")


@pytest.mark.parametrize(
    ("asked", "json", "path", "expected"),
    [
        (None, False, None, "human"),
        (None, True, None, "json"),
        ("json", True, None, "json"),
        ("csv", False, "a.json", "csv"),
        (None, False, "a.JSON", "json"),
        (None, False, "a.csv", "csv"),
        (None, False, "a.txt", "human"),
        ("human", False, "a.csv", "human"),
    ],
)
def test_format(asked, json, path, expected):
    assert choose_format(asked, json=json, path=path) == expected


def test_contradicting_formats():
    with pytest.raises(click.UsageError, match="--json"):
        choose_format("csv", json=True, path=None)


@pytest.mark.parametrize("asked", [None, "parquet"])
def test_what_is_compressed_already_is_not_compressed_again(asked):
    with pytest.raises(click.UsageError, match="parquet is compressed already: leave out"):
        choose_format(asked, json=False, path="FIT.parquet.gz")


def test_a_terminal_gets_no_bytes_and_says_so_before_the_work(monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("weightgauge.cli.output._is_terminal", lambda stream: True)
    with (
        pytest.raises(OutputError, match="parquet is not for a terminal: name a file by -o"),
        Output("parquet", None, force=False, quiet=True).kept(),
    ):
        pytest.fail("the work has begun")
    with Output("html", None, force=False, quiet=True).kept():
        pass  # tables can be read there


def test_width_comes_from_columns(monkeypatch):
    for given, width in [
        ("72", 72),
        ("", None),
        ("x", None),
        ("0", None),
        ("-5", None),
        ("9" * 99, None),
    ]:
        monkeypatch.setenv("COLUMNS", given)
        assert Output("human", None, force=False, quiet=False).medium().width == width
