"""What a checkpoint stores in place of weights: codes with scales, and packed integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.storage.packed import packed_by
from weightgauge.anatomy.storage.scales import (
    F8,
    NotScaled,
    further_scale,
    packed_mxfp4,
    scale_names,
    scaled_codes,
    stated_blocks,
)
from weightgauge.anatomy.storage.stored import ScaledCodes, Stored
from weightgauge.errors import printable

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

_CODES = frozenset((*F8, "F4"))
_OF_ACTIVATIONS = ("input_scale", "input_scale_inv", "activation_scale", "output_scale")


@dataclass(slots=True)
class Storage:
    """The tensors of a checkpoint that are not, or not alone, the weights of a matrix.

    Attributes
    ----------
    matrices : dict of str to Stored
        Matrices that are decoded while they are counted, by the name of the tensor with the codes.
    roles : dict of str to str
        What tensors that hold no weights are, by name, in a clause.
    unscaled : dict of str to str
        Why codes are counted as they are stored although they have a scale, by name.
    warnings : list of str
        One line for each reason, however many tensors it is about.
    """

    matrices: dict[str, Stored] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    unscaled: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def note(self, name: str) -> str:
        """Say what is special about the storage of a tensor; "" for nothing."""
        if name in self.matrices:
            return self.matrices[name].text
        return self.roles.get(name) or self.unscaled.get(name, "")


def storage_of(tensors: Sequence[TensorInfo], config: Mapping[str, Any] | None) -> Storage:
    """Tell what is stored how.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors of a checkpoint.
    config : mapping or None
        Its configuration; what lies beside a tensor is believed rather.

    Returns
    -------
    Storage
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    found = Storage()
    _find_mxfp4(by_name, found)
    _find_packed(by_name, config, found)
    _find_scaled(by_name, config, found)
    return found


def _find_mxfp4(tensors: Mapping[str, TensorInfo], found: Storage) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype not in ("U8", "I8") or further_scale(name, tensors) is not None:
            continue
        base = name.removesuffix("_blocks")
        candidates = [f"{base}_scales"] if base != name else scale_names(name)
        scale = next((tensors[other] for other in candidates if other in tensors), None)
        codes = packed_mxfp4(tensor, scale) if scale is not None else None
        if scale is None:
            continue
        if codes is None:
            if base != name:
                found.warnings.append(
                    f"'{printable(name)}' is not decoded: its {list(tensor.shape)} do not fit "
                    f"{list(scale.shape)} of '{printable(scale.name)}'"
                )
            continue
        matrix = base.removesuffix("_packed")
        shape = (*scale.shape[:-1], codes.columns)
        found.matrices[name] = Stored(matrix, shape, codes, f"MXFP4 x 2^{_leaf(scale.name)}")
        found.roles[scale.name] = _scale_role(name)


def _find_packed(
    tensors: Mapping[str, TensorInfo], config: Mapping[str, Any] | None, found: Storage
) -> None:
    counts: dict[str, list[str]] = {}
    for name, title, others in packed_by(tensors, config):
        if name in found.matrices:
            continue
        counts.setdefault(title, []).append(name)
        found.roles[name] = f"packed by {title}: no weights before it is dequantised"
        for other in others:
            found.roles[other] = f"belongs to '{printable(name)}', packed by {title}"
    for title, names in counts.items():
        found.warnings.append(f"{_some(names)} is packed by {title} and not measured")


def _find_scaled(
    tensors: Mapping[str, TensorInfo], config: Mapping[str, Any] | None, found: Storage
) -> None:
    blocks, wrong = stated_blocks(config)
    found.warnings += [wrong] if wrong else []
    quantised = isinstance((config or {}).get("quantization_config"), Mapping)
    reasons: dict[str, list[str]] = {}
    doubts: dict[str, list[str]] = {}
    for name, tensor in tensors.items():
        if tensor.dtype not in _CODES or name in found.roles:
            continue
        scale = next((tensors[other] for other in scale_names(name) if other in tensors), None)
        if scale is None:
            if quantised and len(tensor.shape) > 1:
                reason = "config.json says it is quantised, but no scale lies beside it"
                found.unscaled[name] = f"fitted as stored: {reason}"
                reasons.setdefault(reason, []).append(name)
            continue
        found.roles[scale.name] = _scale_role(name)
        for leaf in _OF_ACTIVATIONS:
            beside = f"{name.rpartition('.')[0]}.{leaf}"
            if beside in tensors:
                found.roles[beside] = f"a scale of activations beside '{printable(name)}'"
        try:
            second = further_scale(name, tensors)
            if second is not None:
                found.roles[second] = _scale_role(name)
                raise NotScaled(f"there is a second scale in '{printable(second)}'")
            decoding = scaled_codes(tensor, scale, blocks=blocks)
        except NotScaled as error:
            found.unscaled[name] = f"fitted as stored, its scale is not applied: {error}"
            reasons.setdefault(str(error), []).append(name)
        else:
            text = _told(tensor, scale, decoding.codes)
            text += "" if decoding.stated else " (inferred)"
            found.matrices[name] = Stored(name, tensor.shape, decoding.codes, text)
            if decoding.doubt:
                doubts.setdefault(decoding.doubt, []).append(name)
    found.warnings += [f"{_some(names)} {doubt}" for doubt, names in doubts.items()]
    found.warnings += [
        f"{_some(names)} is fitted as stored, without its scale: {reason}"
        for reason, names in reasons.items()
    ]


def _some(names: Sequence[str]) -> str:
    more = f" (and {len(names) - 1:,} more)" if len(names) > 1 else ""
    return f"'{printable(names[0])}'{more}"


def _scale_role(name: str) -> str:
    return f"scale of '{printable(name)}'"


def _told(tensor: TensorInfo, scale: TensorInfo, codes: ScaledCodes) -> str:
    if codes.single:
        per = "per tensor"
    elif (codes.block_rows, codes.block_columns) == (1, codes.columns):
        # Of a stack, the rows that have a scale each may be whole matrices.
        per = "per row" if codes.columns == tensor.shape[-1] else "per matrix"
    elif (codes.block_rows, codes.block_columns) == (codes.rows, 1):
        per = "per column"
    else:
        per = f"per {codes.block_rows:,} x {codes.block_columns:,} block"
    return f"{tensor.dtype} x {_leaf(scale.name)} {per}"


def _leaf(name: str) -> str:
    return printable(name.rpartition(".")[2])
