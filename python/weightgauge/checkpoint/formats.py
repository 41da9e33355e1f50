"""The file formats that are known, as one table, and the reading of a file by that table.

A format whose row has a reader is read. All other formats are only recognised, so that the error
can say what the file is and what to do with it. To add a format that can be read, write its reader
and give it a row; nothing else opens files of weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weightgauge.checkpoint import signatures
from weightgauge.checkpoint.byte_source import ByteSource
from weightgauge.checkpoint.safetensors.header import TensorTable
from weightgauge.checkpoint.safetensors.shard import read_shard
from weightgauge.checkpoint.signatures import HEAD_BYTES, Signature, starts_with
from weightgauge.errors import HeaderError, NotACheckpointError

Reader = Callable[[ByteSource, int], TensorTable]
"""Takes the bytes of a file and its place among the shards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """One row of the table.

    Attributes
    ----------
    name : str
        Short name.
    suffixes : tuple of str
        Endings of the names of such files, in lower case.
    prefixes : tuple of str
        Beginnings of the names of such files, where these tell more than their endings.
    signature : callable or None
        Tells such a file from its first bytes; None where the name alone tells.
    read : callable or None
        Reads the headers; None for a format that is recognised and refused.
    looks_like : str
        What to call one such file; follows the words "it looks like".
    several : str
        What to call such files in a directory. Empty where they are not mentioned.
    advice : str
        What to do about such files; a clause.
    """

    name: str
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    signature: Signature | None = None
    read: Reader | None = None
    looks_like: str = ""
    several: str = ""
    advice: str = ""


_CONVERT = "convert it to safetensors first"
_UNPACK = "unpack it first"
_NEVER_OPENED = "it can run code when loaded, so it is never opened here"
_FROM_TORCH = (
    'python -c "import torch; from safetensors.torch import save_file as s; '
    "s({k: v.clone() for k, v in torch.load('FILE', map_location='cpu', weights_only=True)"
    ".items()}, 'model.safetensors')\""
)
_FROM_GGUF = (
    'python -c "from transformers import AutoModelForCausalLM as M; '
    "M.from_pretrained('DIR', gguf_file='FILE').save_pretrained('OUT')\""
)
_FROM_ONNX = (
    'python -c "import onnx, onnx.numpy_helper as h; from safetensors.numpy import save_file as s; '
    "s({t.name: h.to_array(t) for t in onnx.load('FILE').graph.initializer}, "
    "'model.safetensors')\""
)
_FROM_NPZ = (
    'python -c "import numpy; from safetensors.numpy import save_file as s; '
    "s(dict(numpy.load('FILE')), 'model.safetensors')\""
)
_PICKLE_ADVICE = f"{_NEVER_OPENED}; convert it with: {_FROM_TORCH}"

SAFETENSORS = FileFormat(
    name="safetensors",
    suffixes=(".safetensors",),
    signature=signatures.is_safetensors,
    read=read_shard,
)
INDEX = FileFormat(name="index of safetensors shards", suffixes=(".index.json",))
HISTOGRAMS = FileFormat(  # a safetensors file, from which `weightgauge.scanning` makes histograms
    name="histograms of a model",
    suffixes=(".wghist",),
    read=read_shard,
)

