"""Files of saved counts that want to exhaust the reader, or change under it; and their bytes."""

from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import pytest

import weightgauge as wg
from counts_files import Parts, parts_of, sparse_file
from kept_models import same, stored
from samples import draw
from weightgauge import _core
from weightgauge.errors import HistogramFileError
from weightgauge.magnitudes.histogram import MagnitudeHistogram

WGHIST = {"format": "weightgauge.histograms", "version": "4", "sha256": "0" * 64}
SINGLE = {"format": "weightgauge.magnitudes.histogram", "version": "2", "sha256": "0" * 64}
SIZES = (5 * 10**9, 400 * 10**9)


@pytest.fixture(scope="module")
def small(tmp_path_factory, write_checkpoint):
    """A folder with a small checkpoint and its saved counts."""
    directory = tmp_path_factory.mktemp("small")
    tensors = {
        "model.layers.0.self_attn.q_proj.weight": stored((64, 32), "BF16"),
        "model.layers.0.mlp.up_proj.weight": stored((16, 32), "F32"),
        "model.norm.weight": stored((32,), "F64"),
    }
    checkpoint = write_checkpoint(directory / "m.safetensors", tensors)
    wg.scan(checkpoint).save(directory / "m.wghist")
    return directory


REFUSED = """
import resource, sys, time
import weightgauge as wg
from weightgauge.errors import HistogramFileError
load = wg.MagnitudeHistogram.load if sys.argv[2] == "single" else wg.ModelHistograms.load
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.process_time()
try:
    load(sys.argv[1])
except HistogramFileError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
print(time.process_time() - begin)
"""


def assert_refused_unread(run_python, path, form, told):
    """The file is refused with one line, without the memory or the time to read it."""
    result = run_python(REFUSED, path, form)
    assert result.returncode == 0, result.stderr
    message, kilobytes, seconds = result.stdout.splitlines()
    assert told in message and path.name in message
    assert int(kilobytes) < 100_000 and float(seconds) < 5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("swollen", ["table", "description", "counts"])
