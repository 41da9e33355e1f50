"""Headers to test, and functions to read them or to see them refused."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import textwrap
from pathlib import Path
from unittest.mock import patch

import pytest

from builders import pack, safetensors_bytes
from weightgauge.checkpoint import TensorInfo, open_checkpoint
from weightgauge.checkpoint.safetensors import header as reader
from weightgauge.errors import CheckpointError, HeaderError

VALID = safetensors_bytes(
    {
        "h.0.attn.weight": ("F32", [2, 3], bytes(24)),
        "h.0.attn.bias": ("BF16", [3], bytes(6)),
        "wte.weight": ("F16", [1], bytes(2)),
    },
    metadata={"format": "pt"},
)
EIGHT = bytes(8)


def parse(content: bytes) -> list[TensorInfo]:
    """Parse a file's bytes as if they were read from model.safetensors.

    Every header is read twice: as it is read, and field by field throughout. Both must find the
    same tensors, or refuse it with the same words.
    """
    (length,) = struct.unpack_from("<Q", content)
    header = content[8 : 8 + length]
    with patch.object(reader, "read_usual_entries", return_value=1):
        by_field = outcome(header, file_size=len(content))
    found = outcome(header, file_size=len(content))
    if isinstance(found, HeaderError):
        assert isinstance(by_field, HeaderError)
        assert told(found) == told(by_field)
        raise found
    assert found == by_field
    return list(found.tensors)


def outcome(header: bytes, *, file_size: int) -> reader.TensorTable | HeaderError:
    """Return what a header holds, or why it is refused."""
    try:
        return reader.parse_header(header, file_size=file_size, path="model.safetensors")
    except HeaderError as error:
        return error


def told(error: HeaderError) -> tuple[object, ...]:
    return str(error), error.path, error.tensor, error.offset


def open_bytes(tmp_path: Path, content: bytes) -> list[TensorInfo]:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    return list(open_checkpoint(path).tensors)


def refused(content: bytes, kind: type[CheckpointError] = HeaderError) -> CheckpointError:
    with pytest.raises(kind) as caught:
        parse(content)
    assert caught.value.path == "model.safetensors"
    assert "model.safetensors" in str(caught.value)
    return caught.value


def refused_file(
    tmp_path: Path, content: bytes, kind: type[CheckpointError] = HeaderError
) -> CheckpointError:
    with pytest.raises(kind) as caught:
        open_bytes(tmp_path, content)
    assert type(caught.value) is kind
    assert "model.safetensors" in str(caught.value)
    return caught.value


def entry_text(dtype: str = '"F32"', shape: str = "[2]", offsets: str = "[0,8]") -> str:
    return f'{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}'


def one_tensor(**fields: str) -> bytes:
    return pack(f'{{"h.7.weight":{entry_text(**fields)}}}', EIGHT)


LIMITED = """
import resource
import sys

import weightgauge._core
from weightgauge.checkpoint import open_checkpoint
from weightgauge.errors import HeaderError, NotACheckpointError


def refuse(path):
    try:
        open_checkpoint(path)
    except (HeaderError, NotACheckpointError) as error:
        assert "model.safetensors" in str(error)
        assert len(str(error)) < 2000
    else:
        raise SystemExit("was not refused")


extra_bytes, cpu_seconds = map(int, sys.argv[1:])
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + extra_bytes, used + extra_bytes))
resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
"""


def limited(code: str, *, extra_bytes: int, cpu_seconds: int = 30) -> None:
    """Run code in a process with little memory and time beyond what the imports took."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED + textwrap.dedent(code), str(extra_bytes), str(cpu_seconds)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
