"""Pairs of low-rank factors: the matrix that they adapt, and whether they fit each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.lora.factor_findings import (
    CONTRADICTED,
    LONE,
    REMARK,
    UNFIT,
    Unpaired,
    told_of,
)
from weightgauge.anatomy.lora.flat_names import dotted
from weightgauge.anatomy.lora.header_settings import header_settings, settings_of
from weightgauge.anatomy.lora.scaling import adapts_stack, factor_of, factor_of_alpha
from weightgauge.anatomy.storage import Factor, Numbers, Product, Stored
from weightgauge.checkpoint.scalars import FORMATS
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
_ALPHAS = ("alpha", "lora_alpha")
_NO_METADATA: Mapping[str, str] = MappingProxyType({})
METADATA = "__metadata__"
_MOST_RANK = 1 << 16
_MOST_VALUES = 1 << 33
"""Most values of a product; the largest matrices of published models have 2^32."""

_MOST_PER_VALUE = 1 << 15
"""Most values of a product for each value of its factors: real adapters of rank 1 reach half of it.

Without a limit, factors of four megabytes could ask for a product of 2^40 values.
"""

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
    alpha : TensorInfo or None
        The tensor of one number that says how the product is scaled, where nothing that can be read
        without it does.
    """

    module: str
    adapter: str
    factors: tuple[TensorInfo, TensorInfo]
    stored: Stored
    alpha: TensorInfo | None = None

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
        return _weight(self.module)

    def scaled_by(self, alpha: float) -> Adapted:
        """Return the same with the factor that the number in `alpha` makes."""
        source = self.stored.source
        assert isinstance(source, Product)
        factor = factor_of_alpha(alpha, source.rank)
        if factor.unknown and not source.factor.unknown:
            return self
        source = replace(source, factor=factor)
        return replace(self, stored=replace(self.stored, source=source, text=_text(source)))


def adapted_matrices(
    tensors: Sequence[TensorInfo],
    config: Mapping[str, Any] | None,
    metadata: Mapping[str, str] = _NO_METADATA,
) -> tuple[list[Adapted], list[Unpaired]]:
    """Pair the factors of low-rank adapters.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors of a checkpoint.
    config : mapping or None
        The content of `adapter_config.json`.
    metadata : mapping of str to str
        The ``__metadata__`` of the header.

    Returns
    -------
    adapted : list of Adapted
        One for each pair of factors that fit each other.
    unpaired : list of Unpaired
        Factors that make no product, and what else is wrong with factors.
    """
    if "lora" not in "\n".join(Tensors.of(tensors).unlike_names()):
        return [], []
    by_name = {tensor.name: tensor for tensor in tensors}
    settings = header_settings(metadata)
    adapted: list[Adapted] = []
    faults: dict[tuple[str, str], list[str]] = {}
    for module, adapter, first, second_name, transposed in _firsts(by_name):
        second = by_name.get(second_name)
        rule, reason = _fault(first, second, second_name)
        if not reason and adapts_stack(module.removeprefix(_BASE), first.shape[0], config):
            rule = REMARK
            reason = "has no product B A: the factors of stacked matrices lie side by side in it"
        if second is None or reason:
            faults.setdefault((rule, reason), []).append(first.name)
            continue
        factor = factor_of(module.removeprefix(_BASE), first.shape[0], config)
        alpha = _alpha(module, by_name) if factor.unknown else None
        if factor.unknown:
            if factor.contradicted:
                faults.setdefault((CONTRADICTED, factor.unknown), []).append(first.name)
            factor = _of_header(module, first.shape[0], settings, factor)
        stored = _stored(module, (first, second), transposed, factor, config)
        adapted.append(Adapted(module, adapter, (first, second), stored, alpha))
    if config is not None and config.get("use_dora") is True and adapted:
        told = REMARK, "has magnitudes of DoRA beside it, which B A does not include"
        faults[told] = [adapted[0].factors[0].name]
    for name, reason in _lone_seconds(by_name):
        faults.setdefault((LONE, reason), []).append(name)
    return adapted, [Unpaired(*told, names) for told, names in faults.items()]