def test_a_sparse_file_is_refused_without_reading_it(tmp_path, run_python, size, swollen):
    shapes = {"table": ("U64", [1, 9]), "description": ("U8", [2_000]), "counts": ("U8", [64])}
    shapes[swollen] = ("U64", [size // 72, 9]) if swollen == "table" else ("U8", [size])
    path = sparse_file(tmp_path / "sparse.wghist", shapes, WGHIST)
    assert_refused_unread(run_python, path, "model", "table: has" if swollen == "table" else "desc")


@pytest.mark.parametrize("size", SIZES)
def test_sparse_counts_that_were_described_are_refused_at_their_first_piece(
    tmp_path, run_python, small, size
):
    """Description and table agree with the size of the file; only the zeros tell."""
    parts = parts_of((small / "m.wghist").read_bytes())
    document = parts.description
    (number, entry), *_ = (
        (i, each) for i, each in enumerate(document["slices"]) if each["counted"] == "F64"
    )
    entry |= {"shape": [size // 3], "n": size // 3}
    document["slices"] = [entry]
    table = parts.table[number : number + 1].copy()
    table[0, 5:] = (size // 3, 1, 2, 0)
    text = json.dumps(document)
    shapes = {
        "table": ("U64", [1, 9]),
        "description": ("U8", [len(text)]),
        "counts": ("U8", [size // 3 * 3]),
    }
    contents = {"table": table.tobytes(), "description": text.encode()}
    path = sparse_file(tmp_path / "sparse.wghist", shapes, WGHIST, **contents)
    assert_refused_unread(run_python, path, "model", "counts: has a zero")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["BF16", "F64"])
def test_a_sparse_histogram_is_refused_without_reading_it(tmp_path, run_python, size, dtype):
    entries = [size // 16]
    shapes = {
        "totals": ("U64", [5]),
        "keys": ("U64", entries),
        "counts": ("U64", entries),
        "residuals": ("U64", [0]),
    }
    path = sparse_file(tmp_path / "sparse.safetensors", shapes, {**SINGLE, "dtype": dtype})
    assert_refused_unread(run_python, path, "single", "keys: ")


def test_a_long_header_is_not_read(tmp_path, run_python):
    path = tmp_path / "long.wghist"
    with open(path, "wb") as file:
        file.write((99_000_000).to_bytes(8, "little") + b'{"')
        file.truncate(100_000_000)
    assert_refused_unread(run_python, path, "model", "the header: has 99,000,000 bytes")


CHANGING = """
import os, sys, threading
import weightgauge as wg
from weightgauge.errors import FileChangedError, HistogramFileError
path, load = sys.argv[1], getattr(wg, sys.argv[2]).load
content = open(path, "rb").read()
done = threading.Event()
def change():
    number = 0
    with open(path, "r+b") as file:
        while not done.is_set():
            number = (number * 1_103_515_245 + 12_345) % 2**31
            file.truncate(number % len(content))
            file.seek(0); file.write(content); file.flush()
thread = threading.Thread(target=change)
thread.start()
told = {}
for _ in range(300):
    try:
        load(path); name = "read"
    except (FileChangedError, HistogramFileError) as error:
        assert os.path.basename(path) in str(error); name = type(error).__name__
    told[name] = told.get(name, 0) + 1
done.set(); thread.join()
print(sum(told.values()), told)
"""


@pytest.mark.parametrize("kind", ["ModelHistograms", "MagnitudeHistogram"])
def test_a_file_that_is_cut_while_it_is_read_never_ends_the_process(
    tmp_path, run_python, small, kind
):
    path = tmp_path / "cut.wghist"
    if kind == "ModelHistograms":
        path.write_bytes((small / "m.wghist").read_bytes())
    else:
        wg.magnitude_histogram(draw("normal_1", "F32", 50_000)).save(path)
    result = run_python(CHANGING, path, kind)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("300 ")


SCAN = """
import hashlib, sys
import weightgauge as wg
wg.scan(sys.argv[1], threads=int(sys.argv[3])).save(sys.argv[2], force=True)
"""


def test_the_same_scan_gives_the_same_bytes(small, tmp_path, run_python):
    """Whatever the process, the seed of its hashes, and the number of threads."""
    digests = set()
    for threads in (1, 2, 5, 1):
        path = tmp_path / "m.wghist"
        assert run_python(SCAN, small / "m.safetensors", path, threads).returncode == 0
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1
    wg.ModelHistograms.load(path).save(tmp_path / "again.wghist")
    assert (tmp_path / "again.wghist").read_bytes() == path.read_bytes()


def test_the_header_is_as_short_for_many_slices_as_for_few(tmp_path, write_checkpoint):
    """The header has a limit, which the number of slices must not meet at the end of a scan."""
    tensors = {f"model.layers.{i}.norm.weight": stored((12,), "BF16", i) for i in range(1_500)}
    wg.scan(write_checkpoint(tmp_path / "m.safetensors", tensors)).save(tmp_path / "m.wghist")
    content = (tmp_path / "m.wghist").read_bytes()
    assert int.from_bytes(content[:8], "little") < 1_000
    assert len(wg.ModelHistograms.load(tmp_path / "m.wghist").slices) == 1_500


def test_a_file_that_could_not_be_read_again_is_not_published(small, tmp_path):
    kept = wg.ModelHistograms.load(small / "m.wghist")
    (first, *others) = kept.slices
    damaged = first._replace(packed=first.packed._replace(zeros=7))
    path = tmp_path / "m.wghist"
    path.write_bytes(b"precious")
    with pytest.raises(HistogramFileError, match=r"m\.wghist: counts of slices\[0\]"):
        wg.ModelHistograms(**{**vars(kept), "slices": (damaged, *others)}).save(path, force=True)
    assert path.read_bytes() == b"precious" and os.listdir(tmp_path) == ["m.wghist"]


def test_names_that_are_not_utf8_are_written_and_read(small, tmp_path):
    checkpoint = os.fsencode(tmp_path) + b"/m\xe9.safetensors"
    with open(checkpoint, "wb") as file:
        file.write((small / "m.safetensors").read_bytes())
    path = os.fsencode(tmp_path) + b"/c\xe9.wghist"
    wg.scan(os.fsdecode(checkpoint)).save(os.fsdecode(path))
    kept = wg.ModelHistograms.load(os.fsdecode(path))
    assert kept.model.endswith(r"m\udce9.safetensors")
    assert same(wg.fit(kept), wg.fit(small / "m.wghist"))


# -- one histogram


def test_every_flipped_byte_of_a_histogram_is_found_or_harmless(tmp_path):
    good, bad = tmp_path / "good.safetensors", tmp_path / "bad.safetensors"
    histogram = wg.magnitude_histogram(draw("normal_1", "F32", 140_000))
    assert not histogram.exact
    histogram = wg.magnitude_histogram(draw("normal_1", "BF16", 60))
    histogram.save(good)
    content = good.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    for place in range(len(content)):
        raw = bytearray(content)
        raw[place] ^= 1 << place % 8
        bad.write_bytes(raw)
        try:
            found = wg.MagnitudeHistogram.load(bad)
        except HistogramFileError as error:
            assert f"{bad}: " in str(error)
        else:
            assert place < header and found == histogram


def test_a_histogram_of_bins_comes_back(tmp_path):
    histogram = wg.magnitude_histogram(draw("normal_1", "F64", 140_000))
    histogram.save(tmp_path / "h")
    assert wg.MagnitudeHistogram.load(tmp_path / "h") == histogram
    first = (tmp_path / "h").read_bytes()
    histogram.save(tmp_path / "h", force=True)
    assert (tmp_path / "h").read_bytes() == first


@pytest.mark.parametrize("elements", [2**52 + 1, 2**53, 2**62])
def test_more_elements_than_doubles_can_rank_are_no_histogram(elements):
    """With 2^53 elements a fit of all of them had the status ok and no k."""
    keys = np.arange(0x3F00, 0x3F40, dtype=np.uint64)

    def histogram(total):
        counts = np.full(64, total // 64, np.uint64)
        counts[0] += np.uint64(total % 64)
        return MagnitudeHistogram(
            _core.Histogram(
                dtype="BF16",
                dropped_bits=0,
                keys=keys,
                counts=counts,
                residuals=np.empty(0, np.uint64),
                zeros=0,
                nans=0,
                infs=0,
                max_key=0x3F3F,
                known_rms=None,
            )
        )

    for trim in ("mid_80", "mid_90", "full"):
        found = histogram(2**52).fit(trim=trim)
        assert found.status == "ok" and found.k > 0
    with pytest.raises(ValueError, match="too large"):
        histogram(elements)


def test_parts_are_put_together_as_the_package_does(small):
    """The helper that these tests damage files with writes what the package writes."""
    content = (small / "m.wghist").read_bytes()
    assert Parts(*parts_of(content)).content() == content
