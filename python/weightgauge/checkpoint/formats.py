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
    signature : callable or None
        Tells such a file from its first bytes; None where the name alone tells.
    read : callable or None
        Reads the headers; None for a format that is recognised and refused.
    looks_like : str
        What to call one such file, with advice; follows the words "it looks like".
    several : str
        What to call such files where a directory has nothing else; ``{names}`` stands for the names
        of the first of them. Empty where they are not mentioned.
    """

    name: str
    suffixes: tuple[str, ...] = ()
    signature: Signature | None = None
    read: Reader | None = None
    looks_like: str = ""
    several: str = ""


_CONVERT = "convert it to safetensors first"
_RUNS_CODE = f"it can run code when loaded, so it is never opened here; {_CONVERT}"
_UNPACK = "unpack it first"

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
        name="PyTorch archive",
        suffixes=(".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"),
        signature=starts_with(b"PK\x03\x04"),
        looks_like=f"a zip archive, as torch.save writes: a PyTorch pickle; {_RUNS_CODE}",
        several="PyTorch pickles ({names}), which can run code when loaded and are never opened",
    ),
    FileFormat(
        name="pickle",
        signature=signatures.is_pickle,
        looks_like=f"a Python pickle, as old versions of torch.save write; {_RUNS_CODE}",
    ),
    FileFormat(
        name="GGUF",
        suffixes=(".gguf",),
        signature=starts_with(b"GGUF"),
        looks_like=f"a GGUF file (llama.cpp); {_CONVERT}, or name the original checkpoint",
        several="GGUF files (llama.cpp)",
    ),
    FileFormat(
        name="GGML",
        signature=starts_with(b"lmgg"),
        looks_like=f"a GGML file (llama.cpp); {_CONVERT}",
    ),
    FileFormat(
        name="HDF5",
        suffixes=(".h5",),
        signature=starts_with(b"\x89HDF\r\n\x1a\n"),
        looks_like=f"an HDF5 file (Keras); {_CONVERT}",
        several="HDF5 files (Keras)",
    ),
    FileFormat(name="Flax", suffixes=(".msgpack",), several="Flax files"),
    FileFormat(name="ONNX", suffixes=(".onnx",), several="ONNX files"),
    FileFormat(name="NumPy archive", suffixes=(".npz",), several="NumPy archives"),
    FileFormat(
        name="NumPy array",
        signature=starts_with(b"\x93NUMPY"),
        looks_like="a NumPy .npy array; load it with numpy.load and pass the array",
    ),
    FileFormat(
        name="empty zip",
        signature=starts_with(b"PK\x05\x06"),
        looks_like="an empty zip archive",
    ),
    FileFormat(
        name="gzip",
        signature=starts_with(b"\x1f\x8b"),
        looks_like=f"a gzip archive; {_UNPACK}",
    ),
    FileFormat(
        name="bzip2",
        signature=starts_with(b"BZh"),
        looks_like=f"a bzip2 archive; {_UNPACK}",
    ),
    FileFormat(
        name="xz",
        signature=starts_with(b"\xfd7zXZ\x00"),
        looks_like=f"an xz archive; {_UNPACK}",
    ),
    FileFormat(
        name="Zstandard",
        signature=starts_with(b"\x28\xb5\x2f\xfd"),
        looks_like=f"a Zstandard archive; {_UNPACK}",
    ),
    FileFormat(
        name="7-Zip",
        signature=starts_with(b"7z\xbc\xaf\x27\x1c"),
        looks_like=f"a 7-Zip archive; {_UNPACK}",
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
        looks_like=f"a tar archive; {_UNPACK}",
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
        if size == 0 or found is None or found is SAFETENSORS:
            raise
        if found.read is not None:
            return found.read(source, shard)
        raise NotACheckpointError(
            f"is not a safetensors file: it looks like {found.looks_like}", path=source.shown
        ) from error
