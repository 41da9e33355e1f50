"""Files of saved counts that are damaged, foreign or renamed: clear errors."""

from __future__ import annotations

import errno
import json
import math
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weightgauge as wg
from counts_files import parts_of
from kept_models import run, same, stored
from weightgauge.errors import HistogramFileError


@pytest.fixture(scope="module")
def small(tmp_path_factory, write_checkpoint):
    """A folder with a small file of histograms, and what is in it."""
    directory = tmp_path_factory.mktemp("parts")
    tensors = {
        "model.layers.0.self_attn.q_proj.weight": stored((8, 8), "BF16"),
        "model.ids": ("I64", (5,), bytes(40)),
    }
    path = directory / "m.wghist"
    wg.scan(write_checkpoint(directory / "m.safetensors", tensors)).save(path)
    return directory, parts_of(path.read_bytes())


def assert_refused(directory, content, message=None):
    path = directory / "bad.wghist"
    path.write_bytes(content)
    with pytest.raises(HistogramFileError, match=message) as caught:
        wg.ModelHistograms.load(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: ") and len(told) < 2_000


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("dropped_bits", 3, "table"),
        ("dropped_bits", 2**64 - 1, "table"),
        ("zeros", 1, "counts of slices"),
        ("nans", 2**62, "counts of slices"),
        ("infs", 2**64 - 1, "counts of slices"),
        ("max_key", 0, "counts of slices"),
        ("max_key", 2**64 - 1, "counts of slices"),
        ("entries", 0, "table"),
        ("entries", 1, "counts: have"),
        ("entries", 65, "table.*64 elements"),
        ("entries", 2**64 - 1, "table"),
        ("step_bytes", 3, "table"),
        ("step_bytes", 8, "counts: have"),
        ("count_bytes", 0, "table"),
        ("residual_bytes", 1, "table"),
    ],
)
def test_each_number_of_the_table_is_held_against_the_rest(small, column, value, told):
    directory, parts = small
    row = int(np.flatnonzero(parts.table.any(1))[0])
    assert_refused(directory, parts.with_cell(row, column, value).content(), told)


def test_the_table_has_the_rows_that_are_described(small):
    directory, parts = small
    longer = parts._replace(table=np.vstack([parts.table, parts.table[:1]]))
    assert_refused(directory, longer.content(), "table")
    assert_refused(directory, parts._replace(table=parts.table[:1]).content(), "description: has 2")
    assert_refused(directory, parts._replace(table=parts.table[:, :8]).content(), "8 columns")
    empty = int(np.flatnonzero(~parts.table.any(1))[0])
    assert_refused(directory, parts.with_cell(empty, "zeros", 1).content(), f"table.{empty}.")


def test_counts_are_those_that_are_described(small):
    directory, parts = small
    assert_refused(directory, parts._replace(counts=parts.counts + b"\1").content(), "counts: have")
    assert_refused(directory, parts._replace(counts=bytes(len(parts.counts))).content(), "a zero")
    ones = b"\1" * len(parts.counts)
    assert_refused(directory, parts._replace(counts=ones).content(), "counts of slices")


def test_other_versions_and_forms(small):
    directory, parts = small
    assert_refused(directory, parts.content(version="5"), "version '5'")
    assert_refused(directory, parts.content(version="3"), "version '3'")
    assert_refused(
        directory, parts.content(format="weightgauge.magnitudes.histogram"), "holds one histogram"
    )
    assert_refused(directory, parts.content(more="entries"), "metadata")


HUGE = 10**299  # the longest integer that is read at all


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "null", "{", "[" * 100_000, '{"slices": 3}', '{"a": 1, "a": 2}', "\0" * 5_000),
        *('{"per": NaN}', '{"files": ' + "9" * 5_000 + "}", f'{{"files": {10 * HUGE}}}'),
    ],
    ids=range(11),
)
def test_damaged_descriptions(small, text):
    directory, parts = small
    spaces = " " * (1_000 - min(1_000, len(text)))  # so that it is long enough for two slices
    assert_refused(directory, parts._replace(text=text + spaces).content(), "description")


