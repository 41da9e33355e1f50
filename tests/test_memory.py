"""The memory of a scan is bounded for each thread, whatever the size of the model.

The files are sparse, so that gigabytes cost no disk; one tensor of real numbers in each makes the
tables and batches of every format fill up.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

MEGABYTE = 1 << 20
GIGABYTE = 1 << 30
THREADS = 2
PER_THREAD = 64 * MEGABYTE

# Prints by how much the anonymous memory of a process grew during fits, looking every millisecond.
# `RssAnon` leaves out the pages of mapped files, which the kernel takes back when it wants them.
GROWTH = """
import re, sys, threading, time
import weightgauge as wg

def anonymous():
    with open("/proc/self/status") as file:
        return int(re.search(r"RssAnon:\\s*(\\d+) kB", file.read())[1]) * 1024

path, warm, io, what, threads = sys.argv[1:]
arguments = dict(io=io, threads=int(threads))
call = wg.fit
if what == "exact":
    arguments["exact"] = True
if what == "heads":
    arguments["per"] = "head"
if what == "balanced":
    call = wg.diagnose
    arguments["balanced"] = True
call(warm, **arguments)  # what is imported late
before = anonymous()
peak = before
done = threading.Event()

def watch():
    global peak
    while not done.is_set():
        peak = max(peak, anonymous())
        time.sleep(0.001)

