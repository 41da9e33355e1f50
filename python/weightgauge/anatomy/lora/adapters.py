"""Pairs of low-rank factors: the matrix that they adapt, and whether they fit each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.lora.scaling import adapts_stack, factor_of
from weightgauge.anatomy.storage import Numbers, Product, Stored
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.errors import printable

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

# The first factor, which is applied to the input, the second factor, and whether the product is
# transposed before it is added to the weight.
_PAIRS = (
    ("lora_A", "lora_B", False),
    ("lora_embedding_A", "lora_embedding_B", True),
    ("lora_a", "lora_b", False),
    ("lora_down", "lora_up", False),
    ("lora.down", "lora.up", False),
)
_FORMATS = ("F32", "BF16", "F16")
_MOST_RANK = 1 << 16
_MOST = 1 << 31
_BASE = "base_model.model."
_UNNAMED = "default"
"""Name that PEFT gives to an adapter without a name."""


@dataclass(frozen=True, slots=True, repr=False)
class Adapted:
    """A matrix and the update that an adapter has for it.

    Attributes
    ----------
    module : str
        Path of the adapted module, as in the names of the factors.
    adapter : str
        Name of the adapter, if the names of the factors contain one; else empty.
    factors : tuple of (TensorInfo, TensorInfo)
        The factors A and B.
    stored : Stored
        How the update is made from them.
    """

    module: str
    adapter: str
    factors: tuple[TensorInfo, TensorInfo]
    stored: Stored

    def __repr__(self) -> str:
        """Show the module and how the update is made."""
        return f"<Adapted '{printable(self.module, limit=60)}': {self.stored.text[:50]}>"

    @property
    def name(self) -> str:
        """Path of the module, followed by the name of the adapter if it has one."""
        return f"{self.module}.{self.adapter}" if self.adapter else self.module

    @property
    def weight(self) -> str:
        """Name of the adapted weight in its own model."""
        return f"{self.module.removeprefix(_BASE)}.weight"


def adapted_matrices(
    tensors: Sequence[TensorInfo], config: Mapping[str, Any] | None
) -> tuple[list[Adapted], list[str]]:
    """Pair the factors of low-rank adapters.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors of a checkpoint.
    config : mapping or None
        The content of `adapter_config.json`.

    Returns
    -------
    adapted : list of Adapted
        One for each pair of factors that fit each other.
    warnings : list of str
        One line for each reason why a pair has no product, or why its factor is not known.
    """
    if "lora" not in "\n".join(Tensors.of(tensors).names):
        return [], []
    by_name = {tensor.name: tensor for tensor in tensors}
    adapted: list[Adapted] = []
    faults: dict[str, list[str]] = {}
    for module, adapter, first, second_name, transposed in _firsts(by_name):
        second = by_name.get(second_name)
        reason = _fault(first, second, second_name)
        if not reason and adapts_stack(module.removeprefix(_BASE), first.shape[0], config):
            reason = "the factors of stacked matrices lie side by side in it"
        if second is None or reason:
            faults.setdefault(f"has no product B A: {reason}", []).append(first.name)
            continue
        found = _adapted(module, adapter, (first, second), transposed, by_name, config)
        source = found.stored.source
        if isinstance(source, Product) and source.factor.unknown:
            reason = f"is multiplied out without lora_alpha/r: {source.factor.unknown}"
            faults.setdefault(reason, []).append(first.name)
        adapted.append(found)
    if config is not None and config.get("use_dora") is True and adapted:
        faults["has magnitudes of DoRA beside it, which B A does not include"] = [
            adapted[0].factors[0].name
        ]
    return adapted, [_line(names, reason) for reason, names in faults.items()]


def _firsts(
    tensors: Mapping[str, TensorInfo],
) -> Iterator[tuple[str, str, TensorInfo, str, bool]]:
    """Yield module, adapter, tensor, name of the B and transposition of every A."""
    for name, tensor in tensors.items():
        if "lora" not in name:  # a quick test, because checkpoints can have very many tensors
            continue
        for first, second, transposed in _PAIRS:
            module, found, tail = name.rpartition(f".{first}")
            if found and (not tail or tail.startswith(".")) and tail.count(".") <= 2:
                adapter = tail.removesuffix(".weight").removeprefix(".")
                adapter = "" if adapter == _UNNAMED else adapter
                yield module, adapter, tensor, f"{module}.{second}{tail}", transposed
                break


def _fault(first: TensorInfo, second: TensorInfo | None, second_name: str) -> str:
    if second is None:
        return (
            f"there is no '{printable(second_name[second_name.rindex('.lora') + 1 :])}' beside it"
        )
    a, b = first.shape, second.shape
    if any(tensor.dtype not in _FORMATS for tensor in (first, second)):
        return f"products of {first.dtype} and {second.dtype} are not formed"
    if len(a) < 2 or len(b) < 2 or prod(b[2:]) != 1 or b[1] != a[0]:
        return f"{list(b)} times {list(a)} is no product"
    if first.size == 0 or second.size == 0 or a[0] > _MOST_RANK or max(b[0], prod(a[1:])) > _MOST:
        return "a factor is empty or too large"
    return ""


def _adapted(
    module: str,
    adapter: str,
    factors: tuple[TensorInfo, TensorInfo],
    transposed: bool,
    tensors: Mapping[str, TensorInfo],
    config: Mapping[str, Any] | None,
) -> Adapted:
    first, second = factors
    rank, rows, columns = first.shape[0], second.shape[0], prod(first.shape[1:])
    alpha = next((n for n in (f"{module}.alpha", f"{module}.lora_alpha") if n in tensors), None)
    factor = factor_of(module.removeprefix(_BASE), rank, config)
    if config is None and alpha is not None:
        factor = type(factor)(1.0, "", f"alpha in '{printable(alpha)}' is not applied")
    transposed = transposed or (config or {}).get("fan_in_fan_out") is True
    product = Product(
        Numbers(second, second.dtype), Numbers(first, first.dtype), rows, rank, columns, factor
    )
    shape = (rows, *first.shape[1:])
    turned = transposed and len(shape) == 2
    if turned:
        shape = shape[::-1]
    text = f"B A of rank {rank:,}, {f'times {factor.text}' if factor.text else 'unscaled'}"
    weight = f"{module.removeprefix(_BASE)}.weight"
    return Adapted(module, adapter, factors, Stored(weight, shape, product, text, turned))


def _line(names: Sequence[str], reason: str) -> str:
    more = f" (and {len(names) - 1:,} more)" if len(names) > 1 else ""
    return f"'{printable(names[0])}'{more} {reason}"
