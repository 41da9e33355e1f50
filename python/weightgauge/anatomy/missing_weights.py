"""Layers outside the blocks of which only the bias is there."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from weightgauge.anatomy.components import TensorLike
from weightgauge.anatomy.missing_embedding import is_of_tokens
from weightgauge.findings import RULES, Finding, Place

_ADDS_ALONE = re.compile(r"(?:^|[._])(?:act(?:ivat(?:ion|e))?(?:_fn)?|[a-z]*relu|bias|shift)$")
"""Functions and modules that add a bias to what they are given, and have no weight."""


def missing_weights(
    tensors: Sequence[TensorLike], config: Mapping[str, Any], told: Collection[str | None]
) -> Iterator[Finding]:
    """Tell of biases without the matrix that they belong to.

    A bias with an element for each token may belong to the embedding, and stands alone.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        Tensors outside the blocks.
    config : mapping
        Content of `config.json`.
    told : collection of str
        Tensors whose loss is told already.

    Yields
    ------
    Finding
    """
    stated = config.get("vocab_size")
    tokens = {stated if isinstance(stated, int) else 0} | {
        tensor.shape[0]
        for tensor in tensors
        if len(tensor.shape) == 2
        and tensor.shape[0] != tensor.shape[1]
        and is_of_tokens(tensor.name)
    }
    names = sorted(tensor.name for tensor in tensors)
    for tensor in tensors:
        module, _, last = tensor.name.rpartition(".")
        if last != "bias" or len(tensor.shape) != 1 or tensor.shape[0] in tokens:
            continue
        # A bias of the model itself belongs to no module.
        if not module or f"{module}.weight" in told or _ADDS_ALONE.search(module):
            continue
        # A weight that is stored in parts has names of its own below that of the module.
        first = bisect_left(names, f"{module}.")
        beside = names[first : first + 2]
        if not any(name.startswith(f"{module}.") and name != tensor.name for name in beside):
            yield RULES["missing-part"].finding(
                Place(tensor=f"{module}.weight"),
                value=0,
                expected=1,
                what="missing; its bias is there",
            )