watcher = threading.Thread(target=watch)
watcher.start()
model = call(path, **arguments)
done.set()
watcher.join()
assert any(item.fitted for item in model.slices)
print(peak - before)
"""


def write_sparse(path: Path, nbytes: int, real: dict[str, np.ndarray], matrices: int = 16) -> Path:
    """Write matrices of zeros of `nbytes` in all, and real ones after them."""
    rows = nbytes // matrices // 2 // 4096
    table, end = {}, 0
    for i in range(matrices):
        begin, end = end, end + 2 * rows * 4096
        name = f"model.layers.{i}.mlp.up_proj.weight"
        table[name] = {"dtype": "BF16", "shape": [rows, 4096], "data_offsets": [begin, end]}
    hole = end
    for name, values in real.items():
        begin, end = end, end + values.nbytes
        spelling = {2: "F16", 4: "F32", 8: "F64"}[values.itemsize]
        shape = list(values.shape)
        table[name] = {"dtype": spelling, "shape": shape, "data_offsets": [begin, end]}
    header = json.dumps(table).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.seek(hole, os.SEEK_CUR)
        for values in real.values():
            values.tofile(file)
    return path


def gaussian(dtype: str, rows: int) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 0.02, (rows, 1024)).astype(dtype)


def crowded(values: np.ndarray) -> np.ndarray:
    """Two in five become one and the same: data of that kind are counted in tables of their own."""
    values[np.random.default_rng(6).random(values.shape) < 0.4] = 0.02
    return values


def any_bits(rows: int) -> np.ndarray:
    """F16 of all its 32,768 magnitudes."""
    return np.random.default_rng(7).integers(0, 1 << 16, (rows, 2048), np.uint16).view("f2")


def any_wide_bits(dtype: str, rows: int) -> np.ndarray:
    """Hardly two magnitudes are equal, and all exponents occur."""
    raw = np.random.default_rng(7).integers(0, 1 << 8, (rows, 1024 * int(dtype[1])), np.uint8)
    return raw.view(dtype)


def run_python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("io", "what"), [("mmap", ""), ("pread", ""), ("mmap", "exact")])
def test_memory_of_a_scan_is_bounded_per_thread(tmp_path: Path, io: str, what: str) -> None:
    """3 GB of BF16, and F16, F32 and F64 matrices larger than what a thread may hold."""
    real = {
        "f32.weight": gaussian("f4", 24 * 1024),  # 96 MB
        "f64.weight": gaussian("f8", 12 * 1024),
        "f16.weight": gaussian("f2", 4 * 1024),
    }
    path = write_sparse(tmp_path / "model.safetensors", 3 * GIGABYTE, real)
    small = {"f32.weight": gaussian("f4", 4)}
    warm = write_sparse(tmp_path / "warm.safetensors", MEGABYTE, small)
    grown = int(run_python(GROWTH, str(path), str(warm), io, what, str(THREADS)))
    assert grown < THREADS * PER_THREAD


@pytest.mark.parametrize(("what", "threads"), [("", 1), ("", 2), ("exact", 1)])
def test_memory_does_not_grow_with_the_magnitudes_there_are(
    tmp_path: Path, what: str, threads: int
) -> None:
    real = {
        "f32.weight": any_wide_bits("f4", 16 * 1024),
        "f64.weight": any_wide_bits("f8", 8 * 1024),
        "more.f32.weight": any_wide_bits("f4", 16 * 1024),
        "more.f64.weight": any_wide_bits("f8", 8 * 1024),
    }
    path = write_sparse(tmp_path / "model.safetensors", MEGABYTE, real)
    small = {"f32.weight": gaussian("f4", 4)}
    warm = write_sparse(tmp_path / "warm.safetensors", MEGABYTE, small)
    grown = int(run_python(GROWTH, str(path), str(warm), "mmap", what, str(threads)))
    assert grown < threads * PER_THREAD


def test_memory_of_balanced_fits_grows_with_rows_and_columns_only(tmp_path: Path) -> None:
    """1 GB of BF16 in 16 matrices, and F32 and F64 matrices larger than what a thread may hold."""
    real = {
        "model.layers.0.self_attn.q_proj.weight": gaussian("f4", 24 * 1024),
        "model.layers.0.self_attn.k_proj.weight": gaussian("f8", 12 * 1024),
    }
    path = write_sparse(tmp_path / "model.safetensors", GIGABYTE, real)
    small = {"model.layers.0.self_attn.q_proj.weight": gaussian("f4", 4)}
    warm = write_sparse(tmp_path / "warm.safetensors", MEGABYTE, small)
    grown = int(run_python(GROWTH, str(path), str(warm), "mmap", "balanced", str(THREADS)))
    assert grown < THREADS * PER_THREAD


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_memory_of_heads_side_by_side_is_bounded_whatever_the_data(tmp_path: Path, io: str) -> None:
    """32 heads that are counted together, crowded and not, and such F32 and F64 as well."""
    real = {
        "model.layers.0.self_attn.o_proj.weight": crowded(any_bits(2048)),
        "model.layers.1.self_attn.o_proj.weight": any_bits(2048),
        "f32.weight": crowded(gaussian("f4", 4096)),
        "f64.weight": crowded(gaussian("f8", 2048)),
        "model.layers.2.self_attn.o_proj.weight": crowded(any_bits(2048)),
    }
    write_sparse(tmp_path / "model.safetensors", MEGABYTE, real)
    config = {"model_type": "llama", "num_attention_heads": 32, "hidden_size": 2048}
    (tmp_path / "config.json").write_text(json.dumps(config))
    small = {"f32.weight": gaussian("f4", 4)}
    (tmp_path / "warm").mkdir()
    warm = write_sparse(tmp_path / "warm" / "model.safetensors", MEGABYTE, small)
    grown = int(run_python(GROWTH, str(tmp_path), str(warm), io, "heads", str(THREADS)))
    assert grown < THREADS * PER_THREAD


LIMITED = """
import resource, sys
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
import weightgauge as wg
model = wg.fit(sys.argv[1], io="pread", threads=2)
print(len(model.slices), sum(item.n + item.zeros for item in model.slices))
"""


def test_file_larger_than_the_address_space_is_read_by_pread(tmp_path: Path) -> None:
    """16 GB of weights in 1.5 GB of address space, the interpreter and its libraries included."""
    real = {"f32.weight": gaussian("f4", 1024)}
    path = write_sparse(tmp_path / "model.safetensors", 16 * GIGABYTE, real)
    slices, elements = map(int, run_python(LIMITED, str(path), str(1536 * MEGABYTE)).split())
    assert slices == 17
    assert elements == 8 * GIGABYTE + 1024 * 1024


FED_GROWTH = """
import re, sys
import numpy as np
from weightgauge.checkpoint import open_checkpoint
from weightgauge.scanning.feed import FedScan

