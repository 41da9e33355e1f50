"""The table of file formats: each format is told from all others, and its words are shown."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from weightgauge import open_checkpoint
from weightgauge.checkpoint.formats import FORMATS, SAFETENSORS, format_of
from weightgauge.errors import NotACheckpointError

HEADER = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'

# The first bytes by which each format's own documentation says that it is known.
STARTS = {
    "safetensors": struct.pack("<Q", len(HEADER)) + HEADER + bytes(4),
    "big-endian safetensors": struct.pack(">Q", len(HEADER)) + HEADER + bytes(4),
    "PyTorch archive": b"PK\x03\x04\x14\x00",
    "pickle": b"\x80\x02}q\x00.",
    "GGUF": b"GGUF\x03\x00\x00\x00",
    "GGML": b"lmgg\x01\x00\x00\x00",
    "HDF5": b"\x89HDF\r\n\x1a\n\x00",
    "NumPy array": b"\x93NUMPY\x01\x00",
    "empty zip": b"PK\x05\x06" + bytes(18),
    "gzip": b"\x1f\x8b\x08\x00",
    "bzip2": b"BZh91AY&SY",
    "xz": b"\xfd7zXZ\x00\x00\x04",
    "Zstandard": b"\x28\xb5\x2f\xfd\x24\x00",
    "7-Zip": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "ELF": b"\x7fELF\x02\x01\x01",
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "tar": bytes(257) + b"ustar\x0000",
    "HTML": b"\n<!DOCTYPE html><html>",
    "JSON": b'{"error": "not found"}',
    "text": b"Entry not found",
}


def test_every_signature_has_a_case() -> None:
    assert STARTS.keys() == {each.name for each in FORMATS if each.signature is not None}


@pytest.mark.parametrize("name", STARTS)
def test_each_format_is_told_from_all_others(name: str) -> None:
    head = STARTS[name]
    found = format_of(head[:512], len(head))
    assert found is not None
    assert found.name == name


def test_bytes_of_no_format_are_nothing() -> None:
    assert format_of(bytes(range(1, 129)) * 4, 512) is None
    assert format_of(b"", 0) is None


@pytest.mark.parametrize("name", sorted(STARTS.keys() - {"safetensors"}))
def test_a_refused_format_is_named_with_its_advice(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(STARTS[name] + bytes(64 if b"\x00" in STARTS[name] else 0))
    row = next(each for each in FORMATS if each.name == name)
    with pytest.raises(NotACheckpointError) as caught:
        open_checkpoint(path)
    assert str(caught.value) == (
        f"{path}: is not a safetensors file: it looks like {row.looks_like}"
        + (f"; {row.advice}" if row.advice else "")
    )


def test_a_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(STARTS["safetensors"])
    assert [tensor.name for tensor in open_checkpoint(path).tensors] == ["w"]


@pytest.mark.parametrize(
    ("suffix", "name"),
    [(suffix, each.name) for each in FORMATS if each.several for suffix in each.suffixes],
)
def test_a_directory_of_other_files_says_what_they_are(
    tmp_path: Path, suffix: str, name: str
) -> None:
    (tmp_path / f"weights{suffix.upper()}").write_bytes(b"")
    row = next(each for each in FORMATS if each.name == name)
    with pytest.raises(NotACheckpointError) as caught:
        open_checkpoint(tmp_path)
    assert row.several in str(caught.value)
    assert row.advice and str(caught.value).endswith(f"; {row.advice}")


def test_names_and_suffixes_are_used_once() -> None:
    names = [each.name for each in FORMATS]
    suffixes = [suffix for each in FORMATS for suffix in each.suffixes]
    assert len(names) == len(set(names))
    assert len(suffixes) == len(set(suffixes))
    assert SAFETENSORS in FORMATS
