"""Files of saved counts that are damaged, foreign or renamed: clear errors."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

import weightgauge as wg
from kept_models import run, same, stored
from weightgauge.errors import HistogramFileError
from weightgauge.scanning.wghist.file import digest_of


@pytest.fixture(scope="module")
def parts(tmp_path_factory, write_checkpoint):
    """Tensors and metadata of a small file of histograms."""
    directory = tmp_path_factory.mktemp("parts")
    tensors = {
        "model.layers.0.self_attn.q_proj.weight": stored((8, 8), "BF16"),
        "model.ids": ("I64", (5,), bytes(40)),
    }
    wg.scan(write_checkpoint(directory / "m.safetensors", tensors)).save(directory / "m.wghist")
    with safe_open(directory / "m.wghist", "np") as file:
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return directory, arrays, dict(file.metadata())


def assert_refused(parts, *, arrays=None, description=None, **metadata):
    directory, good, told = parts
    told = {**told, **metadata}
    if description is not None:
        told["description"] = description
    content = {**good, **(arrays or {})}
    told["sha256"] = digest_of(told["description"], content)  # so that more is looked at
    save_file(content, directory / "bad.wghist", metadata=told)
    with pytest.raises(HistogramFileError) as caught:
        wg.ModelHistograms.load(directory / "bad.wghist")
    assert "bad.wghist" in str(caught.value) and len(str(caught.value)) < 2_000


@pytest.mark.parametrize(
    "arrays",
    [
        {"0.steps": np.zeros(3, np.uint8)},
        {"0.steps": np.ones(3, np.float32)},
        {"0.steps": np.full(64, 2**63, np.uint64)},
        {"0.counts": np.ones(1, np.uint8)},
        {"0.counts": np.ones((2, 2), np.uint8)},
        {"totals": np.zeros((2, 4), np.uint64)},
        {"totals": np.zeros((1, 5), np.uint64)},
        {"totals": np.zeros((3, 5), np.uint64)},
        {"totals": np.full((2, 5), 2**64 - 1, np.uint64)},
        {"totals": np.zeros((2, 5), np.int32)},
    ],
)
def test_damaged_counts(parts, arrays):
    assert_refused(parts, arrays=arrays)


def test_other_versions(parts):
    assert_refused(parts, version="4")
    assert_refused(parts, version="2")
    assert_refused(parts, format="weightgauge.magnitudes.histogram")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{", "[" * 100_000, '{"slices": 3}', '{"a": 1, "a": 2}', '{"per": NaN}'],
)
def test_damaged_descriptions(parts, text):
    assert_refused(parts, description=text)


def places(value, path=()):
    """Every place of a JSON document."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 3, 10**30, 1.5, -0.25, 1e300]),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just([None]),
)


@settings(max_examples=300)
@given(data=st.data())
def test_any_other_value_is_refused_or_harmless(parts, data):
    """One value of the description replaced: a clear error, or histograms that can be fitted."""
    directory, arrays, metadata = parts
    document = json.loads(metadata["description"])
    path = data.draw(st.sampled_from(list(places(document))[1:]))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = data.draw(ODD)
    text = json.dumps(document)
    told = {**metadata, "description": text, "sha256": digest_of(text, arrays)}
    save_file(arrays, directory / "odd.wghist", metadata=told)
    try:
        kept = wg.ModelHistograms.load(directory / "odd.wghist")
    except HistogramFileError as error:
        assert "odd.wghist" in str(error)
        return
    if kept.per == "tensor":
        json.dumps(wg.fit(kept).to_dict(), allow_nan=False)


@settings(max_examples=300)
@given(data=st.data())
def test_any_damage_to_the_file_is_found(parts, data):
    """Bytes changed or cut off: the file is refused, or says what it said before."""
    directory = parts[0]
    good = (directory / "m.wghist").read_bytes()
    raw = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(len(raw) // 2, len(raw))) :]
    (directory / "broken.wghist").write_bytes(raw)
    try:
        kept = wg.ModelHistograms.load(directory / "broken.wghist")
    except HistogramFileError:
        assert raw != good
        return
    assert same(wg.fit(kept), wg.fit(directory / "m.wghist"))


def test_every_single_bit_of_the_counts_is_guarded(parts):
    directory = parts[0]
    good = (directory / "m.wghist").read_bytes()
    begin = 8 + int.from_bytes(good[:8], "little")
    for bit in range(8 * begin, 8 * len(good), 5):
        raw = bytearray(good)
        raw[bit // 8] ^= 1 << bit % 8
        (directory / "flipped.wghist").write_bytes(raw)
        with pytest.raises(HistogramFileError, match="digest"):
            wg.ModelHistograms.load(directory / "flipped.wghist")


def test_counts_are_known_by_what_they_are_too(parts, tmp_path):
    path = tmp_path / "renamed.safetensors"
    path.write_bytes((parts[0] / "m.wghist").read_bytes())
    assert same(wg.fit(path), wg.fit(parts[0] / "m.wghist"))
    assert run("ls", path, "--json").stdout == run("ls", parts[0] / "m.wghist", "--json").stdout


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.wghist")
    with pytest.raises(HistogramFileError, match="no regular file"):
        wg.fit(tmp_path / "pipe.wghist")
