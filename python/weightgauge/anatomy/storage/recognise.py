"""What a checkpoint stores in place of weights, recognised by one table of decoders.

Products of low-rank factors are recognised by `weightgauge.anatomy.lora`, because they need the
configuration of an adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.anatomy.storage.blockwise import holds_settings
from weightgauge.anatomy.storage.cut_parts import cut_parts
from weightgauge.anatomy.storage.integers import INTEGERS, integer_weights
from weightgauge.anatomy.storage.left_alone import left_alone
from weightgauge.anatomy.storage.neighbours import Neighbours
from weightgauge.anatomy.storage.not_unpacked import AtOdds, Lacking, Misfit, NotUnpacked
from weightgauge.anatomy.storage.packed import beside_codes, may_be_packed, packed_by
from weightgauge.anatomy.storage.quantisation import Quantisation, quantisation_of
from weightgauge.anatomy.storage.roles import belongs_to, scale_of, signed_scale_of
from weightgauge.anatomy.storage.scale_texts import ScaleTexts
from weightgauge.anatomy.storage.scales import (
    F8,
    IN_TILES,
    Decodings,
    NotScaled,
    block_size,
    further_scale,
    further_scale_names,
    in_tiles,
    packed_mxfp4,
    scale_names,
    stated_blocks,
    with_scale_of_all,
)
from weightgauge.anatomy.storage.stored import (
    GroupedCodes,
    PackedCodes,
    ScaledCodes,
    Stored,
    in_module,
)
from weightgauge.anatomy.storage.unpacking import unpacked
from weightgauge.categorical import different
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.errors import printable
from weightgauge.records import maker

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

_BYTES = frozenset(("U8", "I8"))
_CODES = frozenset((*F8, "F4"))
_ACTIVATION_SCALES = ("input_scale", "input_scale_inv", "activation_scale", "output_scale")

_Tensors = Mapping[str, "TensorInfo"]


class Contradiction(NamedTuple):
    """A shape that is not as something else says.

    Attributes
    ----------
    value, expected : str
        The shape, and the one that it should be.
    what : str
        The same in a clause.
    level : str or None
        How serious that is, where it is not as for all shapes.
    """

    value: str
    expected: str
    what: str
    level: str | None = None


@dataclass(slots=True, repr=False)
class Storage:
    """The tensors of a checkpoint that are not, or not alone, the weights of a matrix.

    Attributes
    ----------
    matrices : dict of str to Stored
        Matrices that are decoded while they are counted, by the name of the tensor with the codes.
    roles : dict of str to str
        What a tensor without weights is for, in a clause, by its name.
    undecoded : dict of str to str
        Why the weights in a tensor are not measured, in a clause, by the name of the tensor.
    lacking : dict of str to tuple of str
        What is not there without which packed codes are no weights, as the last parts of names, by
        the name of the tensor with the codes.
    unscaled : dict of str to str
        Why codes are counted without their scale, by the name of their tensor.
    contradicted : dict of str to Contradiction
        What is not as the configuration or other modules say: the size of blocks that have a scale,
        by the name of the tensor with the codes; and the shapes of packed codes and of what lies
        beside them, by their names.
    remarks : list of str
        What else is odd: one line for each reason, however many tensors it concerns.
    quantisation : Quantisation
        What configurations say of how the model is quantised.
    stated_shapes : mapping of str to tuple of int
        What the tensors that hold shapes say, by their names, where they could be read.
    contents : mapping of str to bytes
        The bytes of tensors that hold other settings, by their names, where they could be read.
    """

    matrices: dict[str, Stored] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    undecoded: dict[str, str] = field(default_factory=dict)
    lacking: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unscaled: dict[str, str] = field(default_factory=dict)
    contradicted: dict[str, Contradiction] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    quantisation: Quantisation = field(default_factory=lambda: quantisation_of(None))
    stated_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict)

    def note(self, name: str) -> str:
        """Say what is special about the storage of a tensor; "" if nothing is."""
        if name in self.matrices:
            return self.matrices[name].text
        return self.roles.get(name) or self.unscaled.get(name, "")

    def __repr__(self) -> str:
        """Show how many tensors there are of each sort."""
        return (
            f"<Storage: {len(self.matrices):,} decoded, {len(self.roles):,} without weights, "
            f"{len(self.unscaled):,} without their scale>"
        )


@dataclass(frozen=True, slots=True)
class Decoder:
    """One row of the table: a way to store a matrix otherwise than by its values.

    Attributes
    ----------
    name : str
        What people call it.
    find : callable
        Recognises it among all tensors of a checkpoint, and notes what it finds. Tensors that an
        earlier row has taken are left alone.
    source : type or None
        What is noted for the core to decode; None for storage that is named and not read.
    words : str
        How the output describes it: a format string.
    """

    name: str
    find: Callable[[_Tensors, Quantisation, Storage, str], None]
    source: type[ScaledCodes | PackedCodes | GroupedCodes] | None
    words: str


def storage_of(
    tensors: Sequence[TensorInfo],
    config: Mapping[str, Any] | None,
    stated_shapes: Mapping[str, tuple[int, ...]] | None = None,
    contents: Mapping[str, bytes] | None = None,
    quantiser_configs: Mapping[str, Mapping[str, Any]] | None = None,
    metadata: Collection[str] = (),
) -> Storage:
    """Recognise how the matrices of a checkpoint are stored.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors of a checkpoint.
    config : mapping or None
        Its configuration. Where it contradicts the tensors, the tensors count.
    stated_shapes : mapping of str to tuple of int, optional
        As in `Storage`.
    contents : mapping of str to bytes, optional
        As in `Storage`.
    quantiser_configs : mapping of str to mapping, optional
        As in `weightgauge.checkpoint.Checkpoint`.
    metadata : collection of str, optional
        Keys of the metadata in the headers of files.

    Returns
    -------
    Storage
    """
    columns = Tensors.of(tensors)
    by_name: dict[str, TensorInfo] = {}
    # Most checkpoints hold nothing but weights. That takes less time to see than to list them.
    coded = not (INTEGERS | _CODES).isdisjoint(different(columns.dtypes))
    if coded or may_be_packed(columns.unlike_names()):
        by_name = dict(zip(columns.names, columns, strict=True))
    quantisation = quantisation_of(config, quantiser_configs, metadata)
    found = Storage(
        quantisation=quantisation, stated_shapes=stated_shapes or {}, contents=contents or {}
    )
    found.remarks += quantisation.wrong
    for decoder in DECODERS:
        decoder.find(by_name, quantisation, found, decoder.words)
    return found


def _find_mxfp4(tensors: _Tensors, quantisation: Quantisation, found: Storage, words: str) -> None:
    """Find bytes with two F4 codes each, beside which lie an exponent for every 32 codes."""
    for name in [name for name, tensor in tensors.items() if tensor.dtype in _BYTES]:
        tensor = tensors[name]
        if further_scale(name, tensors) is not None:
            continue
        base = name.removesuffix("_blocks")
        candidates = [f"{base}_scales"] if base != name else scale_names(name)
        scale = next((tensors[other] for other in candidates if other in tensors), None)
        codes = packed_mxfp4(tensor, scale) if scale is not None else None
        if scale is None:
            continue
        if codes is None:
            if base != name:
                found.unscaled[name] = (
                    f"not decoded: its {list(tensor.shape)} do not fit {list(scale.shape)} of "
                    f"'{printable(scale.name)}'"
                )
            continue
        matrix = base.removesuffix("_packed")
        shape = (*scale.shape[:-1], codes.columns)
        text = words.format(scale=_leaf(scale.name))
        found.matrices[name] = Stored(matrix, shape, codes, text)
        found.roles[scale.name] = scale_of(name)


def _find_packed(tensors: _Tensors, quantisation: Quantisation, found: Storage, words: str) -> None:
    """Find the packed integers of known quantisers: see `weightgauge.anatomy.storage.packed`."""
    at_odds: dict[str, Sequence[str]] = {}
    fitting: dict[str, Sequence[str]] = {}
    for name, title, others in packed_by(tensors, quantisation.method):
        if name in found.matrices:
            continue
        try:
            stated = found.stated_shapes, found.contents
            matrix = unpacked(tensors[name], title, tensors, quantisation, *stated)
            reason = "which is not decoded"
        except NotUnpacked as error:
            matrix, reason = None, f"and cannot be decoded: {error}"
            if isinstance(error, Lacking) and error.sure:
                found.lacking[name] = error.leaves
            elif isinstance(error, Misfit):
                sides = str(error.shape), str(error.expected)
                what = _misfit(*sides, error.by, quantisation)
                found.contradicted[error.name] = Contradiction(*sides, what)
            elif isinstance(error, AtOdds):
                at_odds[name] = _of_fixed_size(others)
        if matrix is not None:
            found.matrices[name] = matrix
            found.roles |= dict.fromkeys(others, belongs_to(name))
            if isinstance(matrix.source, GroupedCodes) and matrix.source.scales.any_sign:
                found.roles[matrix.source.scales.tensor.name] = signed_scale_of(name)
            fitting[name] = _of_fixed_size(others)
            continue
        found.undecoded[name] = f"packed by {title}, {reason}"
        found.roles[name] = words.format(quantiser=title)
        found.roles |= dict.fromkeys(others, belongs_to(name, f"packed by {title}"))
    _note_cut_parts(tensors, quantisation, found, fitting, at_odds)
    for lost, _ in left_alone(tensors):
        role = belongs_to(lost, "which is missing")
        found.roles |= dict.fromkeys(beside_codes(lost, tensors), role)


def _of_fixed_size(names: Sequence[str]) -> list[str]:
    """Return the names of all but texts, which have other lengths in modules of one shape."""
    return [name for name in names if not holds_settings(name)]


def _misfit(shape: str, expected: str, by: str, quantisation: Quantisation) -> str:
    file = quantisation.file_of("group_size", "config_groups")
    by = by or f"the codes and the groups that {file} states make it"
    return f"shape {shape}; {by} {expected}"


def _note_cut_parts(
    tensors: _Tensors,
    quantisation: Quantisation,
    found: Storage,
    fitting: Mapping[str, Sequence[str]],
    at_odds: Mapping[str, Sequence[str]],
) -> None:
    """Note what other modules of the name have in another shape; groups that are stated count."""
    stated = not {"group_size", "config_groups"}.isdisjoint(quantisation.values)
    for part in cut_parts(tensors, fitting, at_odds, stated=stated):
        shape, usual = str(list(part.shape)), str(list(part.usual))
        what = f"shape {shape}; others of its name have {usual}"
        level = None if part.sure else "warning"
        found.contradicted.setdefault(part.name, Contradiction(shape, usual, what, level))


def _find_integers(
    tensors: _Tensors, quantisation: Quantisation, found: Storage, words: str
) -> None:
    """Find integers in the place of weights: see `weightgauge.anatomy.storage.integers`."""
    title = quantisation.method or "a quantiser that is not known"
    known = {*found.matrices, *found.roles, *found.unscaled}
    quantised = quantisation.stated and not (found.matrices or found.undecoded or found.unscaled)
    for each in integer_weights(tensors, known, quantised=quantised):
        if each.packed:
            found.undecoded[each.name] = f"packed by {title}, which is not decoded"
            found.roles[each.name] = words.format(quantiser=title)
        else:
            found.undecoded[each.name] = (
                f"stored as {tensors[each.name].dtype}, and nothing says how to make weights of it"
            )
        found.roles |= dict.fromkeys(each.others, belongs_to(each.name, "which is not decoded"))


def _find_scaled(tensors: _Tensors, quantisation: Quantisation, found: Storage, words: str) -> None:
    """Find F8 and F4 codes with one scale for each block, row, column, matrix or tensor."""
    blocks, wrong = stated_blocks(quantisation.values)
    found.remarks += [wrong] if wrong else []
    coded = [name for name, tensor in tensors.items() if tensor.dtype in _CODES]
    if not coded:
        return
    doubts: dict[str, list[str]] = {}
    leaves = {name.rpartition(".")[2] for name in tensors}
    scales, further = (
        Neighbours(tensors, leaves, each) for each in (scale_names, further_scale_names)
    )
    activation = [leaf for leaf in _ACTIVATION_SCALES if leaf in leaves]
    decodings, texts = Decodings(blocks), ScaleTexts(words)
    for name in coded:
        tensor = tensors[name]
        if name in found.roles:
            continue
        scale = scales.of(name)
        if scale is None:
            if quantisation.stated and len(tensor.shape) > 1:
                reason = "config.json says it is quantised, but no scale lies beside it"
                found.unscaled[name] = f"fitted as stored: {reason}"
            continue
        found.roles[scale.name] = scale_of(name)
        _note_activation_scales(name, activation, tensors, found)
        try:
            if in_tiles(tensor, scale, tensors, stated=quantisation.tiled):
                raise NotScaled(IN_TILES)
            decoding = decodings.of(tensor, scale)
            second = further.of(name)
            if second is not None:
                found.roles[second.name] = scale_of(name)
                decoding = decoding._replace(codes=with_scale_of_all(decoding.codes, second))
        except NotScaled as error:
            found.unscaled[name] = f"fitted as stored, its scale is not applied: {error}"
        else:
            text = texts.of(tensor, scale, decoding)
            found.matrices[name] = _make_stored(name, tensor.shape, decoding.codes, text)
            if decoding.stated_otherwise and blocks is not None:
                sizes = block_size(decoding.codes), f"{blocks[0]:,} x {blocks[1]:,}"
                found.contradicted[name] = Contradiction(*sizes, decoding.doubt)
            elif decoding.doubt:
                doubts.setdefault(decoding.doubt, []).append(name)
    found.remarks += [f"{_some(names)} {doubt}" for doubt, names in doubts.items()]


_make_stored = maker(Stored)


def _some(names: Sequence[str]) -> str:
    more = f" (and {len(names) - 1:,} more)" if len(names) > 1 else ""
    return f"'{printable(names[0])}'{more}"


def _note_activation_scales(
    name: str, leaves: Sequence[str], tensors: _Tensors, found: Storage
) -> None:
    owner = name.rpartition(".")[0]
    for leaf in leaves:
        beside = in_module(owner, leaf)
        if beside in tensors:
            found.roles[beside] = f"a scale of activations beside '{printable(name)}'"


def _leaf(name: str) -> str:
    return printable(name.rpartition(".")[2])


_PACKED_WORDS = "packed by {quantiser}: no weights before it is dequantised"

DECODERS = (
    Decoder("MXFP4", _find_mxfp4, ScaledCodes, "MXFP4 x 2^{scale}"),
    Decoder("packed integers", _find_packed, PackedCodes, _PACKED_WORDS),
    Decoder("scaled codes", _find_scaled, ScaledCodes, "{codes} x {scale} {per}"),
    Decoder("unknown integers", _find_integers, None, _PACKED_WORDS),
)
"""All ways that are known. The first row that recognises a tensor decides."""