# The first row whose signature fits decides.
FORMATS: tuple[FileFormat, ...] = (
    FileFormat(
        name="big-endian safetensors",
        signature=signatures.is_big_endian_safetensors,
        looks_like=(
            "a safetensors file whose header length is big-endian; the format wants "
            "little-endian, so the program that wrote it is at fault"
        ),
    ),
    SAFETENSORS,
    INDEX,
    HISTOGRAMS,
    FileFormat(
        name="distributed checkpoint of PyTorch",
        suffixes=(".distcp", ".metadata"),
        looks_like="a part of a distributed checkpoint of PyTorch",
        several="parts of a distributed checkpoint of PyTorch",
        advice=(
            "convert it with: python -m torch.distributed.checkpoint.format_utils dcp_to_torch "
            f"DIR FILE, and then: {_FROM_TORCH}"
        ),
    ),
    FileFormat(
        name="DeepSpeed",
        prefixes=("zero_pp_rank_", "bf16_zero_pp_rank_", "mp_rank_"),
        looks_like="a part of a checkpoint of DeepSpeed or Megatron",
        several="parts of a checkpoint of DeepSpeed or Megatron",
        advice=(
            "convert it with the program that DeepSpeed put beside it: python zero_to_fp32.py DIR "
            "OUT --safe_serialization (of Megatron: with its own converter)"
        ),
    ),
    FileFormat(
        name="NumPy archive",
        suffixes=(".npz",),
        looks_like="a NumPy archive",
        several="NumPy archives",
        advice=f"convert it with: {_FROM_NPZ}",
    ),
    FileFormat(
        name="PyTorch archive",
        suffixes=(".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"),
        signature=starts_with(b"PK\x03\x04"),
        looks_like="a PyTorch pickle, as torch.save writes",
        several="PyTorch pickles",
        advice=_PICKLE_ADVICE,
    ),
    FileFormat(
        name="pickle",
        signature=signatures.is_pickle,
        looks_like="a Python pickle, as old versions of torch.save write",
        advice=_PICKLE_ADVICE,
    ),
    FileFormat(
        name="GGUF",
        suffixes=(".gguf",),
        signature=starts_with(b"GGUF"),
        looks_like="a GGUF file (llama.cpp)",
        several="GGUF files (llama.cpp)",
        advice=f"name the checkpoint that it was made from, or convert it with: {_FROM_GGUF}",
    ),
    FileFormat(
        name="GGML",
        signature=starts_with(b"lmgg"),
        looks_like="a GGML file (llama.cpp)",
        advice=_CONVERT,
    ),
    FileFormat(
        name="HDF5",
        suffixes=(".h5",),
        signature=starts_with(b"\x89HDF\r\n\x1a\n"),
        looks_like="an HDF5 file (Keras)",
        several="HDF5 files (Keras)",
        advice=_CONVERT,
    ),
    FileFormat(
        name="Flax",
        suffixes=(".msgpack",),
        looks_like="a Flax file",
        several="Flax files",
        advice=_CONVERT,
    ),
    FileFormat(
        name="ONNX",
        suffixes=(".onnx", ".onnx_data"),
        looks_like="an ONNX file",
        several="ONNX files",
        advice=f"convert it with: {_FROM_ONNX}",
    ),
    FileFormat(
        name="NumPy array",
        signature=starts_with(b"\x93NUMPY"),
        looks_like="a NumPy .npy array",
        advice="load it with numpy.load and pass the array",
    ),
    FileFormat(
        name="empty zip",
        signature=starts_with(b"PK\x05\x06"),
        looks_like="an empty zip archive",
    ),
    FileFormat(
        name="gzip",
        signature=starts_with(b"\x1f\x8b"),
        looks_like="a gzip archive",
        advice=_UNPACK,
    ),
    FileFormat(
        name="bzip2",
        signature=starts_with(b"BZh"),
        looks_like="a bzip2 archive",
        advice=_UNPACK,
    ),
    FileFormat(
        name="xz",
        signature=starts_with(b"\xfd7zXZ\x00"),
        looks_like="an xz archive",
        advice=_UNPACK,
    ),
    FileFormat(
        name="Zstandard",
        signature=starts_with(b"\x28\xb5\x2f\xfd"),
        looks_like="a Zstandard archive",
        advice=_UNPACK,
    ),
    FileFormat(
        name="7-Zip",
        signature=starts_with(b"7z\xbc\xaf\x27\x1c"),
        looks_like="a 7-Zip archive",
        advice=_UNPACK,
    ),
    FileFormat(name="ELF", signature=starts_with(b"\x7fELF"), looks_like="an executable"),
    FileFormat(
        name="Git LFS pointer",
        signature=starts_with(b"version https://git-lfs.github.com/spec/"),
        looks_like=(
            "a Git LFS pointer, the placeholder of a file that was not downloaded; run "
            "'git lfs pull'"
        ),
    ),
    FileFormat(
        name="tar",
        signature=signatures.is_tar,
        looks_like="a tar archive",
        advice=_UNPACK,
    ),
    FileFormat(
        name="HTML",
        signature=signatures.is_html,
        looks_like="an HTML page, perhaps a login or error page saved in place of the file",
    ),
    FileFormat(
        name="JSON",
        signature=signatures.is_json,
        looks_like="a JSON text, not a file of weights",
    ),
    FileFormat(name="text", signature=signatures.is_text, looks_like="a text file"),
)


PICKLES = tuple(each for each in FORMATS if each.advice == _PICKLE_ADVICE)
"""Formats that can run code when they are loaded."""


def format_of(head: bytes, file_size: int) -> FileFormat | None:
    """Tell the format of a file from its first bytes.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` bytes, or all bytes of a shorter file.
    file_size : int
        Length of the whole file in bytes.

    Returns
    -------
    FileFormat or None
        None where no row fits.
    """
    return next(
        (each for each in FORMATS if each.signature and each.signature(head, file_size)), None
    )


def format_by_name(name: str) -> FileFormat | None:
    """Tell the format of a file from its name, as far as names tell; None where they do not."""
    bare = name.rpartition("/")[2].lower()
    ends = next((each for each in FORMATS if each.suffixes and bare.endswith(each.suffixes)), None)
    starts = next(
        (each for each in FORMATS if each.prefixes and bare.startswith(each.prefixes)), None
    )
    return ends if starts is None or ends is SAFETENSORS else starts


def read_headers(source: ByteSource, *, shard: int = 0) -> TensorTable:
    """Read the headers of one file of weights; its weights are not touched.

    Parameters
    ----------
    source : ByteSource
        The file's bytes.
    shard : int
        Its place among the shards, which every tensor records.

    Returns
    -------
    TensorTable

    Raises
    ------
    HeaderError
        If the header breaks a rule of the format.
    NotACheckpointError
        If the bytes cannot be read, or the file has a format that is not read.
    FileChangedError
        If there are fewer bytes than the source's size said.
    """
    try:
        # Nearly every file is a safetensors file, so that reader comes first. Signatures are
        # looked at only where it fails.
        return read_shard(source, shard)
    except HeaderError as error:
        size = source.size
        found = format_of(source.read(0, min(size, HEAD_BYTES)), size)
        if size == 0 or found is SAFETENSORS:
            raise
        if found is not None and found.read is not None:
            return found.read(source, shard)
        told, advice = _told(found, format_by_name(source.shown))
        if not told:
            raise
        problem = f"is not a safetensors file: {told}" + (f"; {advice}" if advice else "")
        raise NotACheckpointError(problem, path=source.shown, hint=advice) from error


def _told(found: FileFormat | None, named: FileFormat | None) -> tuple[str, str]:
    """Say what a file is by its bytes, or by its name where that tells more, and what to do.

    Both are "" if neither bytes nor name tell what it is.
    """
    if named is not None and (named.read is not None or not named.looks_like):
        named = None
    # Several formats are zip archives or pickles, which only names tell apart.
    general = found in PICKLES and named not in PICKLES
    if named is not None and (found is None or general):
        return f"by its name it is probably {named.looks_like}", named.advice
    if found is None:
        return "", ""
    return f"it looks like {found.looks_like}", found.advice
