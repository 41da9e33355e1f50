"""Files of saved counts taken apart and put together again, with a digest that is right."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from weightgauge.checkpoint.safetensors.writing import WrittenTensor
from weightgauge.magnitudes.counts_file import CountsForm, counts_file
from weightgauge.scanning.wghist.file import FORM

COLUMNS = (
    *("dropped_bits", "zeros", "nans", "infs", "max_key", "entries"),
    *("step_bytes", "count_bytes", "residual_bytes"),
)


class Parts(NamedTuple):
    """What a file of saved counts has: its description as text, its table, its counts."""

    text: str
    table: np.ndarray
    counts: bytes

    @property
    def description(self):
        return json.loads(self.text)

    def described(self, description):
        return self._replace(text=json.dumps(description))

    def with_cell(self, row, column, value):
        table = self.table.copy()
        table[row, COLUMNS.index(column)] = value
        return self._replace(table=table)

    def content(self, **metadata):
        """Return the bytes of a file with these parts; metadata may be other than they should."""
        form = CountsForm(
            metadata.pop("format", FORM.format), metadata.pop("version", FORM.version), FORM.tensors
        )
        raw = self.text.encode()
        tensors = [
            WrittenTensor("table", "U64", self.table.shape, [self.table.astype("<u8").tobytes()]),
            WrittenTensor("description", "U8", (len(raw),), [raw]),
            WrittenTensor("counts", "U8", (len(self.counts),), [self.counts]),
        ]
        return counts_file(form, tensors, **metadata)


def parts_of(content):
    """Take a file of saved counts apart, without the code that reads such files."""
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])

    def data(name):
        first, last = header[name]["data_offsets"]
        return content[begin + first : begin + last]

    table = np.frombuffer(data("table"), "<u8").reshape(header["table"]["shape"])
    return Parts(data("description").decode(), table, data("counts"))


def sparse_file(path, shapes, metadata, **contents):
    """Write a file whose tensors are zeros that take no room, but for those that are given."""
    header = {"__metadata__": metadata}
    begin = 0
    for name, (dtype, shape) in shapes.items():
        end = begin + int(np.prod(shape, dtype=object)) * (8 if dtype == "U64" else 1)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, raw in contents.items():
            file.seek(8 + len(text) + header[name]["data_offsets"][0])
            file.write(raw)
        file.truncate(8 + len(text) + begin)
    return path
