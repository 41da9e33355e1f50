"""What a file of histograms says beside the counts: as a JSON document, and back."""

from __future__ import annotations

import dataclasses
import math
import re
import sys
from typing import Any, NamedTuple

from weightgauge.anatomy.architecture import MLA, Architecture, TowerFacts
from weightgauge.anatomy.components import KINDS, TOWERS
from weightgauge.anatomy.inventory import FIELDS
from weightgauge.choices import PER
from weightgauge.dtypes import DTYPE_BITS, ITEM_BYTES
from weightgauge.findings import LEVELS, RULES, Finding
from weightgauge.fits.matrix_errors import Spread, is_origin
from weightgauge.fits.slice_fit import STATUSES, SliceFit
from weightgauge.records import FITTED, Table
from weightgauge.scanning.saved_model import SavedModel, SavedSlice
from weightgauge.scanning.wghist.schema import Members

_TOP = (
    *("weightgauge", "model", "per", "files", "architecture", "warnings", "findings", "tensors"),
    "slices",
)
_SLICE = (
    *(field.name for field in dataclasses.fields(SliceFit)),
    *("note", "missing", "counted", "counted_rms", "scale"),
)
_FINDING = tuple(field.name for field in dataclasses.fields(Finding))
_MLA = tuple(field.name for field in dataclasses.fields(MLA))
_TOWER = (
    *("tower", "model_type", "hidden", "blocks", "heads", "kv_heads", "head_dim", "experts"),
    *("attention", "storage", "qk_norm", "mla"),
)
_PLACES = ("block", "expert", "head")
_COUNTS = ("n", "zeros", "nonfinite")
_NOTED = ("negatives", "zero_blocks", "at_max")
_RANGES = {
    **dict.fromkeys(("r2", "ks"), (0.0, 1.0)),
    **dict.fromkeys(("lam", "rms", "max", "second", "lowest"), (0.0, sys.float_info.max)),
    # Their squares are doubles as well.
    **dict.fromkeys(("k", "k_se", "ln_lambda_se"), (0.0, 1e100)),
    **dict.fromkeys(("k_se_matrix", "ln_lambda_se_matrix"), (0.0, 1e100)),
    "fresh_z": (-1e100, 1e100),
}
_OF_EVERY_FIT = (
    *("k", "k_se", "ln_lambda_se", "r2", "ks", "rms", "max"),
    *("k_se_matrix", "ln_lambda_se_matrix"),
)
_OPTIONAL_COUNTS = (
    *("levels", "zero_rows", "zero_columns", "unused_rows", "far_out", "row_levels"),
    *("large_rows", "large_columns"),
)
_PART = re.compile("[a-z_]{1,20}")
_ATTENTION = (None, "MHA", "GQA", "MQA", "MLA")
_TOWER_STORAGE = (None, "separate", "merged", "mixed")
_ANY_KIND = (None, *KINDS)


class Counted(NamedTuple):
    """How the elements of a slice were counted.

    Attributes
    ----------
    dtype : str
        Element format, in the spelling of safetensors.
    rms : float or None
        Root mean square, where bins do not tell it.
    elements : int
        How many there are in all.
    """

    dtype: str
    rms: float | None
    elements: int


def described(histograms: SavedModel) -> dict[str, Any]:
    """Describe histograms: everything but the counts."""
    from weightgauge._version import __version__

    return {
        "weightgauge": __version__,
        "model": histograms.model,
        "per": histograms.per,
        "files": histograms.files,
        "architecture": histograms.architecture.to_dict(),
        "warnings": list(histograms.warnings),
        "findings": [_fields(each) for each in histograms.findings],
        "tensors": list(histograms.tensors),
        "slices": [_slice_described(item) for item in histograms.slices],
    }


def told(document: Any) -> tuple[SavedModel, list[Counted | None]]:
    """Make histograms of a description; their counts are still to be read.

    Parameters
    ----------
    document : object
        What `described` returned, from JSON, or anything else.

    Returns
    -------
    (SavedModel, list of Counted or None)
        The model, whose slices have no counts yet, and how each of them was counted; None for those
        that were not.

    Raises
    ------
    DescriptionError
        A member is missing, unknown, of another type than it should be, beyond its range, or
        contradicts another. The message names it.
    """
    top = Members(document, "", _TOP)
    top.text("weightgauge")
    slices, counted = [], []
    keys = set()
    for members in top.rows("slices", _SLICE):
        each, how = _slice(members)
        if each.fit.key in keys:
            members.fail("tensor", "has the same part, expert and head as another slice's")
        keys.add(each.fit.key)
        slices.append(each)
        counted.append(how)
    model = SavedModel(
        model=top.text("model"),
        per=top.word("per", PER),
        slices=tuple(slices),
        tensors=tuple(_tensor_row(each) for each in top.rows("tensors", FIELDS)),
        files=top.count("files"),
        architecture=_architecture(top),
        warnings=top.texts("warnings"),
        findings=Table(Finding, map(_finding, top.rows("findings", _FINDING))),
    )
    return model, counted


def _slice_described(item: SavedSlice) -> dict[str, Any]:
    counted = None if item.packed is None else item.packed.dtype
    scale = item.scale if math.isfinite(item.scale) else str(item.scale)
    return {
        **_fields(item.fit),
        "note": item.note,
        "missing": item.missing,
        "counted": counted,
        "counted_rms": None if item.packed is None else item.packed.known_rms,
        "scale": scale,
    }


