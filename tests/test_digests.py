"""Digests, negative elements and blocks of zeros against plain NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import page_digest
import weightgauge as wg
from kept_models import assert_fitted_anew, same
from noted_bytes import DIGEST, digest_of_memory, file_source, noted, options, slices
from samples import BITS, FORMATS, draw
from weightgauge import _core

LEVELS = str(_core.build_info()["kernels_available"]).split(", ")
SIZES = (0, 1, 7, 8, 63, 64, 65, 2047, 2048, 2049, 4096, 10_000, 100_001)


@pytest.fixture(autouse=True)
def _usual_kernels_afterwards():
    yield
    _core.use_kernels("auto")


def random_bytes(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def stored(spelling, values):
    """Bytes of a tensor; two codes of F4 share a byte."""
    if spelling != "F4":
        return values.tobytes()
    low, high = values.view(np.uint8).reshape(-1, 2).T
    return (low | high << 4).tobytes()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", SIZES)
def test_digest_is_that_of_the_definition(size, level):
    _core.use_kernels(level)
    data = random_bytes(size)
    assert digest_of_memory(data) == page_digest.digest(data.tobytes())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("n", [0, 6, 1000, 4096, 70_002, 300_000])
@pytest.mark.parametrize("spelling", FORMATS)
def test_what_is_noted_of_every_format(spelling, n, level, tmp_path, write_checkpoint):
    """Random bits hold every code; in the middle there are zeros, at the end ordinary weights."""
    _core.use_kernels(level)
    values = draw("normal_0.02", spelling, n, seed=n)
    raw = values.view(np.uint8)
    raw[: n // 3] = random_bytes(n // 3)
    if spelling == "F4":
        raw &= 0x0F
    raw[n // 3 : n // 2] = 0
    data = stored(spelling, values)
    (item,) = wg.fit(write_checkpoint(tmp_path / "m.safetensors", {"w": (spelling, (n,), data)}))
    with np.errstate(invalid="ignore"):
        numbers = values.astype(np.float64)
    finite = np.isfinite(numbers)
    assert item.digest == page_digest.digest(data)
    assert item.zero_blocks == page_digest.zero_blocks(data)
    assert item.negatives == np.count_nonzero(numbers[finite] < 0)
    magnitudes = np.abs(numbers[finite & (numbers != 0)])
    levels, counts = np.unique(magnitudes, return_counts=True)
    if n == 0:
        assert item.levels is None
    elif spelling in ("F32", "F64") and n > 131_072:
        assert item.levels is None
        assert item.at_max >= 1 and item.second < item.max
    else:
        assert item.levels == levels.size
        assert item.at_max == (counts[-1] if levels.size else 0)
        assert item.second == levels[-2] if levels.size > 1 else np.isnan(item.second)


@pytest.mark.parametrize("spelling", ["BF16", "F8_E4M3", "F4", "F32", "F64"])
def test_neither_threads_nor_chunks_nor_reading_change_it(spelling, tmp_path):
    values = draw("normal_0.02", spelling, 2_000_002, seed=3)
    values[300_000:400_000] = 0
    data, shift = stored(spelling, values), 3
    expected = page_digest.digest(data)
    blocks = page_digest.zero_blocks(data)
    path = tmp_path / "weights"
    path.write_bytes(bytes(shift) + data)
    item = 1 if spelling == "F4" else values.itemsize
    what = slices(spelling, len(data) // item, offset=shift)
    memory = _core.ArrayView.from_numpy(np.frombuffer(path.read_bytes(), np.uint8), "F8_E8M0")
    ways = [(memory, "mmap"), (file_source(path), "mmap"), (file_source(path), "pread")]
    for threads, chunk in itertools.product(range(1, 9), (4096, 100_001, 1 << 20)):
        source, io = ways[threads % len(ways)]
        _core.use_kernels(LEVELS[chunk % len(LEVELS)])
        found = noted(source, what, io=io, threads=threads, chunk_bytes=chunk)
        assert f"{found['digest']:016x}" == expected
        assert found["zero_blocks"] == blocks
        assert found["negatives"] == np.count_nonzero(values.astype(np.float64) < 0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("spelling", ["BF16", "F8_E5M2", "F4", "F32", "F64"])
def test_fed_bytes_in_any_cut_have_the_same(spelling, seed, tmp_path):
    data = stored(spelling, draw("normal_0.02", spelling, 400_000, seed=seed))
    item = 1 if spelling == "F4" else FORMATS[spelling].itemsize
    shift = 5 + seed
    scan = _core.FedScan(
        files=[(b"weights", shift + len(data))],
        slices=slices(spelling, len(data) // item, offset=shift),
        options=options(),
        directory=str(tmp_path).encode(),
    )
    rng = np.random.default_rng(seed)
    cuts = sorted({0, len(data), *rng.integers(0, len(data), (3, 40, 500, 3000)[seed]).tolist()})
    ranges = list(itertools.pairwise(cuts))
    rng.shuffle(ranges)
    for begin, end in ranges:
        scan.feed(0, shift + begin, data[begin:end])
    found = scan.finish().numbers()[0]
    assert f"{found['digest']:016x}" == page_digest.digest(data)


def test_every_flipped_bit_of_two_pages_shows():
    data = random_bytes(3000)
    first = digest_of_memory(data)
    for place in range(data.size):
        for bit in range(8):
            data[place] ^= 1 << bit
            assert digest_of_memory(data) != first
            data[place] ^= 1 << bit


def test_flipped_bits_show_in_every_format(tmp_path, write_checkpoint):
    """More than 2,000 flips, one of each tensor at a time."""
    rng = np.random.default_rng(19)
    elements = {spelling: int(rng.integers(100, 6000)) * 8 for spelling in BITS}
    raw = {name: random_bytes(n * BITS[name] // 8) for name, n in elements.items()}

    def digests():
        tensors = {name: (name, (elements[name],), raw[name].tobytes()) for name in BITS}
        kept = wg.scan(write_checkpoint(tmp_path / "m.safetensors", tensors), threads=1)
        return {row["tensor"]: row["digest"] for row in kept.tensors}

    before = digests()
    assert before == {name: page_digest.digest(data.tobytes()) for name, data in raw.items()}
    assert len(before) == 22
    for _ in range(92):
        flips = {name: (rng.integers(data.size), rng.integers(8)) for name, data in raw.items()}
        for name, (place, bit) in flips.items():
            raw[name][place] ^= np.uint8(1 << bit)
        after = digests()
        assert all(after[name] != before[name] for name in BITS)
        before = after


def test_exchanged_numbers_pages_and_chunks_show():
    rng = np.random.default_rng(8)
    data = random_bytes(64 * 2048)
    first = digest_of_memory(data)
    for size in (2, 4, 8, 64, 2048, 8192):
        parts = data.reshape(-1, size)
        for _ in range(200):
            a, b = rng.choice(len(parts), 2, replace=False)
            if (parts[a] == parts[b]).all():
                continue
            other = parts.copy()
            other[[a, b]] = parts[[b, a]]
            assert digest_of_memory(other.ravel()) != first
    one, two = random_bytes(1 << 16, 1), random_bytes(1 << 16, 2)
    before = digest_of_memory(one), digest_of_memory(two)
    half = one[1 << 15 :].copy()
    one[1 << 15 :], two[1 << 15 :] = two[1 << 15 :].copy(), half
    assert digest_of_memory(one) != before[0] and digest_of_memory(two) != before[1]


def test_lengths_and_permuted_alike_numbers_differ():
    zeros = [digest_of_memory(np.zeros(size, np.uint8)) for size in range(5000)]
    assert len(set(zeros)) == 5000
    # A page in which every number is 0 or 1: sums of powers alone would not tell their order.
    found = set()
    for place in range(256):
        numbers = np.zeros(256, np.uint64)
        numbers[place] = 1
        found.add(digest_of_memory(numbers.view(np.uint8)))
    assert len(found) == 256


def test_a_lost_page_is_seen_at_every_alignment():
    whole = np.maximum(random_bytes(10_000), 1)
    for begin in range(2049):
        data = whole.copy()
        data[begin : begin + 4096] = 0
        view = _core.ArrayView.from_numpy(data, "F8_E8M0")
        found = noted(view, slices("F8_E8M0", data.size, noted=DIGEST))["zero_blocks"]
        assert found == page_digest.zero_blocks(data.tobytes()) >= 1


def test_an_unfinished_block_of_zeros_is_none(tmp_path, write_checkpoint):
    path = write_checkpoint(tmp_path / "m.safetensors", {"w": ("F32", (1000,), bytes(4000))})
    (item,) = wg.fit(path)
    assert (item.zero_blocks, item.levels, item.negatives) == (1, 0, 0)


def test_saved_counts_keep_them(tmp_path, write_checkpoint):
    rng = np.random.default_rng(2)
    normal = rng.normal(size=(64, 96)).astype("<f4")
    tensors = {
        "h.0.attn.q_proj.weight": ("F32", normal.shape, normal.tobytes()),
        "h.0.attn.k_proj.weight": ("BF16", (0, 4), b""),
        "position_ids": ("I64", (40,), rng.bytes(320)),
    }
    path = write_checkpoint(tmp_path / "m.safetensors", tensors)
    wg.scan(path).save(tmp_path / "m.wghist")
    kept = wg.ModelHistograms.load(tmp_path / "m.wghist")
    expected = {name: page_digest.digest(data) for name, (_, _, data) in tensors.items()}
    assert {row["tensor"]: row["digest"] for row in kept.tensors} == expected
    assert same(wg.fit(kept), wg.fit(path))
    for trim in ("mid_90", "full"):
        for one, other in zip(wg.fit(kept, trim=trim), wg.fit(path, trim=trim), strict=True):
            assert_fitted_anew(one, other)
    found = {item.tensor: item.digest for item in wg.fit(path)}
    assert found == {**expected, "position_ids": None}  # a fit does not read what it cannot count