ODD_MEMBERS = [
    *((("slices", 0, "status"), word) for word in ("sound", "", None, 3, "few_magnitudes")),
    *((("slices", 0, "k"), value) for value in (None, -1.0, 0, "1.2", HUGE, -HUGE, True)),
    *((("slices", 0, "n"), value) for value in (2**52 + 1, 2**62, 2**63, 1.0, -1, HUGE, None)),
    *((("slices", 0, "r2"), value) for value in (40.0, -0.5, None)),
    *((("slices", 0, "k_se"), value) for value in (1e300, -0.1, None)),
    (("slices", 0, "spread", "rows"), 1e300),
    *((("slices", 0, "max"), value) for value in (HUGE, 10**30, [], False)),
    *((("slices", 0, "shape"), value) for value in ([2**63, 2], [1] * 65, [-1], [8, 8, 1.0], 64)),
    *((("slices", 0, name), "\x1b[31m") for name in ("kind", "tower", "dtype", "part", "digest")),
    *((("slices", 0, name), "\x1b[31m") for name in ("errors_from", "counted", "scale")),
    *((("slices", 0, "block"), value) for value in (HUGE, 1.5, "0")),
    *((("slices", 0, "scale"), value) for value in (-1.0, None, HUGE)),
    *((("slices", 1, "k"), value) for value in (1.2, 0.0)),
    (("slices", 1, "counted"), "I64"),
    (("slices", 1, "extra"), 1),
    (("tensors", 0, "bytes"), 2**62),
    (("tensors", 0, "dtype"), "BF17"),
    (("architecture", "tied"), "yes"),
    (("architecture", "towers", 0, "attention"), "mha"),
    (("architecture", "towers", 0, "hidden"), HUGE),
    (("per",), "row"),
    (("files",), -1),
    (("warnings", 0), 3),
    (("findings", 0, "id"), "no-such-rule"),
    (("findings", 0, "level"), "error"),
    (("findings", 0, "value"), HUGE),
    (("findings", 0, "kind"), "queries"),
]


@pytest.mark.parametrize(("path", "value"), ODD_MEMBERS, ids=lambda value: repr(value)[:40])
def test_a_member_beyond_its_words_or_range_is_named(small, path, value):
    """The error names file and member, whatever the member holds."""
    directory, parts = small
    document = parts.description
    tensor = document["slices"][0]["tensor"]
    names = ("tensor", "part", "kind", "block", "tower", "expert", "head", "value", "expected")
    finding = dict.fromkeys((*names, "hint", "step", "model"))
    finding |= {"id": "empty", "level": "fault", "message": "it is", "tensor": tensor}
    document["findings"], document["warnings"] = [finding], [""]
    whole = parts.described(document)
    (directory / "whole.wghist").write_bytes(whole.content())
    wg.ModelHistograms.load(directory / "whole.wghist")
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    member = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)[1:]
    content = parts.described(document).content()
    assert_refused(directory, content, "description: ")
    with pytest.raises(HistogramFileError) as caught:
        wg.ModelHistograms.load(directory / "bad.wghist")
    assert f": {member}" in str(caught.value)
    result = run("fit", directory / "bad.wghist")
    assert result.exit_code == 1 and "\x1b" not in result.stderr


def test_no_member_may_be_left_out(small):
    directory, parts = small
    for name in parts.description["slices"][0]:
        document = parts.description
        del document["slices"][0][name]
        content = parts.described(document).content()
        assert_refused(directory, content, rf"slices\[0\].{name}: is missing")


