"""Survey a checkpoint without reading a weight: matrices, storage, places, architecture."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.anatomy.architecture import Architecture, architecture_of
from weightgauge.anatomy.completeness import missing_findings
from weightgauge.anatomy.components import Component, Components, TensorLike, classify_by_form
from weightgauge.anatomy.components.tensor_facts import TensorFacts
from weightgauge.anatomy.lora import Adapted, adapted_matrices, factor_findings, unscaled_told
from weightgauge.anatomy.lost_codes import lost_codes
from weightgauge.anatomy.named_shapes import NamedShapes
from weightgauge.anatomy.not_packed import not_packed
from weightgauge.anatomy.stated_shapes import shape_findings
from weightgauge.anatomy.stated_zeros import stated_zeros
from weightgauge.anatomy.storage import Product, Storage, Stored, storage_of
from weightgauge.anatomy.storage.blockwise import MOST_OF_ALL, MOST_SETTINGS, holds_settings
from weightgauge.anatomy.storage.stored import PRODUCT
from weightgauge.anatomy.stored_findings import stored_findings
from weightgauge.anatomy.stored_names import named_as_stored
from weightgauge.categorical import different
from weightgauge.checkpoint.scalars import INTEGERS, read_bytes, read_scalars, read_shapes
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.checkpoint.types import TensorInfo
from weightgauge.findings import RULES, Finding

if TYPE_CHECKING:
    from weightgauge.anatomy.layouts import Slice
    from weightgauge.checkpoint import Checkpoint

_OF_SEVERAL = re.compile(r"-of-([0-9]{1,9})\.[^.]*$")
"""The part of a file's name that says how many files there are."""

_SHAPE = ".weight_shape"
"""What the tensors are called that hold the shapes of packed weights."""