def _lone_seconds(tensors: Mapping[str, TensorInfo]) -> Iterator[tuple[str, str]]:
    """Yield the name of every B without its A, and what to say of it."""
    for name, tensor in tensors.items():
        if "lora" not in name or len(tensor.shape) < 2:
            continue
        for first, second, _ in _PAIRS:
            module, found, tail = name.rpartition(f".{second}")
            if found and (not tail or tail.startswith(".")) and tail.count(".") <= 2:
                if f"{module}.{first}{tail}" not in tensors:
                    yield name, _lacks(f"{first}{tail}")
                break


def _lacks(other: str) -> str:
    return f"there is no '{printable(other)}' beside it, so it changes nothing"


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


def _fault(first: TensorInfo, second: TensorInfo | None, second_name: str) -> tuple[str, str]:
    """Return the rule that two factors break, and how; two empty texts if they make a product."""
    if second is None:
        return LONE, _lacks(second_name[second_name.rindex(".lora") + 1 :])
    a, b = first.shape, second.shape
    if any(tensor.dtype not in _FORMATS for tensor in (first, second)):
        formats = f"{first.dtype} and {second.dtype}"
        return REMARK, f"has no product B A: products of {formats} are not formed"
    if len(a) < 2 or len(b) < 2 or prod(b[2:]) != 1 or b[1] != a[0]:
        return UNFIT, f"{list(b)} times {list(a)} is no product"
    if first.size == 0 or second.size == 0 or a[0] > _MOST_RANK:
        return REMARK, "has no product B A: a factor is empty or too large"
    stored, made = first.size + second.size, b[0] * prod(a[1:])
    most = min(_MOST_VALUES, _MOST_PER_VALUE * stored)
    if made > most:
        return REMARK, (
            f"has no product B A: it would have {made:,} values, made of {stored:,}; more than "
            f"{most:,} are not formed, which no matrix of a model needs"
        )
    return "", ""


def _alpha(module: str, tensors: Mapping[str, TensorInfo]) -> TensorInfo | None:
    """Return the tensor of one number that says how a product is scaled, if there is one."""
    found = (tensors.get(f"{module}.{name}") for name in _ALPHAS)
    return next((each for each in found if each and each.size == 1 and each.dtype in FORMATS), None)


def _of_header(
    module: str, rank: int, settings: Mapping[str, dict[str, Any]], otherwise: Factor
) -> Factor:
    """Return the factor that the header states; if it says nothing of it, the one given."""
    within, stated = settings_of(module.removeprefix(_BASE), settings)
    return factor_of(within, rank, stated, source=METADATA) if stated else otherwise


def _stored(
    module: str,
    factors: tuple[TensorInfo, TensorInfo],
    transposed: bool,
    factor: Factor,
    config: Mapping[str, Any] | None,
) -> Stored:
    first, second = factors
    rank, rows, columns = first.shape[0], second.shape[0], prod(first.shape[1:])
    transposed = transposed or (config or {}).get("fan_in_fan_out") is True
    product = Product(
        Numbers(second, second.dtype), Numbers(first, first.dtype), rows, rank, columns, factor
    )
    shape = (rows, *first.shape[1:])
    turned = transposed and len(shape) == 2
    if turned:
        shape = shape[::-1]
    return Stored(_weight(module), shape, product, _text(product), turned)


def _weight(module: str) -> str:
    return f"{dotted(module.removeprefix(_BASE))}.weight"


def _text(product: Product) -> str:
    text = product.factor.text
    return f"B A of rank {product.rank:,}, {f'times {text}' if text else 'unscaled'}"


def unscaled_told(adapted: Sequence[Adapted]) -> list[str]:
    """Say in one line of which products the factor is not known, and why."""
    unknown: dict[str, list[str]] = {}
    for each in adapted:
        source = each.stored.source
        if isinstance(source, Product) and source.factor.unknown:
            unknown.setdefault(source.factor.unknown, []).append(each.factors[0].name)
    if not unknown:
        return []
    reason, *others = unknown
    names = [name for members in unknown.values() for name in members]
    more = f" (and {len(others):,} other reasons)" if others else ""
    return [told_of(names, f"is multiplied out without lora_alpha/r: {reason}{more}")]
