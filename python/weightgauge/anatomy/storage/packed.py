"""Quantisers whose packed integers are recognised, so that they are not taken for weights."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from weightgauge.anatomy.storage.quantisation import MLX
from weightgauge.anatomy.storage.stored import in_module

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo


@dataclass(frozen=True, slots=True)
class Quantiser:
    """The names under which a quantiser stores one matrix.

    Attributes
    ----------
    title : str
        What people call it.
    packed : str
        Last part of the name of the packed tensor.
    dtypes : str
        Formats that the packed tensor may have; empty if it may have any.
    marks : str
        Names of tensors beside it. At least one of them must exist.
    others : str
        Names of further tensors that may lie beside it. A trailing ``*`` stands for anything.
    """

    title: str
    packed: str
    dtypes: str
    marks: str
    others: str = ""


UNNAMED = "an int8 quantiser"
"""What to call a quantiser that neither names nor configuration tell."""

_STATED = {
    "gptq": {("AWQ or GPTQ", "qweight")},
    "awq": {("AWQ or GPTQ", "qweight")},
    "compressed-tensors": {("compressed-tensors", "weight_packed"), (UNNAMED, "weight")},
    MLX: {("MLX", "weight")},
}
"""How quantisers call codes which are theirs even if nothing lies beside, where they are stated."""

# The first row that fits decides. bitsandbytes appends its names to that of the weight itself.
QUANTISERS = (
    Quantiser("GPTQ", "qweight", "I32", "g_idx", "qzeros scales"),
    Quantiser("AWQ or GPTQ", "qweight", "I32", "qzeros scales"),
    Quantiser(
        *("bitsandbytes", "weight", ""),
        "weight.absmax weight.quant_map weight.quant_state.bitsandbytes__*",
        "weight.nested_absmax weight.nested_quant_map",
    ),
    Quantiser("bitsandbytes LLM.int8", "weight", "I8", "SCB", "weight_format"),
    Quantiser(
        *("NVFP4", "weight_packed", "U8", "weight_global_scale"),
        "weight_scale input_global_scale",
    ),
    Quantiser("NVFP4", "weight", "U8", "weight_scale_2", "weight_scale input_scale comfy_quant"),
    Quantiser(
        *("compressed-tensors", "weight_packed", ""),
        "weight_scale weight_shape",
        "weight_zero_point weight_g_idx input_scale",
    ),
    Quantiser(
        *(UNNAMED, "weight", "I8 U8", "weight_scale weight_scale_inv weight_scales"),
        "weight_zero_point weight_g_idx input_scale input_zero_point",
    ),
    Quantiser("MLX", "weight", "U32", "scales biases"),
    Quantiser("HQQ", "W_q", "", "scale zero", "W_q_* meta shape"),
    Quantiser("quanto", "weight._data", "", "weight._scale", "weight._shift"),
    Quantiser("AQLM", "codes", "", "codebooks", "scales"),
    Quantiser(
        *("torchao", "_weight_qdata", "", "_weight_scale _weight_scale_and_zero"),
        "_weight_zero_point _weight_act_pre_scale _weight_act_scale",
    ),
    Quantiser("ExLlamaV3", "trellis", "", "suh svh su sv", "suh svh su sv mcg mul1"),
    Quantiser(
        *("ExLlamaV2", "q_weight", "", "q_scale"),
        "q_scale_max q_groups q_group_map q_perm q_invperm",
    ),
    Quantiser("QuIP#", "Qidxs", "", "SU SV", "SU SV Wscale codebook_id grid_packed_abs"),
    Quantiser("SpQR", "dense_weights", "", "row_offsets", "col_vals in_perm"),
    Quantiser(
        *("VPTQ", "indices", "", "centroids.weight"),
        "res_centroids.weight res_indices outlier_centroids.weight outlier_indices perm "
        "weight_scale weight_bias",
    ),
    Quantiser("EETQ", "qweight", "I8", "weight_scales scales"),
    Quantiser("Marlin", "B", "I32", "s", "workspace meta s_group"),
    Quantiser("compressed-tensors", "compressed", "", "bitmask", "row_offsets shape"),
)


def packed_by(
    tensors: Mapping[str, TensorInfo], method: str
) -> Iterator[tuple[str, str, list[str]]]:
    """Find the packed tensors of a checkpoint.

    Parameters
    ----------
    tensors : mapping of str to TensorInfo
        All of them by name.
    method : str
        What the configuration calls it, which distinguishes AWQ from GPTQ; or "".

    Yields
    ------
    tuple of (str, str, list of str)
        Name of a packed tensor, its quantiser, and the names of the tensors that belong to it.
    """
    yield from _named_by_codes(tensors)
    dtypes = {tensor.dtype for tensor in tensors.values()}
    quantisers = {
        leaf: those
        for leaf, each in _possible(tensors, method).items()
        if (those := [one for one in each if _may_store(one, dtypes)])
    }
    if not quantisers:
        return
    beneath = _beneath(tensors)
    for name, tensor in tensors.items():
        for quantiser in quantisers.get(name.rpartition(".")[2], ()):
            owner = name.removesuffix(quantiser.packed).removesuffix(".")
            if in_module(owner, quantiser.packed) != name or (
                quantiser.dtypes and tensor.dtype not in quantiser.dtypes.split()
            ):
                continue
            marks = _present(owner, quantiser.marks, tensors, beneath)
            if marks or _is_stated(quantiser, method):
                others = [*marks, *_present(owner, quantiser.others, tensors, beneath)]
                title = _title(quantiser, tensor, owner, tensors, method)
                yield name, title, list(dict.fromkeys(others))
                break


def _named_by_codes(
    tensors: Mapping[str, TensorInfo],
) -> Iterator[tuple[str, str, list[str]]]:
    """Find NVFP4 of stacks of experts, as ModelOpt names it: `down_proj_weight_scale_2`."""
    mark = "_weight_scale_2"
    for name in tensors:
        codes = tensors.get(name.removesuffix(mark)) if name.endswith(mark) else None
        if codes is not None and codes.dtype == "U8":
            beside = [f"{codes.name}_{leaf}" for leaf in ("weight_scale", "input_scale")]
            yield codes.name, "NVFP4", [name, *(each for each in beside if each in tensors)]


def beside_codes(name: str, tensors: Mapping[str, TensorInfo]) -> list[str]:
    """Return the names of what lies beside packed codes, or would if these were there."""
    owner, _, packed = name.rpartition(".")
    rows = [each for each in QUANTISERS if each.packed == packed]
    leaves = " ".join(f"{each.marks} {each.others}" for each in rows)
    return _present(owner, leaves, tensors, {})


def may_be_packed(names: Iterable[str]) -> bool:
    """Whether any of the names is one that a quantiser gives."""
    return bool(_possible(names))


def _is_stated(quantiser: Quantiser, method: str) -> bool:
    """Whether codes are those of a quantiser, though what should lie beside them may be lost."""
    return (quantiser.title, quantiser.packed) in _STATED.get(method, ())


def _possible(names: Iterable[str], method: str = "") -> dict[str, list[Quantiser]]:
    """Return the quantisers whose names occur, by the last part of the packed name."""
    leaves = {name.rpartition(".")[2] for name in names}
    found: dict[str, list[Quantiser]] = {}
    for quantiser in QUANTISERS:
        packed = quantiser.packed.rpartition(".")[2]
        if packed not in leaves:
            continue
        marks = [mark.rpartition(".")[2] for mark in quantiser.marks.split()]
        marked = any(fnmatchcase(leaf, mark) for mark in marks for leaf in leaves)
        if marked or _is_stated(quantiser, method):
            found.setdefault(packed, []).append(quantiser)
    return found


def _may_store(quantiser: Quantiser, dtypes: Collection[str]) -> bool:
    """Whether any tensor has a format in which a quantiser stores codes."""
    return not quantiser.dtypes or any(each in dtypes for each in quantiser.dtypes.split())


def _beneath(tensors: Mapping[str, TensorInfo]) -> dict[str, list[str]]:
    """Return the names of tensors by the name of their owner, for patterns with a star."""
    found: dict[str, list[str]] = {}
    for name in tensors:
        if ".quant_state." in name or ".W_q_" in name:
            found.setdefault(name.partition(".weight.quant_state.")[0], []).append(name)
            found.setdefault(name.rpartition(".")[0], []).append(name)
    return found


def _present(
    owner: str,
    leaves: str,
    tensors: Mapping[str, TensorInfo],
    beneath: Mapping[str, list[str]],
) -> list[str]:
    names = []
    for leaf in leaves.split():
        wanted = in_module(owner, leaf)
        if leaf.endswith("*"):
            names += [name for name in beneath.get(owner, ()) if name.startswith(wanted[:-1])]
        elif wanted in tensors:
            names.append(wanted)
    return names


def _title(
    quantiser: Quantiser,
    tensor: TensorInfo,
    owner: str,
    tensors: Mapping[str, TensorInfo],
    method: str,
) -> str:
    """Distinguish AWQ, which packs along the outputs, from GPTQ, which packs along the inputs.

    Bytes with scales of E4M3 are NVFP4, also where the scale of all of these is lost.
    """
    scales = tensors.get(in_module(owner, "weight_scale"))
    if (quantiser.packed in ("weight", "weight_packed") and tensor.dtype == "U8") and (
        scales is not None and scales.dtype == "F8_E4M3"
    ):
        return "NVFP4"
    if quantiser.title == UNNAMED and method:
        return method
    if quantiser.packed != "qweight" or quantiser.title == "EETQ":
        return quantiser.title
    if method in ("gptq", "awq"):
        return method.upper()
    scales = tensors.get(in_module(owner, "scales"))
    if quantiser.title != "GPTQ" and scales is not None and len(tensor.shape) == 2:
        return "GPTQ" if scales.shape[-1:] == tensor.shape[-1:] else "AWQ"
    return quantiser.title