class _Named(NamedTuple):
    """A matrix as classification sees it."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, repr=False)  # without slots: what is asked for twice is kept
class Survey:
    """Everything that headers and configuration say about a checkpoint.

    Attributes
    ----------
    storage : Storage
        What is stored in place of weights.
    components : Components
        Component of every tensor.
    tensors : Tensors
        The tensors.
    made : dict of str to tuple of int
        Shapes of matrices that are made of tensors, by the name that they would have if their
        values were stored.
    architecture : Architecture
        What is known about the towers.
    forms : array of int
        The same number for tensors of one form: see `weightgauge.anatomy.components.Classified`.
    adapted : tuple of (Adapted, Component)
        Matrices that low-rank factors adapt.
    findings : tuple of Finding
        What a whole model lacks, what contradicts its configuration, what cannot be measured, and
        what else is odd about storage, factors or configuration.
    """

    storage: Storage
    components: Components
    tensors: Tensors
    made: dict[str, tuple[int, ...]]
    architecture: Architecture
    forms: array[int]
    adapted: tuple[tuple[Adapted, Component], ...] = ()
    findings: tuple[Finding, ...] = field(default=())

    @cached_property
    def rows(self) -> dict[str, int]:
        """Places of the tensors in `components` and `forms`, by name."""
        return dict(zip(self.tensors.names, range(len(self.tensors)), strict=True))

    @cached_property
    def shapes(self) -> NamedShapes:
        """Shapes of tensors by name, and of the matrices made of them."""
        return NamedShapes(self.tensors.names, self.tensors.shapes, self.made)

    def __repr__(self) -> str:
        """Show how many tensors and adapted matrices there are."""
        return (
            f"<Survey of {len(self.components):,} tensors, {len(self.adapted):,} adapted matrices>"
        )


def survey(checkpoint: Checkpoint) -> Survey:
    """Find out what every tensor of a checkpoint is.

    Parameters
    ----------
    checkpoint : Checkpoint
        From `open_checkpoint`.

    Returns
    -------
    Survey
    """
    tensors, config = checkpoint.tensors, checkpoint.config
    storage = _storage(checkpoint)
    adapted, unpaired = adapted_matrices(tensors, checkpoint.adapter_config, checkpoint.metadata)
    matrices: Sequence[TensorLike] = tensors
    if storage.matrices:
        matrices = _as_matrices(tensors, storage.matrices)
    updates = [_Named(each.weight, each.stored.shape, "F32") for each in adapted]
    components, forms = classify_by_form([*matrices, *updates] if updates else matrices)
    tensors.forget_outlines()
    places = components[: len(tensors)] if updates else components
    forms = forms[: len(tensors)]
    names = tensors.names
    if storage.roles:
        others = [row for row, name in enumerate(names) if name in storage.roles]
        places = places.with_kind(others, "other")
        for row in others:
            forms[row] = -1 - forms[row]  # others of its form may hold weights
    # An adapter need not adapt every block.
    is_adapter = bool(adapted) or checkpoint.adapter_config is not None
    complete = not is_adapter and not _is_a_part(checkpoint)
    architecture = architecture_of(matrices, places, config, complete=complete, forms=forms)
    missing: list[Finding] = []
    told: set[str] = set()
    if not is_adapter and not _is_one_file_of_several(checkpoint):
        missing = missing_findings(matrices, places, forms, architecture, config)
        missing += shape_findings(
            matrices, places, forms, architecture, config or {}, storage.undecoded
        )
        missing = named_as_stored(missing, storage.matrices, names)
        missing += not_packed(tensors, places, storage) if complete else ()
        if _has_integers(tensors):
            missing += _lost_codes(names, storage, missing)
        told.update(architecture.contradictions)
    made = storage.matrices or updates
    return Survey(
        storage=storage,
        components=places,
        tensors=tensors,
        made=_shapes_by_name([*matrices, *updates] if updates else matrices) if made else {},
        architecture=architecture,
        forms=forms,
        adapted=tuple(zip(adapted, components[len(tensors) :], strict=True)),
        findings=(
            *stored_findings(tensors, places, storage),
            *stated_zeros(checkpoint, storage),
            *factor_findings(unpaired, places, names),
            *missing,
            *named_as_stored(
                (
                    RULES["odd-input"].finding(what=line)
                    for line in architecture.warnings
                    if line not in told
                ),
                storage.matrices,
                names,
            ),
        ),
    )


def _lost_codes(
    names: Sequence[str], storage: Storage, missing: Sequence[Finding]
) -> Iterator[Finding]:
    """Tell of what is lost of packed matrices, but for what is told of already."""
    known = {each.tensor for each in missing if each.id == "missing-part"}
    for each in lost_codes(names, storage.lacking):
        if each.tensor not in known:
            yield each


def _has_integers(tensors: Tensors) -> bool:
    """Whether anything may belong to packed weights: few models have integers."""
    return not INTEGERS.isdisjoint(different(tensors.dtypes))


def _storage(checkpoint: Checkpoint) -> Storage:
    packed = _has_integers(checkpoint.tensors)
    return storage_of(
        checkpoint.tensors,
        checkpoint.config,
        _stated_shapes(checkpoint) if packed else {},
        _contents(checkpoint) if packed else {},
        checkpoint.quantiser_configs,
        checkpoint.metadata,
    )


def _stated_shapes(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    """Read the shapes of packed weights, which tell how many of their codes are weights."""
    tensors = checkpoint.tensors
    rows = [row for row, name in enumerate(tensors.names) if name.endswith(_SHAPE)]
    small = [each for row in rows if (each := tensors[row]).dtype in INTEGERS and each.size == 2]
    return read_shapes(checkpoint, small) if small else {}


def _contents(checkpoint: Checkpoint) -> dict[str, bytes]:
    """Read the tensors that hold how others are packed."""
    tensors = checkpoint.tensors
    rows = [row for row, name in enumerate(tensors.names) if holds_settings(name)]
    small = [each for row in rows if (each := tensors[row]).nbytes <= MOST_SETTINGS]
    few = sum(each.nbytes for each in small) <= MOST_OF_ALL
    return read_bytes(checkpoint, small) if small and few else {}


def _as_matrices(tensors: Tensors, made: Mapping[str, Stored]) -> Tensors:
    """Return what classification is to see in place of tensors, some of which hold codes."""
    names, dtypes, shapes = list(tensors.names), list(tensors.dtypes), list(tensors.shapes)
    for row, name in enumerate(tensors.names):
        stored = made.get(name)
        if stored is not None:
            names[row], dtypes[row], shapes[row] = stored.name, "F32", stored.shape
    return Tensors(names, dtypes, shapes, *tensors.columns()[3:])


def _shapes_by_name(tensors: Sequence[TensorLike]) -> dict[str, tuple[int, ...]]:
    names, shapes, _ = TensorFacts.of(tensors)
    return dict(zip(names, shapes, strict=True))


def products(
    found: Survey,
    checkpoint: Checkpoint,
    chosen: Sequence[TensorInfo],
    per: str,
    remarks: list[str] | None = None,
) -> list[Slice]:
    """Return slices for the products of the low-rank factors among the chosen tensors.

    Parameters
    ----------
    found : Survey
        What the checkpoint holds.
    checkpoint : Checkpoint
        The checkpoint itself. The alphas of the products are read from it, where they are tensors.
    chosen : sequence of TensorInfo
        Tensors that are fitted. A product is fitted if both of its factors are.
    per : {"tensor", "head", "expert"}
        As for `weightgauge.anatomy.layouts.slices_of`. An update is cut like the matrix that it
        changes.
    remarks : list of str, optional
        Receives one line for each reason why products are not cut although they hold several
        matrices, or heads that were asked for, and one for all whose factor is not known.

    Returns
    -------
    list of Slice
    """
    from weightgauge.anatomy.layouts import slices_of

    if not found.adapted:
        return []
    updates = _scaled_updates(found, checkpoint, chosen)
    virtual: list[TensorInfo] = []
    places: list[Component] = []
    stored: dict[str, Stored] = {}
    for each, component in updates:
        # Factors whose names are written in two ways can get the same name.
        name = each.name if each.name not in stored else each.factors[0].name
        left = each.factors[1]
        virtual.append(TensorInfo(name, "F32", each.stored.shape, left.shard, 0, 0))
        places.append(component._replace(part=PRODUCT))
        stored[name] = each.stored
    slices, whole = slices_of(
        virtual,
        shapes=found.shapes,
        places=Components.of(places),
        architecture=found.architecture,
        per=per,
        stored=stored,
    )
    if remarks is not None:
        remarks += [*whole, *unscaled_told([each for each, _ in updates])]
    return [
        item._replace(place=item.place._replace(part=item.place.part or PRODUCT)) for item in slices
    ]


def _scaled_updates(
    found: Survey, checkpoint: Checkpoint, chosen: Sequence[TensorInfo]
) -> list[tuple[Adapted, Component]]:
    """Return the adapted matrices whose factors are chosen, with the alphas that tensors hold."""
    wanted = {tensor.name for tensor in chosen}
    updates = [
        (each, component)
        for each, component in found.adapted
        if all(factor.name in wanted for factor in each.factors)
    ]
    alphas = read_scalars(checkpoint, (each.alpha for each, _ in updates if each.alpha is not None))
    return [
        (each.scaled_by(alphas[each.alpha.name]), component)
        if each.alpha is not None and each.alpha.name in alphas
        else (each, component)
        for each, component in updates
    ]


def unknown_factor(item: Slice) -> str:
    """Say why a product is not multiplied with its factor; "" for every other slice."""
    source = item.stored.source if item.stored is not None else None
    if not isinstance(source, Product) or not source.factor.unknown:
        return ""
    return f"the factor lora_alpha/r is not applied: {source.factor.unknown}"


def _is_a_part(checkpoint: Checkpoint) -> bool:
    """Whether the files of a checkpoint are not all that their names say there are."""
    totals = [_OF_SEVERAL.search(shard.name) for shard in checkpoint.shards]
    return any(found is not None and int(found[1]) > len(totals) for found in totals)


def _is_one_file_of_several(checkpoint: Checkpoint) -> bool:
    """Whether somebody asked for one file of a model that has several."""
    return (
        checkpoint.files == 1
        and _is_a_part(checkpoint)
        and checkpoint.model.endswith(checkpoint.shards[0].name)
    )
