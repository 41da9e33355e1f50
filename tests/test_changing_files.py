"""Files that change, shrink or are replaced while they are scanned, and very large ones."""

from __future__ import annotations

import os

import pytest

import weightgauge as wg
from samples import draw

GIB = 2**30


CHANGED = """
import mmap, os, sys, time
import weightgauge as wg
from weightgauge.errors import FileChangedError

path, how, io = sys.argv[1:]
if how == "write_by_mapping":
    # Pages that have been written to before: writing to them again changes no time of the file.
    with open(path, "r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    middle = len(mapped) // 2
    half = slice(middle, middle + len(mapped) // 12)
    mapped[half] = bytes(len(mapped) // 12)
before = os.stat(path)
acted = []

def overwrite():
    # A clock tick may be some milliseconds: write until the change of the inode is dated later.
    while True:
        with open(path, "r+b") as file:
            file.seek(before.st_size // 2)
            file.write(b"\\x3c" * 4096)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        now = os.stat(path)
        assert (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        if now.st_ctime_ns != before.st_ctime_ns:
            return

def replace():
    other = path + ".new"
    with open(other, "wb") as file:
        file.write(open(path, "rb").read(4096))
        file.truncate(before.st_size)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, path)

def append():
    with open(path, "ab") as file:
        file.write(b"more")

def write_by_mapping():
    mapped[half] = b"\\x3c" * (len(mapped) // 12)

actions = {
    "write_by_mapping": write_by_mapping,
    "to_nothing": lambda: os.truncate(path, 0),
    "to_half": lambda: os.truncate(path, before.st_size // 2 + 1234),
    "by_one_byte": lambda: os.truncate(path, before.st_size - 1),
    "append": append,
    "overwrite": overwrite,
    "replace": replace,
    "nothing": lambda: None,
}

def progress(done, total):
    if not acted:
        acted.append(done < total)
        actions[how]()

try:
    model = wg.fit(path, progress=progress, io=io)
except FileChangedError as error:
    assert os.path.basename(path) in str(error), error
    assert "measure it again when nothing writes to it" in str(error), error
    print("changed", acted)
else:
    print("finished", acted, sum(s.zeros for s in model.slices))
"""
CHANGES = (
    "to_nothing",
    "to_half",
    "by_one_byte",
    "append",
    "overwrite",
    "replace",
    "write_by_mapping",
)


@pytest.fixture
def half_a_gib(tmp_path, write_checkpoint):
    tensors = {"w": ("BF16", (GIB // 8,), None), "v": ("F32", (GIB // 16,), None)}
    return write_checkpoint(tmp_path / "model.safetensors", tensors)


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("how", CHANGES)
def test_a_file_that_changes_during_the_scan(run_python, half_a_gib, how, io):
    result = run_python(CHANGED, half_a_gib, how, io)
    # A negative code is a signal: SIGBUS is what an unguarded mapping ends in.
    assert result.returncode == 0, result.stderr
    assert result.stdout == "changed [True]\n"


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_a_file_that_does_not_change(run_python, half_a_gib, io):
    # The counterpart: the same script without the change finds no fault.
    result = run_python(CHANGED, half_a_gib, "nothing", io)
    assert result.stdout == f"finished [True] {GIB // 8 + GIB // 16}\n", result.stderr


def test_a_changed_file_does_not_spoil_the_process(tmp_path, write_checkpoint, run_python):
    values = draw("normal_0.02", "BF16", 500_000)
    good = write_checkpoint(
        tmp_path / "good.safetensors", {"w": ("BF16", (500_000,), values.tobytes())}
    )
    bad = write_checkpoint(tmp_path / "bad.safetensors", {"w": ("BF16", (GIB // 4,), None)})
    script = """
import os, sys
import weightgauge as wg
from weightgauge.errors import FileChangedError

good, bad = sys.argv[1:]
before = wg.fit(good).to_dict()
for _ in range(3):
    os.truncate(bad, size := os.path.getsize(bad))
    try:
        wg.fit(bad, progress=lambda done, total: os.truncate(bad, 4096))
    except FileChangedError:
        pass
    else:
        raise AssertionError("not noticed")
    os.truncate(bad, size)
    assert wg.fit(good).to_dict() == before
assert wg.fit(bad).slices[0].zeros == 2**28
print("done")
"""
    result = run_python(script, good, bad)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


def test_files_are_closed_and_unmapped(tmp_path, write_checkpoint):
    path = write_checkpoint(tmp_path / "model.safetensors", {"w": ("F32", (30_000,), None)})

    def held():
        with open("/proc/self/maps") as maps:
            mapped = sum(str(path) in line for line in maps)
        links = (os.path.join("/proc/self/fd", fd) for fd in os.listdir("/proc/self/fd"))
        return mapped + sum(os.path.lexists(f) and os.readlink(f) == str(path) for f in links)

    for io in ("mmap", "pread"):
        wg.fit(path, io=io)
        assert held() == 0


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_more_than_2_to_the_32_zeros_in_a_file(tmp_path, write_checkpoint, io):
    n = 2**32 + 1
    path = write_checkpoint(tmp_path / "model.safetensors", {"w": ("F8_E4M3", (n,), None)})
    found = wg.fit(path, io=io).slices[0]
    path.unlink()
    assert (found.zeros, found.n, found.nonfinite, found.status) == (n, 0, 0, "empty")