def _slice(members: Members) -> tuple[SavedSlice, Counted | None]:
    fields: dict[str, Any] = {name: members.text(name) for name in ("tensor", "reason", "decoded")}
    fields["part"] = members.matching("part", _PART)
    fields["kind"] = members.word("kind", KINDS)
    fields["tower"] = members.word("tower", TOWERS)
    fields["dtype"] = members.word("dtype", DTYPE_BITS)
    fields["status"] = members.word("status", STATUSES)
    fields["errors_from"] = members.text("errors_from")
    fields |= {name: members.whole(name) for name in _PLACES}
    fields |= {name: members.count(name) for name in (*_COUNTS, *_NOTED)}
    fields |= {name: members.ranged(name, *limits) for name, limits in _RANGES.items()}
    fields |= {name: members.optional_count(name) for name in _OPTIONAL_COUNTS}
    k_without = members.ranged("k_without_unused", 0.0, 1e100)
    fields["k_without_unused"] = None if math.isnan(k_without) else k_without
    fields["digest"] = members.digest("digest")
    fields["shape"] = members.shape("shape")
    fields["spread"] = _spread(members)
    fit = SliceFit(**fields)
    _check_fit(fit, members)
    note, missing = members.text("note"), members.text("missing")
    return SavedSlice(fit, note, missing, None, _scale(members)), _counted(fit, members)


def _check_fit(fit: SliceFit, members: Members) -> None:
    """Check what members of a slice say about each other."""
    if fit.errors_from and not is_origin(fit.errors_from):
        members.fail("errors_from", "is not among the sources of errors that are known")
    if fit.fitted and not fit.k > 0:
        members.fail("k", f"is no positive number, and the status is {fit.status}")
    for name in _OF_EVERY_FIT if fit.fitted else ():
        if math.isnan(getattr(fit, name)):
            members.fail(name, f"is no number, and the status is {fit.status}")
    if not fit.fitted and not math.isnan(fit.k):
        members.fail("k", f"is a number, and the status is {fit.status}")
    if fit.fitted and not fit.n:
        members.fail("n", f"is 0, and the status is {fit.status}")


def _counted(fit: SliceFit, members: Members) -> Counted | None:
    dtype = members.word("counted", (None, *ITEM_BYTES))
    rms = members.optional_number("counted_rms")
    if dtype is None:
        if rms is not None or fit.status in FITTED:
            members.fail("counted", f"is null, and the status is {fit.status}")
        return None
    elements = fit.n + fit.zeros + fit.nonfinite
    if elements != math.prod(fit.shape):
        members.fail("shape", f"has not the product {elements:,}, of so many elements")
    return Counted(dtype, rms, elements)


def _finding(members: Members) -> Finding:
    fields: dict[str, Any] = {
        "id": members.word("id", RULES),
        "level": members.word("level", LEVELS),
        "kind": members.word("kind", _ANY_KIND),
        "tower": members.word("tower", TOWERS),
        "part": members.matching("part", _PART),
        "message": members.text("message"),
    }
    fields |= {name: members.optional_text(name) for name in ("tensor", "hint", "model")}
    fields |= {name: members.whole(name) for name in (*_PLACES, "step")}
    for name in ("value", "expected"):
        value = members.value(name)
        if isinstance(value, int):
            value = members.whole(name)
        elif not isinstance(value, str):
            value = members.optional_number(name)
        fields[name] = value
    return Finding(**fields)


def _tensor_row(members: Members) -> dict[str, Any]:
    row: dict[str, Any] = {
        "tensor": members.text("tensor"),
        "kind": members.word("kind", KINDS),
        "tower": members.word("tower", TOWERS),
        "dtype": members.word("dtype", DTYPE_BITS),
        "storage": members.optional_text("storage"),
        "block": members.whole("block"),
        "expert": members.whole("expert"),
        "shape": list(members.shape("shape")),
        "bytes": members.count("bytes"),
        "digest": members.digest("digest"),
    }
    return {name: row[name] for name in FIELDS}


def _architecture(top: Members) -> Architecture:
    given = top.inner("architecture", ("towers", "tied"))
    if given is None:
        top.fail("architecture", "is no object")
    towers = tuple(_tower(each) for each in given.rows("towers", _TOWER))
    return Architecture(towers, tied=given.flag("tied"))


def _tower(members: Members) -> TowerFacts:
    numbers = ("hidden", "blocks", "heads", "kv_heads", "head_dim", "experts")
    fields: dict[str, Any] = {name: members.whole(name) for name in numbers}
    latent = members.inner("mla", _MLA)
    if latent is not None:
        sizes: dict[str, Any] = {name: latent.whole(name) for name in _MLA}
        fields["mla"] = MLA(**sizes)
    return TowerFacts(
        tower=members.word("tower", TOWERS),
        model_type=members.optional_text("model_type"),
        attention=members.word("attention", _ATTENTION),
        storage=members.word("storage", _TOWER_STORAGE),
        qk_norm=members.flag("qk_norm"),
        **fields,
    )


def _fields(record: Any) -> dict[str, Any]:
    """Return the fields of a record as plain values, None for what is no number."""
    return {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record)}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Spread):
        return {name: _plain(each) for name, each in value._asdict().items()}
    return list(value) if isinstance(value, tuple) else value


def _spread(members: Members) -> Spread | None:
    parts = members.inner("spread", Spread._fields)
    return (
        None
        if parts is None
        else Spread(*(parts.ranged(name, 0.0, 1e100) for name in Spread._fields))
    )


def _scale(members: Members) -> float:
    value = members.value("scale")
    if value in ("nan", "inf"):
        return float(value)
    scale = members.number("scale")
    if not scale >= 0:
        members.fail("scale", "is no scale")
    return scale
