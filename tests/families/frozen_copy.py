"""Which families are kept as files, and how what a fit of them must say is written down."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from families.expectation import Expected

FOLDER = Path(__file__).parent / "frozen"
VIEWS = ("tensor", "head", "expert")
"""Ways to cut: values of `per`. The files have their first letters."""
DIGITS = 7


@dataclass(frozen=True)
class Copy:
    """One checkpoint that is kept.

    Attributes
    ----------
    family : str
        Row of the table of families.
    dtype : str
        Format of the weights.
    layers : int
        Number of blocks.
    in_memory : bool
        Whether the names are those of the library, with stacked experts, and not those that such
        models were published with.
    shard : str
        Limit of the size of a file.
    """

    family: str
    dtype: str
    layers: int = 1
    in_memory: bool = False
    shard: str = "1MB"

    @property
    def path(self) -> Path:
        """Where it lies."""
        return FOLDER / self.family


# One family for each layout and each way of naming.
_COPIES = (
    Copy("llama", "BF16"),
    Copy("qwen3", "F16", layers=2, shard="8KB"),
    Copy("gemma", "F16"),
    Copy("phi3", "BF16"),
    Copy("gpt_neox", "F16", layers=2),
    Copy("gpt2", "F16"),
    Copy("gpt_bigcode_mqa", "F16"),
    Copy("codegen", "BF16"),
    Copy("falcon_7b", "BF16"),
    Copy("falcon_40b", "F16"),
    Copy("mpt", "BF16"),
    Copy("mixtral", "BF16"),
    Copy("qwen3_moe", "F16", in_memory=True),
    Copy("deepseek_v3", "BF16"),
    Copy("gpt_oss", "BF16"),
    Copy("llama4_text", "F16"),
    Copy("dbrx", "BF16"),
    Copy("granitemoe", "F16"),
    Copy("qwen3_next", "BF16", layers=2),
    Copy("falcon_h1", "BF16"),
    Copy("bert", "F16"),
    Copy("modernbert", "BF16"),
    Copy("albert", "F16"),
    Copy("t5_gated", "BF16"),
    Copy("whisper", "F16"),
    Copy("dinov2_swiglu", "F16"),
    Copy("swin", "BF16"),
    Copy("llava", "F16"),
)
FROZEN_FAMILIES = {copy.family: copy for copy in _COPIES}


def write_expectation(copy: Copy, views: Mapping[str, Sequence[Expected]]) -> None:
    """Write what a fit must say: by tensor, a line for each slice, with the views that it is in."""
    seen: dict[Expected, list[str]] = {}
    for view, items in views.items():
        for item in items:
            seen.setdefault(item, []).append(view[0])
    tensors: dict[str, list[str]] = {}
    for item, where in seen.items():
        row = [item.part, item.kind, item.block, item.expert, item.head, item.n]
        row += [float(f"{number:.{DIGITS}g}") for number in (item.rms, item.error, item.drawn)]
        line = json.dumps([*row, "".join(where)], separators=(",", ":"))
        tensors.setdefault(item.tensor, []).append(line)
    blocks = (f"{json.dumps(name)}:[\n" + ",\n".join(rows) + "]" for name, rows in tensors.items())
    text = "{" + ",\n".join(blocks) + "}\n"
    json.loads(text)
    (copy.path / "expected.json").write_text(text, encoding="utf-8")


def read_expectation(copy: Copy, view: str) -> list[Expected]:
    """Read what a fit with `per` = `view` must say."""
    text = (copy.path / "expected.json").read_text(encoding="utf-8")
    return list(_expected(json.loads(text), view))


def _expected(tensors: Mapping[str, Any], view: str) -> Iterator[Expected]:
    for name, rows in tensors.items():
        for *row, views in rows:
            if view[0] in views:
                yield Expected(name, *row)