def places(value, path=()):
    """Every place of a JSON document."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 3, 2**52, 2**62, 10**30, HUGE, 1.5, -0.25, 1e300]),
    st.sampled_from(["ok", "sparse", "F32", "F64", "q", "fault", "expert", "inf", "\x1b[31m"]),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just([None]),
)


@settings(max_examples=400)
@given(data=st.data())
def test_any_other_value_is_refused_or_harmless(small, data):
    """One value of the description replaced: a clear error, or histograms that can be used."""
    directory, parts = small
    document = parts.description
    path = data.draw(st.sampled_from(list(places(document))[1:]))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = data.draw(ODD)
    odd = directory / "odd.wghist"
    odd.write_bytes(parts.described(document).content())
    try:
        kept = wg.ModelHistograms.load(odd)
    except HistogramFileError as error:
        assert "odd.wghist" in str(error)
        return
    if kept.per == "tensor":
        found = wg.fit(kept)
        assert all(math.isfinite(each.k) for each in found.slices if each.fitted)
        json.dumps(found.to_dict(), allow_nan=False)
        json.dumps(wg.diagnose(kept).to_dict(), allow_nan=False)
        for command in (("fit",), ("ls",), ("diagnose",), ("compare", odd)):
            result = run(*command, odd)
            assert result.exit_code != 70, (command, result.stderr)
            assert "\x1b" not in result.output


def test_every_prefix_is_refused(small):
    directory = small[0]
    content = (directory / "m.wghist").read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    for length in {*range(header + 64), *range(0, len(content), 23), len(content) - 1}:
        assert_refused(directory, content[:length])
    assert_refused(directory, content + b"\0")


def test_every_flipped_byte_is_found_or_harmless(small):
    """A flip in each byte: one typed error, or the same histograms (in the header's spaces)."""
    directory = small[0]
    content = (directory / "m.wghist").read_bytes()
    wanted = wg.fit(directory / "m.wghist")
    header = 8 + int.from_bytes(content[:8], "little")
    for place in range(len(content)):
        raw = bytearray(content)
        raw[place] ^= 1 << place % 8
        if place >= header:
            assert_refused(directory, raw)
            continue
        (directory / "flipped.wghist").write_bytes(raw)
        try:
            kept = wg.ModelHistograms.load(directory / "flipped.wghist")
        except HistogramFileError as error:
            assert "flipped.wghist: " in str(error)
        else:
            assert same(wg.fit(kept), wanted)


@settings(max_examples=200)
@given(data=st.data())
def test_any_damage_to_the_file_is_found(small, data):
    """Bytes changed or cut off: the file is refused, or says what it said before."""
    directory = small[0]
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


def test_the_digest_guards_numbers_that_nothing_else_contradicts(small):
    """One count more, another less: nothing but the digest can tell."""
    directory, parts = small
    raw = bytearray((directory / "m.wghist").read_bytes())
    row = parts.table[parts.table.any(1)][0]
    entries = int(row[5])
    first = len(raw) - len(parts.counts) + entries * int(row[6])
    assert entries > 2 and row[7] == 1
    raw[first] += 1
    more = next(i for i in range(1, entries) if raw[first + i] > 1)
    raw[first + more] -= 1
    assert_refused(directory, raw, "digest")


def test_counts_are_known_by_what_they_are_too(small, tmp_path):
    path = tmp_path / "renamed.safetensors"
    path.write_bytes((small[0] / "m.wghist").read_bytes())
    assert same(wg.fit(path), wg.fit(small[0] / "m.wghist"))
    assert run("ls", path, "--json").stdout == run("ls", small[0] / "m.wghist", "--json").stdout


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.wghist")
    with pytest.raises(HistogramFileError, match="a pipe"):
        wg.fit(tmp_path / "pipe.wghist")


@pytest.mark.parametrize("load", [wg.ModelHistograms.load, wg.MagnitudeHistogram.load])
def test_what_cannot_be_read_is_not_told_as_missing(tmp_path, load):
    os.symlink("round.wghist", tmp_path / "round.wghist")
    (tmp_path / "file").write_bytes(b"")
    unreadable = (tmp_path / "round.wghist", tmp_path / "file" / "m.wghist", tmp_path / ("m" * 300))
    for path in unreadable:
        with pytest.raises(HistogramFileError, match="cannot be opened") as caught:
            load(path)
        assert "no such file" not in str(caught.value)
    with pytest.raises(HistogramFileError, match="no such file"):
        load(tmp_path / "nothing")
    with pytest.raises(HistogramFileError, match="NUL"):
        load("a\0b.wghist")


@pytest.mark.parametrize("load", [wg.ModelHistograms.load, wg.MagnitudeHistogram.load])
@pytest.mark.parametrize("call", ["open", "pread"])
def test_faults_of_the_disk_are_told_as_such(small, monkeypatch, load, call):
    def fails(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(HistogramFileError, match=r"m\.wghist: .*Input/output error"):
        load(small[0] / "m.wghist")
