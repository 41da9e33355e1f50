"""Files that are written whole or not at all: their rights, links, locks, and what kills leave."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from weightgauge import files
from weightgauge.errors import OutputError, OutputExistsError
from weightgauge.files import try_to_write, write_atomically

WRITER = """
import os, signal, sys
from weightgauge import files

def killed(descriptor):
    os.kill(os.getpid(), signal.SIGKILL)

files.os.{} = killed
files.write_atomically(sys.argv[1], b"new", force=True)
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("rights", [0o600, 0o640, 0o664, 0o444])
def test_replaced_file_keeps_its_mode(tmp_path: Path, rights: int) -> None:
    path = tmp_path / "fit.json"
    path.write_bytes(b"old")
    path.chmod(rights)
    write_atomically(path, b"new", force=True)
    assert path.read_bytes() == b"new"
    assert mode(path) == rights


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_new_file_has_the_mode_that_the_system_gives(
    tmp_path: Path, mask: int, expected: int
) -> None:
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "fit.json", b"new")
    finally:
        os.umask(before)
    assert mode(tmp_path / "fit.json") == expected


def test_mask_of_the_process_is_never_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(mask: int) -> int:
        raise AssertionError(f"the mask was set to {mask:o}")

    monkeypatch.setattr(os, "umask", refused)
    write_atomically(tmp_path / "fit.json", b"new")
    write_atomically(tmp_path / "fit.json", b"newer", force=True)


def test_content_is_never_open_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.json"
    path.write_bytes(b"old")
    path.chmod(0o600)
    seen = []
    real_fsync = os.fsync

    def looked_at(descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            seen.append(stat.S_IMODE(status.st_mode))
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", looked_at)
    write_atomically(path, b"secret", force=True)
    assert seen == [0o600]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    path.chmod(0o4755)
    write_atomically(path, b"new", force=True)
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (1234, 2345, 0o4755)


def test_file_whose_owner_cannot_be_kept_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fit.json"
    path.write_bytes(b"old")
    real_stat = os.stat

    def of_another(name, *rest, **more):
        found = real_stat(name, *rest, **more)
        if name != str(path):
            return found
        return os.stat_result((*found[:4], 1234, *found[5:]))

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "stat", of_another)
    monkeypatch.setattr(os, "fchown", refused)
    for attempt in (
        lambda: try_to_write(path, force=True),
        lambda: write_atomically(path, b"new", force=True),
    ):
        with pytest.raises(OSError, match="belongs to 1234"):
            attempt()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["fit.json"]


def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    real, link = tmp_path / "results" / "fit.json", tmp_path / "latest.json"
    real.write_bytes(b"old")
    real.chmod(0o600)
    link.symlink_to("results/fit.json")
    write_atomically(link, b"new", force=True)
    assert os.readlink(link) == "results/fit.json"
    assert (real.read_bytes(), mode(real)) == (b"new", 0o600)
    assert os.listdir(tmp_path / "results") == ["fit.json"]


def test_link_that_leads_nowhere_gets_its_target(tmp_path: Path) -> None:
    link = tmp_path / "latest.json"
    link.symlink_to("fit.json")
    with pytest.raises(OutputExistsError):
        write_atomically(link, b"new")
    write_atomically(link, b"new", force=True)
    assert link.is_symlink()
    assert (tmp_path / "fit.json").read_bytes() == b"new"


