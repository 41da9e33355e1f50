"""What headers show of single tensors: no elements, no decoder, codes without their scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import Components
from weightgauge.anatomy.storage.stored import weight_name
from weightgauge.categorical import numbers_of
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.dtypes import ITEM_BYTES, NO_DECODER
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place

if TYPE_CHECKING:
    from weightgauge.anatomy.storage import Storage
    from weightgauge.checkpoint import TensorInfo

_BRING_BACK = "bring back what is missing or wrong beside them; nothing is known without it"


def stored_findings(
    tensors: Sequence[TensorInfo], places: Components, storage: Storage
) -> list[Finding]:
    """Find the tensors whose weights are not there or cannot be measured.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors.
    places : Components
        What they are.
    storage : Storage
        How they are stored.

    Returns
    -------
    list of Finding
    """
    columns = Tensors.of(tensors)
    found = []
    odd = numbers_of(columns.dtypes, NO_DECODER.__contains__, "bool")
    odd |= numbers_of(columns.shapes, lambda shape: 0 in shape, "bool")
    for row in odd.nonzero()[0].tolist():
        dtype, shape = columns.dtypes[row], columns.shapes[row]
        if 0 in shape and dtype in ITEM_BYTES:
            place = _place(columns.names[row], places, row)
            # Tokens of which a model has none, such as registers: no placeholder of a weight.
            none = place.kind == "other" and any(shape) and columns.names[row].endswith("tokens")
            found.append(
                RULES["empty"].finding(
                    place, value=0, shape=list(shape), level="note" if none else None
                )
            )
        elif dtype in NO_DECODER:
            place = _place(columns.names[row], places, row)
            found.append(_unmeasured(place, f"there is no decoder for {dtype}"))
    broken = {name.rpartition(".")[0] for name in (*storage.lacking, *storage.contradicted)}
    special = storage.undecoded or storage.unscaled or storage.contradicted
    for row, tensor in enumerate(tensors if special else ()):
        if reason := storage.undecoded.get(tensor.name, ""):
            hint = _BRING_BACK if tensor.name.rpartition(".")[0] in broken else None
            found.append(_unmeasured(_place(tensor.name, places, row), reason, hint))
        if reason := storage.unscaled.get(tensor.name, ""):
            found.append(
                RULES["scale-missing"].finding(_place(tensor.name, places, row), reason=reason)
            )
        if tensor.name in storage.contradicted:
            value, expected, what, level = storage.contradicted[tensor.name]
            place = _place(tensor.name, places, row)
            found.append(
                RULES["shape-contradicts"].finding(
                    place, value=value, expected=expected, what=what, level=level
                )
            )
    found += _stored_twice(columns, places, storage)
    found += [RULES["odd-input"].finding(what=line) for line in storage.remarks]
    contradictions = storage.quantisation.contradictions
    found += [RULES["configs-differ"].finding(what=line) for line in contradictions]
    return found


def _stored_twice(columns: Tensors, places: Components, storage: Storage) -> Iterator[Finding]:
    """Tell of matrices that are there packed and as weights, or packed in two ways.

    Which copy is meant, and whether the two say the same, nobody can tell from headers.
    """
    names = columns.names
    packed = {name: weight_name(name) for name in storage.undecoded}
    packed |= {name: stored.name for name, stored in storage.matrices.items()}
    if not packed:
        return
    homes = {name: name for name in names if name not in packed}
    dtypes = dict(zip(names, columns.dtypes, strict=True))
    for row, name in enumerate(names):
        home = homes.setdefault(packed[name], name) if name in packed else name
        if home != name:
            form = "packed as well" if home in packed else f"{dtypes[home]}, not packed"
            yield RULES["stored-twice"].finding(
                _place(name, places, row), value=home, other=printable(home), form=form
            )


def _unmeasured(place: Place, reason: str, hint: str | None = None) -> Finding:
    return RULES["unmeasured"].finding(place, value=reason, reason=reason, hint=hint)


def _place(name: str, places: Components, row: int) -> Place:
    kind, block, tower, expert, *_ = places[row]
    return Place(tensor=name, kind=kind, block=block, tower=tower, expert=expert)