def anonymous():
    with open("/proc/self/status") as file:
        return int(re.search(r"RssAnon:\\s*(\\d+) kB", file.read())[1]) * 1024

def feed(path, exact):
    draw = np.random.default_rng(0)
    part = draw.normal(0, 0.02, 1 << 18).astype(np.float32)  # 1 MB
    global peak
    scan = FedScan(open_checkpoint(path), exact=exact)
    while wanted := scan.wanted():
        for shard, start, stop in wanted:
            for at in range(start, stop, part.nbytes):
                scan.feed(shard, at, memoryview(part).cast("B")[: stop - at])
                peak = max(peak, anonymous())
    return scan.finish()

path, warm, exact = sys.argv[1], sys.argv[2], sys.argv[3] == "exact"
peak = 0
feed(warm, exact)
before = peak = anonymous()
assert all(item.fitted for item in feed(path, exact).slices)
print(peak - before)
"""


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        ("default", 0),
        # 64 MB in memory; the others are in a temporary file.
        ("exact", 64 * MEGABYTE),
    ],
)
def test_memory_of_a_scan_that_is_fed_is_bounded(tmp_path, write_checkpoint, what, kept):
    """200 MB of one F32 matrix, in ranges of 1 MB."""
    path = write_checkpoint(tmp_path / "a.safetensors", {"w": ("F32", (50 << 10, 1024), None)})
    warm = write_checkpoint(tmp_path / "b.safetensors", {"w": ("F32", (10, 1024), None)})
    assert int(run_python(FED_GROWTH, str(path), str(warm), what)) < PER_THREAD + kept


PEAK = """
import re, sys
from weightgauge.cli import main
try:
    main(sys.argv[1:])
except SystemExit as exit:
    assert not exit.code
with open("/proc/self/status") as file:
    sys.stderr.write(re.search(r"VmHWM:\\s*(\\d+) kB", file.read())[1])
"""


def peak_of_command(*arguments: str) -> int:
    """Return the most memory that a command had, in bytes; what it says is thrown away."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout, done.stderr
    return int(done.stderr) * 1024


def write_many(path: Path, names: list[str]) -> Path:
    """Write a BF16 matrix of 2 x 64 for each name, which is enough for a good fit."""
    table = {
        name: {"dtype": "BF16", "shape": [2, 64], "data_offsets": [256 * i, 256 * i + 256]}
        for i, name in enumerate(names)
    }
    header = json.dumps(table, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    weights = np.random.default_rng(3).normal(0, 0.02, (len(names), 128)).astype("<f4")
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        (weights.view("<u4") >> 16).astype("<u2").tofile(file)
    return path


EXPERT = "model.layers.{}.mlp.experts.{}.up_proj.weight"


@pytest.mark.parametrize(
    ("command", "patterned"), [(["fit", "--threads", "1"], True), (["fit"], False), (["ls"], False)]
)
def test_a_tensor_takes_less_than_half_a_kilobyte(tmp_path, command, patterned):
    """So that a million take less than 500 MB: the difference between 30,000 and 90,000.

    They are stored in the order of text, as most are, and shown in that of numbers.
    """
    peaks = {}
    for number in (30_000, 90_000):
        names = [f"{i * 0x9E3779B97F4A7C15 % 2**96:024x}.weight" for i in range(number)]
        if patterned:
            names = sorted(EXPERT.format(i // 1000, i % 1000) for i in range(number))
        path = write_many(tmp_path / f"{number}.safetensors", names)
        peaks[number] = peak_of_command(*command, str(path))
    assert (peaks[90_000] - peaks[30_000]) / 60_000 < 500
