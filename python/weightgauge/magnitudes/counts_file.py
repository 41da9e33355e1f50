"""Files of counts that weightgauge writes, read as if a stranger had written them.

They are safetensors files with few tensors of known names. A file is believed step by step: first
its header, then what describes the counts, then the counts, of which no more is read at once than
was described. A digest of everything is compared at the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from weightgauge.checkpoint.byte_source import ByteSource
from weightgauge.checkpoint.formats import read_headers
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.checkpoint.safetensors.header import LENGTH_BYTES
from weightgauge.checkpoint.safetensors.writing import WrittenTensor, file_of
from weightgauge.errors import CheckpointError, HistogramFileError, printable

if TYPE_CHECKING:
    import hashlib

    from numpy.typing import NDArray

PIECE_BYTES = 1 << 22
"""No more is read at once: what is damaged is refused before the rest of it is read."""

MOST_HEADER_BYTES = 1 << 16
"""A header of a few tensors takes a few hundred bytes."""

_DIGEST = "sha256"
_HEXADECIMAL = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CountsForm:
    """What a file of one form has.

    Attributes
    ----------
    format, version : str
        What its metadata say under these names.
    tensors : mapping of str to (str, int)
        Element format and rank of each tensor, in the order of the file.
    entries : frozenset of str
        Names of further entries of the metadata, which may be missing.
    """

    format: str
    version: str
    tensors: Mapping[str, tuple[str, int]]
    entries: frozenset[str] = frozenset()


def counts_file(form: CountsForm, tensors: Sequence[WrittenTensor], **entries: str) -> bytes:
    """Return the content of a file of counts.

    Parameters
    ----------
    form : CountsForm
        Its form.
    tensors : sequence of WrittenTensor
        Its tensors, in the order of the form.
    **entries : str
        Further entries of the metadata.

    Returns
    -------
    bytes
        The same for the same content every time.
    """
    metadata = {"format": form.format, "version": form.version, **entries}
    digests = []
    for tensor in tensors:
        digests.append(sha256())
        for piece in tensor.pieces:
            digests[-1].update(piece)
    return file_of(tensors, {**metadata, _DIGEST: _digest_of(metadata, digests)})


class CountsReader:
    """A file of counts, of which nothing but the header is known yet.

    Whoever reads it has to read each tensor from its beginning to its end, and to call
    `check_digest` then.

    Parameters
    ----------
    source : ByteSource
        The bytes of the file.
    form : CountsForm
        What it has to be.

    Attributes
    ----------
    metadata : dict of str to str
        The entries of the header's metadata.
    shown : str
        What messages call the file.

    Raises
    ------
    HistogramFileError
        It is something else.
    CheckpointError, FileChangedError
        It is no safetensors file, or cannot be read.
    """

    def __init__(self, source: ByteSource, form: CountsForm) -> None:
        self._source = source
        self.shown = printable(source.shown, limit=1000)
        self._check_header_length()
        table = read_headers(source)
        self.metadata = table.metadata
        self._check_form(form)
        found = {each.name: each for each in table.tensors}
        if found.keys() != form.tensors.keys():
            self.fail("the tensors", f"are not {', '.join(form.tensors)}")
        for name, (dtype, rank) in form.tensors.items():
            if found[name].dtype != dtype or len(found[name].shape) != rank:
                self.fail(name, f"is not of {rank} dimensions with elements of {dtype}")
        self._places = {name: each.offset for name, each in found.items()}
        self._shapes = {name: each.shape for name, each in found.items()}
        self._digests = {name: sha256() for name in form.tensors}

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Return the shape of a tensor, which fits its bytes in the file, but may be absurd."""
        return self._shapes[tensor]

    def read(self, tensor: str, length: int) -> bytes:
        """Return the next bytes of a tensor, of which that many must be left.

        Raises
        ------
        FileChangedError
            If the file has become shorter.
        CheckpointError
            If the system cannot read it.
        """
        content = self._source.read(self._places[tensor], length)
        self._places[tensor] += length
        self._digests[tensor].update(content)
        return content

    def words(self, tensor: str, width: int, count: int, *, zeros: int) -> NDArray[Any]:
        """Return the next elements of a tensor as unsigned integers.

        Parameters
        ----------
        tensor : str
            Its name.
        width : int
            Bytes of an integer: 1, 2, 4 or 8.
        count : int
            How many.
        zeros : int
            How many of the first ones may be zero. A sparse file, which holds nothing but zeros and
            takes no room, is refused at its first piece.

        Raises
        ------
        HistogramFileError
            If there is another zero.
        """
        format_ = np.dtype(f"<u{width}")
        words = np.empty(0, format_)
        step = PIECE_BYTES // width
        for begin in range(0, count, step):
            end = min(begin + step, count)
            piece = np.frombuffer(self.read(tensor, (end - begin) * width), format_)
            if not piece[max(zeros - begin, 0) :].all():
                self.fail(tensor, "has a zero where none can be")
            if end - begin == count:
                return piece
            if begin == 0:  # memory for all only after something was seen of it
                words = np.empty(count, format_)
            words[begin:end] = piece
        return words

    def check_digest(self) -> None:
        """Compare the digest of all that was read with that which the header states.

        Raises
        ------
        HistogramFileError
            If it is another.
        """
        entries = {name: text for name, text in self.metadata.items() if name != _DIGEST}
        if _digest_of(entries, self._digests.values()) != self.metadata[_DIGEST]:
            raise HistogramFileError(f"{self.shown}: the file is damaged: its digest is another")

    def fail(self, field: str, problem: str) -> NoReturn:
        """Raise HistogramFileError that names the file and what of it is wrong."""
        raise HistogramFileError(f"{self.shown}: {field}: {problem}")

    def _check_header_length(self) -> None:
        size = self._source.size
        if size < LENGTH_BYTES:
            return  # the reader of headers says what is wrong
        claimed = int.from_bytes(self._source.read(0, LENGTH_BYTES), "little")
        if MOST_HEADER_BYTES < claimed <= size - LENGTH_BYTES:
            self.fail(
                "the header",
                f"has {claimed:,} bytes, and that of saved counts never more than "
                f"{MOST_HEADER_BYTES:,}: this is another file",
            )

    def _check_form(self, form: CountsForm) -> None:
        found = self.metadata.get("format", "")
        if found != form.format:
            self._refuse_format(found, form)
        version = self.metadata.get("version", "")
        if version != form.version:
            raise HistogramFileError(
                f"{self.shown}: the file format has the version '{printable(version)}', and only "
                f"{form.version} is read: make the file again"
            )
        required = {"format", "version", _DIGEST}
        if not required <= self.metadata.keys() <= required | form.entries:
            self.fail("the header's metadata", "have other entries than those of saved counts")
        if not _HEXADECIMAL.fullmatch(self.metadata[_DIGEST]):
            self.fail(_DIGEST, "is no digest")

    def _refuse_format(self, found: str, form: CountsForm) -> NoReturn:
        """Say what else a valid safetensors file is."""
        ours = {
            "weightgauge.histograms": "those of a model",
            "weightgauge.magnitudes.histogram": "one histogram",
        }
        if found in ours:
            told = f"holds {ours[found]}, and not {ours[form.format]}"
        else:
            told = (
                "holds the tensors of a checkpoint, and no saved counts; give it a name that ends "
                "in .safetensors"
            )
        raise HistogramFileError(f"{self.shown}: {told}")


@contextlib.contextmanager
def open_counts(path: str | os.PathLike[str], form: CountsForm) -> Iterator[CountsReader]:
    """Open a file of counts, and turn every error of reading it into one that names it.

    Parameters
    ----------
    path : str or path-like
        The file; any name that the system takes.
    form : CountsForm
        What it has to be.

    Yields
    ------
    CountsReader

    Raises
    ------
    HistogramFileError
        There is no such file, it cannot be read, or it is something else.
    FileChangedError
        It became shorter while it was read.
    """
    name = os.fsdecode(path)
    shown = printable(name, limit=1000)
    if "\0" in name:
        raise HistogramFileError(f"{shown}: no path holds a NUL character")
    try:
        with RegularFile(name, name) as source:
            yield CountsReader(source, form)
    except FileNotFoundError as error:
        raise HistogramFileError(f"{shown}: there is no such file") from error
    except CheckpointError as error:
        raise HistogramFileError(str(error)) from error


def _digest_of(metadata: Mapping[str, str], tensors: Iterable[hashlib._Hash]) -> str:
    """Return the digest of a whole file: of its metadata, and of the digests of its tensors."""
    digest = sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for tensor in tensors:
        digest.update(tensor.digest())
    return digest.hexdigest()
