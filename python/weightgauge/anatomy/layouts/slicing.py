"""Cutting of the tensors of a checkpoint into the slices that are fitted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS, Component, Components, first_rows
from weightgauge.anatomy.layouts.candidate import Candidate
from weightgauge.anatomy.layouts.layout import Cut, Layout, NotCut, cuts, lines_of_head
from weightgauge.anatomy.layouts.matrix_layout import MatrixLayout, matrix_layout
from weightgauge.anatomy.layouts.rules import (
    HEAD_RULES,
    KINDS_WITH_RULES,
    layout_of,
    may_be_fused,
)
from weightgauge.anatomy.layouts.slices import Slice, Slices
from weightgauge.categorical import alike, by_code, categorical
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.dtypes import ITEM_BYTES
from weightgauge.errors import printable

if TYPE_CHECKING:
    from weightgauge.anatomy.architecture import Architecture
    from weightgauge.anatomy.named_shapes import NamedShapes
    from weightgauge.anatomy.storage import Stored
    from weightgauge.checkpoint import TensorInfo


def slices_of(
    tensors: Sequence[TensorInfo],
    *,
    shapes: NamedShapes,
    places: Components,
    architecture: Architecture,
    per: str,
    stored: Mapping[str, Stored] | None = None,
    forms: Sequence[int] | None = None,
) -> tuple[Slices, list[str]]:
    """Cut tensors into the slices that are fitted.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        Tensors that are fitted.
    shapes : NamedShapes
        Shape of every matrix of the checkpoint, by name.
    places : Components
        Their components.
    architecture : Architecture
        What is known about the towers.
    per : {"tensor", "head", "expert"}
        "tensor" gives whole tensors, and also each matrix of those that hold several. "head" gives
        q, k, v and o by head in place of the whole. "expert" gives stacked experts one by one in
        place of the stack.
    stored : mapping of str to Stored, optional
        Tensors that are decoded. They are cut like the matrices that are made from them.

    forms : sequence of int, optional
        Which tensors are of one form: see `weightgauge.anatomy.components.Classified`. It saves
        time, and changes nothing.

    Returns
    -------
    slices : Slices
        Ordered by tensor, each whole tensor before its parts.
    warnings : list of str
        Tensors that stay whole although they hold several matrices, or heads that were asked for.
    """
    import numpy as np

    cutter = _Cutter(architecture, shapes, per)
    sources = stored or {}
    columns = Tensors.of(tensors)
    forms = range(len(columns)) if forms is None else forms
    divisible, matrices = cutter.matrices(columns, places, forms, sources)
    if not divisible and not sources:
        return Slices(columns, places, columns.shapes, matrices=matrices), []
    cut = np.isin(forms, list(divisible)).nonzero()[0].tolist()
    decoded = [sources.get(name) for name in columns.names] if sources else None
    pieces = {
        row: list(cutter.cut(columns[row], places[row], sources.get(columns.names[row])))
        for row in cut
        if columns.dtypes[row] in ITEM_BYTES or columns.names[row] in sources
    }
    whole = Slices(
        columns,
        places,
        columns.shapes if decoded is None else _decoded_shapes(columns, decoded),
        sources=decoded,
        matrices=matrices,
    )
    return whole.with_pieces(pieces), cutter.warnings()


def _decoded_shapes(
    tensors: Tensors, decoded: Sequence[Stored | None]
) -> Sequence[tuple[int, ...]]:
    pairs = zip(tensors.shapes, decoded, strict=True)
    return categorical([shape if stored is None else stored.shape for shape, stored in pairs])


class _Cutter:
    def __init__(self, architecture: Architecture, shapes: NamedShapes, per: str) -> None:
        self._architecture = architecture
        self._shapes = shapes
        self._widths = {shape[1] for shape in shapes.different() if len(shape) == 2}
        self._per = per
        # Blocks are built alike, so their tensors share the cuts.
        self._cuts: dict[tuple[Layout, bool, bool], tuple[Cut, ...]] = {}
        self._whole: dict[tuple[str, str], list[str]] = {}

    def cut(
        self, tensor: TensorInfo, place: Component, stored: Stored | None = None
    ) -> Iterator[Slice]:
        """Yield the slices of one tensor: the whole, its parts or its heads."""
        note, layout = "", None
        candidate = self.candidate(tensor, place, stored)
        shape = candidate.shape
        if tensor.size > 0:
            try:
                layout = layout_of(candidate)
            except NotCut as error:
                note = f"not split: {error.reason}"
                self._note("is not split into its parts", error.reason, tensor)
        by_head = False
        if self._per == "head" and not note and tensor.size > 0:
            layout, by_head = self._by_head(candidate, layout, tensor)
        pieces: tuple[Cut, ...] = ()
        if layout is not None:
            pieces = self._pieces(layout, by_head, turned=candidate.inputs_first)
        if pieces and not _addressable(tensor, stored, pieces):
            note, pieces, by_head = "not split: two elements share a byte", (), False
        replaced = pieces and (by_head or (self._per == "expert" and layout and layout.stacked))
        if not replaced:
            matrix = (
                self.matrix_of(candidate)
                if layout is None
                else _matrix(shape, candidate.kind, layout)
            )
            yield Slice(tensor, place, shape, None, note, stored, matrix)
        for piece in pieces:
            heads = piece.heads[::-1] if candidate.inputs_first else piece.heads
            matrix = matrix_layout(piece.shape, clusters=heads)
            yield Slice(tensor, _placed(place, piece), piece.shape, piece, "", stored, matrix)

    def matrices(
        self,
        tensors: Tensors,
        places: Components,
        forms: Sequence[int],
        sources: Mapping[str, Stored],
    ) -> tuple[set[int], Sequence[MatrixLayout | None]]:
        """Return which forms may hold several matrices, and how each other tensor forms rows.

        Of tensors that hold their values, and are of a kind that no rule is about, nothing but
        kind and shape is asked: these may be a million of as many forms.
        """
        import numpy as np

        divisible: set[int] = set()
        same = alike(places.kinds, tensors.shapes)
        layouts: list[MatrixLayout | None] = [
            _matrix(tensors.shapes[row], places.kinds[row], None) for row in first_rows(same)
        ]
        asked = places.of_kinds(KINDS_WITH_RULES) | bool(sources)
        place_of: dict[int, int] = {}
        first = np.array(first_rows(forms), np.intp)
        for row in first[asked[first]].tolist():
            tensor, kind = tensors[row], places.kinds[row]
            stored = sources.get(tensor.name)
            name, shape = tensor.name, tensor.shape
            if stored is not None:
                name, shape = stored.name, stored.shape
            place_of[forms[row]] = len(layouts)
            by_head = self._per == "head" and kind in HEAD_RULES
            if by_head or may_be_fused(name, kind, shape, self._widths):
                divisible.add(forms[row])
                layouts.append(None)
            elif kind in HEAD_RULES:
                layouts.append(self.matrix_of(self.candidate(tensor, places[row], stored)))
            else:
                layouts.append(_matrix(shape, kind, None))
        numbers = np.array(same)
        numbers[asked] = [place_of[forms[row]] for row in asked.nonzero()[0].tolist()]
        return divisible, by_code(layouts, numbers)

    def matrix_of(self, candidate: Candidate) -> MatrixLayout:
        """Return how a tensor of a single matrix forms rows and columns."""
        layout = None
        if candidate.kind in HEAD_RULES and 0 not in candidate.shape:
            with suppress(NotCut, IndexError):  # of more or fewer dimensions than two
                layout = HEAD_RULES[candidate.kind](candidate)
        return _matrix(candidate.shape, candidate.kind, layout)

    def candidate(self, tensor: TensorInfo, place: Component, stored: Stored | None) -> Candidate:
        """Return what rules of layouts are asked of: the tensor, its kind and its neighbours."""
        name = tensor.name if stored is None else stored.name
        return Candidate(
            name,
            tensor.shape if stored is None else stored.shape,
            place.kind,
            self._architecture.of(place.tower).of_stage(name),
            self._shapes,
            transposed=stored is not None and tensor.name.endswith("_blocks"),
            inputs_first=stored is not None and stored.turned,
        )

    def _by_head(
        self, candidate: Candidate, layout: Layout | None, tensor: TensorInfo
    ) -> tuple[Layout | None, bool]:
        """Return the layout, with heads if there are any, and whether the cuts are by head."""
        reason = layout.headless if layout is not None else ""
        if layout is None and candidate.kind in HEAD_RULES:
            try:
                layout = HEAD_RULES[candidate.kind](candidate)
            except NotCut as error:
                reason = error.reason
        if reason:
            self._note("is not divided into heads", reason, tensor)
            return layout, False
        heads = layout is not None and any(field.heads for field in layout.fields)
        return layout, heads

    def _pieces(self, layout: Layout, by_head: bool, *, turned: bool) -> tuple[Cut, ...]:
        """Return the pieces of a layout, whose values may come in the transposed order."""
        key = (layout, by_head, turned)
        found = self._cuts.get(key)
        if found is None:
            found = cuts(layout.turned() if turned else layout, by_head=by_head)
            if turned:
                found = tuple(piece._replace(shape=piece.shape[::-1]) for piece in found)
            self._cuts[key] = found
        return found

    def _note(self, what: str, reason: str, tensor: TensorInfo) -> None:
        self._whole.setdefault((what, reason), []).append(tensor.name)

    def warnings(self) -> list[str]:
        """Return one line for each reason, however many tensors it concerns."""
        lines = []
        for (what, reason), names in self._whole.items():
            first = f"'{printable(names[0])}'"
            others = f" (and {len(names) - 1:,} more)" if len(names) > 1 else ""
            lines.append(f"{first}{others} {what}: {reason}")
        return lines


def _matrix(shape: tuple[int, ...], kind: str, layout: Layout | None) -> MatrixLayout:
    """Return how a whole tensor forms rows and columns.

    Heads are clusters where all of the tensor consists of heads of one size, and so are experts
    whose rows follow each other.
    """
    if layout is not None and layout.stacked and len(shape) == 2:
        return matrix_layout(shape, clusters=(layout.shape[1], 1))
    stacked = len(shape) > 2 and kind in MATRIX_KINDS
    heads = (
        set() if layout is None else {lines_of_head(each, layout.axis) for each in layout.fields}
    )
    clusters = heads.pop() if len(heads) == 1 else (1, 1)
    return matrix_layout(shape, stacked=stacked, clusters=clusters)


def _placed(place: Component, piece: Cut) -> Component:
    expert = place.expert if piece.expert is None else piece.expert
    return Component(piece.kind, place.block, place.tower, expert, piece.head, piece.part)


def _addressable(tensor: TensorInfo, stored: Stored | None, pieces: Iterable[Cut]) -> bool:
    """Whether every piece starts and ends between bytes; a byte of F4 holds two elements."""
    if not (tensor.dtype == "F4" or (stored is not None and stored.two_in_a_byte)):
        return True
    return all(
        piece.first % 2 == 0
        and piece.dims[-1][0] % 2 == 0
        and all(stride % 2 == 0 for _, stride in piece.dims[:-1])
        for piece in pieces
    )
