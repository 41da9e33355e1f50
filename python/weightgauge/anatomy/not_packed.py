"""Plain weights in a model that its configuration calls quantised."""

from __future__ import annotations

from collections.abc import Iterator

from weightgauge.anatomy.components import MATRIX_KINDS, Components
from weightgauge.anatomy.storage import Storage
from weightgauge.anatomy.storage.quantisation import Quantisation
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.dtypes import ITEM_BYTES
from weightgauge.findings import RULES, Finding
from weightgauge.wording import agreeing

_LEVELS = {
    **dict.fromkeys(("gptq", "awq", "auto-round", "intel/auto-round", "compressed-tensors"), None),
    **dict.fromkeys(("fp8", "mxfp4"), "warning"),
}
"""Quantisers whose weights are stored packed or as codes, and how serious it is if they are not;
None for the level of the rule. Programs that read the last two may make codes of plain weights, and
those of other quantisers, such as bitsandbytes and torchao, do."""


def not_packed(tensors: Tensors, places: Components, storage: Storage) -> Iterator[Finding]:
    """Tell of a model that has no codes at all, although its configuration names a quantiser.

    Parameters
    ----------
    tensors : Tensors
        All tensors of a whole model.
    places : Components
        What they are.
    storage : Storage
        How they are stored.

    Yields
    ------
    Finding
        At most one.
    """
    quantisation = storage.quantisation
    method = quantisation.method.lower()
    coded = storage.matrices or storage.undecoded or storage.unscaled or storage.roles
    if coded or method not in _LEVELS or not _is_packed(quantisation):
        return
    plain = sum(
        kind in MATRIX_KINDS and block is not None and dtype in ITEM_BYTES
        for kind, block, dtype in zip(places.kinds, places.blocks, tensors.dtypes, strict=True)
    )
    if plain:
        file = quantisation.file_of("quant_method")
        matrices = "the one matrix" if plain == 1 else f"all {plain:,} matrices"
        yield RULES["not-packed"].finding(
            value=0,
            expected=plain,
            level=_LEVELS[method],
            what=f"{file} says quant_method = {quantisation.method}, and {matrices} of the blocks "
            f"{agreeing(plain)} stored as plain weights",
        )


def _is_packed(quantisation: Quantisation) -> bool:
    """Whether weights are stored as the quantiser packs them, which may have to be done yet."""
    values = quantisation.values
    if quantisation.method.lower() != "compressed-tensors":
        return True
    status, form = values.get("quantization_status", "compressed"), values.get("format")
    return bool(values.get("config_groups")) and status == "compressed" and form != "dense"
