"""The file around a header: its length, other kinds of files, size."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from builders import pack, safetensors_bytes
from header_cases import (
    VALID,
    limited,
    open_bytes,
    refused_file,
)
from weightgauge.checkpoint.safetensors.header import parse_header
from weightgauge.errors import CheckpointError, NotACheckpointError

# ---------------------------------------------------------------- the length


@pytest.mark.parametrize("content", [b"", b"\x10" + bytes(6)], ids=["empty_file", "seven_bytes"])
def test_file_too_short_for_a_length(tmp_path: Path, content: bytes) -> None:
    refused_file(tmp_path, content)


@pytest.mark.parametrize(
    "claimed",
    [0, 10**6, 100_000_001, 2**63, 2**64 - 1],
    ids=["zero", "above_file", "above_limit", "two_to_63", "two_to_64_less_1"],
)
def test_header_length_is_refused_and_named(tmp_path: Path, claimed: int) -> None:
    content = struct.pack("<Q", claimed) + b'{"a":1}' + bytes(9)
    error = refused_file(tmp_path, content)
    assert str(claimed) in str(error)
    assert error.offset == 0


def test_claimed_length_is_not_allocated(tmp_path: Path) -> None:
    sparse = tmp_path / "model.safetensors"
    with sparse.open("wb") as file:
        file.write(struct.pack("<Q", 2**63))
        file.truncate(2**40)
    limited(f"refuse({str(sparse)!r})", extra_bytes=50_000_000)


def test_every_prefix_of_a_valid_file_is_refused(tmp_path: Path) -> None:
    assert len(open_bytes(tmp_path, VALID)) == 3
    for length in range(len(VALID)):
        refused_file(tmp_path, VALID[:length])


# ---------------------------------------------------------------- other kinds of files


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (struct.pack(">Q", 60) + VALID[8:], "big-endian"),
        (b"GGUF\x03\x00\x00\x00" + bytes(64), "GGUF"),
        (b"GGUF\x03\x00\x00\x00" + struct.pack("<Q", 0x7B) + bytes(64), "GGUF"),
        (b"<!DOCTYPE html>\n<html><title>Sign in</title></html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "Git LFS"),
        (b"PK\x03\x04\x00\x00\x08\x08" + bytes(80), "pickle"),
        (b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01u.", "pickle"),
        (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94.", "pickle"),
        (b"\x89HDF\r\n\x1a\n" + bytes(80), "HDF5"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + bytes(600_000), "gzip"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}", "NumPy"),
        (b'{"model_type": "llama", "hidden_size": 4096}', "JSON"),
        (b"please download this file by hand\n", "text"),
    ],
    ids=[
        "big_endian_length",
        "gguf",
        "gguf_of_123_tensors",
        "html_page",
        "lfs_pointer",
        "zip_of_torch_save",
        "pickle_protocol_2",
        "pickle_protocol_4",
        "hdf5",
        "gzip_with_a_plausible_length",
        "npy",
        "json",
        "text",
    ],
)
def test_foreign_file_is_recognised(tmp_path: Path, content: bytes, expected: str) -> None:
    error = refused_file(tmp_path, content, NotACheckpointError)
    assert expected in str(error)


def test_pickle_is_never_unpickled(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    # GLOBAL os.mkdir, one string argument, REDUCE: makes a directory when unpickled
    content = b"cos\nmkdir\n(V" + str(trap).encode() + b"\ntR."
    for payload in (content, b"\x80\x02" + content, pack(content)):
        with pytest.raises(CheckpointError):
            open_bytes(tmp_path, payload)
    assert not trap.exists()


def test_damaged_safetensors_file_is_not_called_something_else(tmp_path: Path) -> None:
    # 123 is "{" and 60 is "<": a length may spell the start of another format
    for length in (0x7B, 0x3C, 0x8B1F, 0x0280, 0x0480):
        header = b'{"a":{"dtype":"F32"}}'.ljust(length)
        error = refused_file(tmp_path, pack(header))
        assert "'a'" in str(error)
        refused_file(tmp_path, pack(header)[:-1])


# ---------------------------------------------------------------- size


def test_a_million_tensors_in_300_megabytes(tmp_path: Path) -> None:
    count = 1_000_000
    path = tmp_path / "model.safetensors"
    rows = (
        f'"m.{i // 1000}.e.{i % 1000}.w":'
        f'{{"dtype":"U8","shape":[2],"data_offsets":[{2 * i},{2 * i + 2}]}}'
        for i in range(count)
    )
    header = ("{" + ",".join(rows) + "}").encode()
    with path.open("wb") as file:
        file.write(pack(header))
        file.truncate(8 + len(header) + 2 * count)
    code = f"""
        checkpoint = open_checkpoint({str(path)!r})
        assert len(checkpoint.tensors) == {count}
        last = checkpoint.tensors[-1]
        assert last.name == "m.999.e.999.w", last
        assert last.offset + last.nbytes == {path.stat().st_size}
    """
    # a minute of processor time: ten times what it takes, and far from anything quadratic
    limited(code, extra_bytes=300_000_000, cpu_seconds=60)


def test_long_names_and_metadata_across_the_reading_window() -> None:
    # entries longer than a reading step, and many of them, so that steps end at odd places
    names = [f"{i:04}" + "y" * (i * 997 % 30_000) for i in range(400)]
    tensors = {name: ("U8", [1], b"\x01") for name in names}
    metadata = {f"k{i}": "v" * 100_000 for i in range(30)}
    content = safetensors_bytes(tensors, metadata=metadata)
    (length,) = struct.unpack_from("<Q", content)
    table = parse_header(content[8 : 8 + length], file_size=len(content), path="m")
    assert [tensor.name for tensor in table.tensors] == names
    assert table.metadata == metadata
