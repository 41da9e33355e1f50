"""The histograms of a model as one safetensors file, by custom named ``.wghist``.

For slice number i the tensors ``i.steps`` and ``i.counts`` and, where it was counted in bins,
``i.residuals``: see `PackedHistogram`. The tensor ``totals`` (U64, a row per slice) has low bits
left out of a key, zeros, NaNs, Infs and the key of the largest magnitude. The metadata name the
format and its version; their entry ``description`` is a JSON document with everything else, and
``sha256`` the digest of that document followed by every tensor in the order of its name, each as
its name and its bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.checkpoint.formats import HISTOGRAMS
from weightgauge.checkpoint.strict_json import JsonFault, loads
from weightgauge.errors import HistogramFileError, printable
from weightgauge.files import write_atomically
from weightgauge.scanning.packed_histogram import PackedHistogram, unpack
from weightgauge.scanning.wghist.description import described, told

if TYPE_CHECKING:
    from weightgauge.scanning.saved_model import SavedModel

ENDING = HISTOGRAMS.suffixes[0]
FORMAT = "weightgauge.histograms"
_VERSION = "3"
_ARRAYS = ("steps", "counts", "residuals")


def write_histograms(histograms: SavedModel, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write the histograms of a model; see `ModelHistograms.save`."""
    from safetensors.numpy import save

    tensors = {}
    totals = np.zeros((len(histograms.slices), 5), np.uint64)
    for i, item in enumerate(histograms.slices):
        packed = item.packed
        if packed is None:
            continue
        totals[i] = (
            packed.dropped_bits,
            packed.zeros,
            packed.nans,
            packed.infs,
            packed.max_key,
        )
        for name in _ARRAYS:
            array = getattr(packed, name)
            if array.size:
                tensors[f"{i}.{name}"] = array
    tensors["totals"] = totals
    description = json.dumps(described(histograms), allow_nan=False)
    metadata = {"format": FORMAT, "version": _VERSION, "description": description}
    metadata["sha256"] = digest_of(description, tensors)
    write_atomically(path, save(tensors, metadata), force=force)


def read_histograms(path: str | os.PathLike[str]) -> SavedModel:
    """Read the histograms of a model; see `ModelHistograms.load`."""
    from safetensors import SafetensorError, safe_open

    name = printable(os.fsdecode(path))
    if not os.path.isfile(path):  # a FIFO or a device would keep the reader waiting
        what = "is no regular file" if os.path.exists(path) else "there is no such file"
        raise HistogramFileError(f"{name}: {what}")
    try:
        with safe_open(os.fsdecode(path), framework="np") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise _not_of_a_model(name, str(metadata.get("format")))
            if metadata.get("version") != _VERSION:
                found = printable(str(metadata.get("version")))
                raise HistogramFileError(f"{name}: unknown version {found} of the file format")
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if metadata.get("sha256") != digest_of(metadata.get("description", ""), arrays):
            raise HistogramFileError(f"{name}: the file is damaged: its digest is another")
        document = loads(metadata.get("description", "").encode())
        return told(document, _Arrays(arrays))
    except HistogramFileError:
        raise
    except JsonFault as error:
        raise HistogramFileError(f"{name}: the description is damaged: {error.problem}") from error
    except (OSError, SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        # The library meets element formats that NumPy lacks with errors of all kinds.
        raise HistogramFileError(f"{name}: cannot be read: {printable(str(error))}") from error


def _not_of_a_model(name: str, form: str) -> HistogramFileError:
    """Return the error for a valid file that holds something else than the counts of a model."""
    if form.startswith("weightgauge."):
        return HistogramFileError(f"{name}: holds one histogram, and not those of a model")
    return HistogramFileError(
        f"{name}: holds the tensors of a checkpoint, and no saved counts; give it a name that ends "
        "in .safetensors"
    )


def digest_of(description: str, tensors: Mapping[str, Any]) -> str:
    """Return the digest that a file with this content has, in hexadecimal."""
    digest = sha256(description.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


class _Arrays:
    """Packed histograms by number, checked."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._arrays = arrays
        self._totals = arrays["totals"]
        if self._totals.dtype != np.uint64 or self._totals.ndim != 2 or self._totals.shape[1] != 5:
            raise ValueError("the totals are damaged")

    def __len__(self) -> int:
        return len(self._totals)

    def __call__(self, number: int, dtype: str, known_rms: float | None) -> PackedHistogram:
        """Packed histogram of a slice."""
        dropped_bits, zeros, nans, infs, max_key = (int(total) for total in self._totals[number])
        steps, counts, residuals = (self._array(f"{number}.{name}") for name in _ARRAYS)
        packed = PackedHistogram(
            dtype, dropped_bits, steps, counts, residuals, zeros, nans, infs, max_key, known_rms
        )
        unpack(packed)  # whether it is a histogram at all is found out now
        return packed

    def _array(self, key: str) -> Any:
        array = self._arrays.get(key)
        if array is None:
            return np.empty(0, np.uint8)
        if array.dtype.kind != "u" or array.ndim != 1:
            raise ValueError(f"{printable(key)} is not a vector of counts")
        return array
