"""Integers in the place of weights, which no known quantiser has packed.

Names of quantisers are many, and new ones come every year. So a matrix of integers is taken for
weights by its place: it is called `weight`, or it lies where a projection has its weights and no
matrix of floats lies there. Integers that are no weights are told by their names, such as
`position_ids`, or lie beside the weights of their module.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.anatomy.components import MATRIX_KINDS, classify

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

INTEGERS = frozenset(("BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64"))

_NO_WEIGHTS = re.compile(
    r"(?:^|_)(?:ids?|index|positions?|lengths?|shape|tracked|counts?|steps?|buckets?|meta)$"
    r"|(?<!bit)mask|^(?:bias|g_idx|workspace)$"
)
"""Last parts of the names of integers that are no weights; a `bias` of integers is a mask."""

_WEIGHTS = ("weight", "kernel")
"""Last parts of the names of weights, in PyTorch and in Flax."""

_FEWEST = 256
"""Packed codes of a matrix have at least as many items."""


class IntegerWeights(NamedTuple):
    """A tensor of integers that stands in the place of weights.

    Attributes
    ----------
    name : str
        Its name.
    packed : bool
        Whether it is packed in a way of its own, and not the matrix itself.
    others : tuple of str
        Names of the tensors that belong to it, such as scales and signs.
    """

    name: str
    packed: bool
    others: tuple[str, ...] = ()


class _Probe(NamedTuple):
    """A matrix that a module would have, for classification."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "F32"


def integer_weights(
    tensors: Mapping[str, TensorInfo], taken: Collection[str], *, quantised: bool
) -> Iterator[IntegerWeights]:
    """Find integers that stand in the place of weights.

    Parameters
    ----------
    tensors : mapping of str to TensorInfo
        All tensors of a checkpoint, by name.
    taken : collection of str
        Names of tensors that are known already, and are left alone.
    quantised : bool
        Whether the model must have codes that are not known yet. Then matrices of integers are
        taken for weights in every module without floats, and not in projections alone.

    Yields
    ------
    IntegerWeights
    """
    asked = [
        name
        for name, tensor in tensors.items()
        if tensor.dtype in INTEGERS and tensor.size > 1 and name not in taken
        if not _NO_WEIGHTS.search(_leaf(name)) and not name.startswith("tokenizer.")
    ]
    if not asked:
        return
    modules: dict[str, list[str]] = {_module(name): [] for name in asked}
    for name in tensors:
        if (module := _module(name)) in modules and name not in taken:
            modules[module].append(name)
    kinds = [each.kind for each in classify([tensors[name] for name in asked])]
    bare = [
        name
        for name, kind in zip(asked, kinds, strict=True)
        if kind in MATRIX_KINDS or _is_weight(tensors[name])
    ]
    yield from (IntegerWeights(name, packed=False, others=_scales(name, modules)) for name in bare)
    rest = [module for module in modules if not any(each in bare for each in modules[module])]
    probes = [_Probe(f"{module}.weight", (64, 64)) for module in rest]
    for module, probe in zip(rest, classify(probes), strict=True):
        members = modules[module]
        if _has_floats(members, tensors):
            continue
        if probe.kind in MATRIX_KINDS:
            yield from _of_projection(members, asked, tensors)
        elif quantised:
            yield from _of_module(members, asked, tensors)


def _module(name: str) -> str:
    """Return the module of a tensor; tensors may hold others, as in `weight._data`."""
    module, inside, _ = name.partition(".weight.")
    return module if inside else name.rpartition(".")[0]


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _is_weight(tensor: TensorInfo) -> bool:
    """Whether integers have the name that weights have, in whatever module."""
    large = len(tensor.shape) > 1 or tensor.size >= _FEWEST
    return _leaf(tensor.name) in _WEIGHTS and large


def _scales(name: str, modules: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Return what lies beside integers that are the matrix itself, less a bias."""
    if _leaf(name) not in _WEIGHTS:
        return ()
    return tuple(each for each in modules[_module(name)] if each != name and _leaf(each) != "bias")


def _has_floats(members: Collection[str], tensors: Mapping[str, TensorInfo]) -> bool:
    """Whether a module has its weights as floats, so that its integers are something else."""
    return any(_leaf(name) in _WEIGHTS and tensors[name].dtype not in INTEGERS for name in members)


def _of_projection(
    members: Collection[str], asked: Collection[str], tensors: Mapping[str, TensorInfo]
) -> Iterator[IntegerWeights]:
    """Take the largest integers of a projection for weights, and the rest for what they need."""
    codes = [name for name in members if name in asked and tensors[name].size >= _FEWEST]
    if not codes:
        return
    largest = max(codes, key=lambda name: tensors[name].nbytes)
    rest = (name for name in members if name != largest and _leaf(name) != "bias")
    yield IntegerWeights(largest, packed=True, others=tuple(rest))


def _of_module(
    members: Collection[str], asked: Collection[str], tensors: Mapping[str, TensorInfo]
) -> Iterator[IntegerWeights]:
    """Take matrices of integers for weights, in a module of an unknown sort."""
    for name in members:
        tensor = tensors[name]
        if name not in asked or len(tensor.shape) < 2 or tensor.size < _FEWEST:
            continue
        stem = name.rpartition("_")[0]  # `_gate_up_proj_qdata` goes with `_gate_up_proj_scale`
        named = (each for each in members if stem and each != name and each.startswith(f"{stem}_"))
        yield IntegerWeights(name, packed=True, others=tuple(named))