def test_link_is_not_replaced_where_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever look at the path fails: a link that cannot be read is no ordinary file."""
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    link.symlink_to(target)
    usual = os.lstat
    for failing in range(1, 12):
        target.write_bytes(b"old")
        calls = itertools.count(1)

        def lstat(*given: Any, calls: Any = calls, failing: int = failing, **named: Any) -> Any:
            if next(calls) == failing:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return usual(*given, **named)

        with monkeypatch.context() as patch, contextlib.suppress(OSError):
            patch.setattr(os, "lstat", lstat)
            write_atomically(link, b"new", force=True)
        assert link.is_symlink()
        assert target.read_bytes() in (b"old", b"new")


@pytest.mark.parametrize("force", [False, True])
def test_pipe_is_never_replaced(tmp_path: Path, force: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="not a regular file"):
        write_atomically(pipe, b"new", force=force)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_directory_is_flushed_after_the_file_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fit.json"
    flushed = []

    def noted(descriptor: int) -> None:
        status = os.fstat(descriptor)
        flushed.append((status.st_ino, path.exists()))

    monkeypatch.setattr(os, "fsync", noted)
    write_atomically(path, b"new")
    assert flushed == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_killed_writer_leaves_the_old_file_and_the_next_run_no_litter(
    tmp_path: Path, call: str
) -> None:
    path = tmp_path / "fit.json"
    path.write_bytes(b"old")
    script = WRITER.format(call).replace("(descriptor)", "(*_)")
    done = subprocess.run([sys.executable, "-c", script, str(path)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(os.listdir(tmp_path)) == 2
    write_atomically(path, b"new", force=True)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["fit.json"]


def test_draft_of_a_run_that_still_writes_is_left_alone(tmp_path: Path) -> None:
    draft = tmp_path / ".0123456789abcdef.weightgauge-draft"
    with open(draft, "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        write_atomically(tmp_path / "fit.json", b"new")
        assert draft.exists()
    write_atomically(tmp_path / "other.json", b"new")
    assert not draft.exists()


def test_draft_that_was_taken_for_a_leftover_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_flock, taken = fcntl.flock, []

    def removed_first(descriptor: int, how: int) -> None:
        if not taken:
            (name,) = os.listdir(tmp_path)
            os.unlink(tmp_path / name)
            taken.append(name)
        real_flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    write_atomically(tmp_path / "fit.json", b"new")
    assert taken
    assert os.listdir(tmp_path) == ["fit.json"]
    assert (tmp_path / "fit.json").read_bytes() == b"new"


def test_file_that_appears_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fit.json"
    real_fsync = os.fsync

    def appears(descriptor: int) -> None:
        real_fsync(descriptor)
        path.write_bytes(b"theirs")

    monkeypatch.setattr(os, "fsync", appears)
    with pytest.raises(OutputExistsError):
        write_atomically(path, b"ours")
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["fit.json"]


@pytest.mark.parametrize("force", [False, True])
def test_trial_leaves_everything_as_it_was(tmp_path: Path, force: bool) -> None:
    path = tmp_path / "fit.json"
    try_to_write(path, force=force)
    assert os.listdir(tmp_path) == []
    path.write_bytes(b"old")
    before = path.stat()
    try_to_write(path, force=True)
    assert path.stat() == before
    assert os.listdir(tmp_path) == ["fit.json"]


def test_name_that_the_system_does_not_take_is_refused_by_the_trial(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        try_to_write(tmp_path / ("x" * 300))


@pytest.mark.parametrize("force", [False, True])
def test_where_open_files_cannot_be_moved_they_are_closed_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    target = tmp_path / "a.json"
    if force:
        target.write_bytes(b"old")
    (tmp_path / f".0{files._DRAFT}").write_bytes(b"left by a killed run")
    moved = []

    def move_closed(call):
        def move(name, to):
            opened = [os.path.realpath(each) for each in os.scandir("/proc/self/fd")]
            assert os.path.realpath(name) not in opened
            moved.append(to)
            call(name, to)

        return move

    monkeypatch.setattr(files, "CLOSED_TO_MOVE", True)
    monkeypatch.setattr(os, "replace", move_closed(os.replace))
    monkeypatch.setattr(os, "link", move_closed(os.link))
    write_atomically(target, b"new", force=force)
    assert (target.read_bytes(), len(moved), os.listdir(tmp_path)) == (b"new", 1, ["a.json"])


def test_pieces_are_written_one_after_the_other_and_all_or_none(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    write_atomically(path, (piece for piece in (b"a", b"", b"bc")))
    assert path.read_bytes() == b"abc"

    def failing() -> Iterator[bytes]:
        yield b"new"
        raise ValueError("a piece that cannot be made")

    with pytest.raises(ValueError, match="cannot be made"):
        write_atomically(path, failing(), force=True)
    assert path.read_bytes() == b"abc"
    assert os.listdir(tmp_path) == ["fit.json"]
