"""Make safetensors files and sharded checkpoints for tests, valid or wrong in one chosen way."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# dtype in the spelling of safetensors, shape, little-endian bytes
Tensor = tuple[str, list[int], bytes]

TWO_FLOATS: Tensor = ("F32", [2], struct.pack("<2f", 1.0, -2.0))


def pack(header: str | bytes | Mapping[str, Any], data: bytes = b"") -> bytes:
    """Put the length before a header and the data behind it; nothing is checked."""
    if isinstance(header, Mapping):
        header = json.dumps(header)
    raw = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(raw)) + raw + data


def entry(dtype: Any, shape: Any, begin: Any, end: Any) -> dict[str, Any]:
    """One value of the tensor table."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def table_of(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Any], bytes]:
    """Tensor table and data for tensors that follow each other in the given order."""
    table: dict[str, Any] = {}
    data = b""
    for name, (dtype, shape, raw) in tensors.items():
        table[name] = entry(dtype, shape, len(data), len(data) + len(raw))
        data += raw
    return table, data


def safetensors_bytes(
    tensors: Mapping[str, Tensor],
    *,
    metadata: Mapping[str, str] | None = None,
    padded: bool = True,
) -> bytes:
    """A valid file; `padded` fills the header with spaces to a multiple of eight, as writers do."""
    table, data = table_of(tensors)
    if metadata is not None:
        table = {"__metadata__": dict(metadata), **table}
    raw = json.dumps(table, separators=(",", ":")).encode()
    if padded:
        raw += b" " * (-len(raw) % 8)
    return pack(raw, data)


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], **options: Any) -> Path:
    """Write a valid file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(safetensors_bytes(tensors, **options))
    return path


def index_bytes(weight_map: Any) -> bytes:
    """The text of an index."""
    return json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map}).encode()


def sharded_files(shards: Mapping[str, Mapping[str, Tensor]]) -> dict[str, bytes]:
    """File names and contents of a sharded checkpoint with a fitting index and a config.json."""
    files = {name: safetensors_bytes(tensors) for name, tensors in shards.items()}
    weight_map = {tensor: name for name, tensors in shards.items() for tensor in tensors}
    files["model.safetensors.index.json"] = index_bytes(weight_map)
    files["config.json"] = b'{"model_type": "tiny", "hidden_size": 2}'
    return files


def write_files(directory: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a directory, which is made; return the directory."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def write_sharded(directory: Path, shards: Mapping[str, Mapping[str, Tensor]]) -> Path:
    """Write a valid sharded checkpoint; return its directory."""
    return write_files(directory, sharded_files(shards))


TWO_SHARDS: dict[str, dict[str, Tensor]] = {
    "model-00001-of-00002.safetensors": {"embed.weight": TWO_FLOATS, "h.0.weight": TWO_FLOATS},
    "model-00002-of-00002.safetensors": {"h.1.weight": TWO_FLOATS},
}
