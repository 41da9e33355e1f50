"""What a file of histograms says beside the counts: as a JSON document, and back."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.architecture import MLA, Architecture, TowerFacts
from weightgauge.anatomy.components import KINDS, TOWERS
from weightgauge.anatomy.inventory import FIELDS
from weightgauge.choices import PER
from weightgauge.findings import LEVELS, Finding
from weightgauge.fits.matrix_errors import Spread
from weightgauge.fits.slice_fit import SliceFit
from weightgauge.records import Table
from weightgauge.scanning.saved_model import SavedModel, SavedSlice

if TYPE_CHECKING:
    from weightgauge.scanning.packed_histogram import PackedHistogram

    Unpacking = Callable[[int, str, float | None], PackedHistogram]

_TEXTS = ("tensor", "kind", "dtype", "status", "reason", "decoded", "errors_from")
_OPTIONAL_TEXTS = ("part", "tower")
_OPTIONAL_NUMBERS = ("block", "expert", "head")
_COUNTS = ("n", "zeros", "nonfinite")
_NOTED = ("negatives", "zero_blocks", "at_max")
_NUMBERS = (
    *("k", "k_se", "lam", "ln_lambda_se", "r2", "ks", "rms", "max", "second", "lowest"),
    *("k_se_matrix", "ln_lambda_se_matrix", "fresh_z"),
)
_OPTIONAL_COUNTS = (
    *("levels", "zero_rows", "zero_columns", "unused_rows", "far_out", "row_levels"),
    *("large_rows", "large_columns"),
)
_DIGEST = re.compile("[0-9a-f]{16}")


class DescriptionError(ValueError):
    """A description that weightgauge did not write."""


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
        "findings": histograms.findings.to_dicts(),
        "tensors": list(histograms.tensors),
        "slices": [_slice_described(item) for item in histograms.slices],
    }


def told(document: Any, packed: Unpacking) -> SavedModel:
    """Make histograms of a description and their counts.

    Parameters
    ----------
    document : object
        What `described` returned, from JSON, or anything else.
    packed : callable
        Gives the counts of a slice, by its number, its element format, and the root mean square
        where the counts do not tell it; its length is the number of slices.

    Raises
    ------
    DescriptionError
        Something is missing, or of another type than it should be.
    """
    top = _mapping(document, "the description")
    slices = _items(top, "slices")
    if len(slices) != len(packed):  # type: ignore[arg-type]
        raise DescriptionError("there are more or fewer slices than counts")
    per = _text(top, "per")
    if per not in PER:
        raise DescriptionError("'per' is none of its values")
    return SavedModel(
        model=_text(top, "model"),
        per=per,
        slices=tuple(_slice(number, each, packed) for number, each in enumerate(slices)),
        tensors=tuple(_tensor_row(each) for each in _items(top, "tensors")),
        files=_count(top, "files"),
        architecture=_architecture(top.get("architecture")),
        warnings=tuple(_checked_text(each, "a warning") for each in _items(top, "warnings")),
        findings=Table(Finding, map(_finding, _items(top, "findings"))),
    )


def _slice_described(item: SavedSlice) -> dict[str, Any]:
    fields = {
        field.name: _plain(getattr(item.fit, field.name)) for field in dataclasses.fields(item.fit)
    }
    counted = None if item.packed is None else item.packed.dtype
    scale = item.scale if math.isfinite(item.scale) else str(item.scale)
    return {
        **fields,
        "note": item.note,
        "missing": item.missing,
        "counted": counted,
        "counted_rms": None if item.packed is None else item.packed.known_rms,
        "scale": scale,
    }


def _slice(number: int, entry: Any, packed: Unpacking) -> SavedSlice:
    given = _mapping(entry, "a slice")
    fields: dict[str, Any] = {name: _text(given, name) for name in _TEXTS}
    fields |= {name: _optional(given, name, str) for name in _OPTIONAL_TEXTS}
    fields |= {name: _optional(given, name, int) for name in _OPTIONAL_NUMBERS}
    fields |= {name: _count(given, name) for name in (*_COUNTS, *_NOTED)}
    fields["digest"] = _digest(given)
    fields |= {name: _number(given, name) for name in _NUMBERS}
    fields["spread"] = _spread(given.get("spread"))
    fields["k_without_unused"] = _optional(given, "k_without_unused", float)
    fields |= {name: _optional_count(given, name) for name in _OPTIONAL_COUNTS}
    if fields["kind"] not in KINDS or fields["tower"] not in TOWERS:
        raise DescriptionError("a slice has an unknown kind or tower")
    counted = _optional(given, "counted", str)
    known_rms = _optional(given, "counted_rms", float)
    shape = _shape(given)
    elements = sum(fields[name] for name in _COUNTS)
    if counted is not None and elements != math.prod(shape):
        raise DescriptionError("a slice has more or fewer elements than its shape")
    return SavedSlice(
        fit=SliceFit(shape=shape, **fields),
        note=_text(given, "note"),
        missing=_text(given, "missing"),
        packed=None if counted is None else packed(number, counted, known_rms),
        scale=_scale(given.get("scale")),
    )


def _finding(entry: Any) -> Finding:
    given = _mapping(entry, "a finding")
    texts = ("tensor", "part", "kind", "tower", "hint", "model")
    fields: dict[str, Any] = {name: _text(given, name) for name in ("id", "level", "message")}
    fields |= {name: _optional(given, name, str) for name in texts}
    fields |= {name: _optional(given, name, int) for name in (*_OPTIONAL_NUMBERS, "step")}
    if fields["level"] not in LEVELS:
        raise DescriptionError("a finding has an unknown level")
    for name in ("value", "expected"):
        value = given.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str | None):
            raise DescriptionError(f"{name!r} of a finding is neither a number nor a text")
        fields[name] = value
    return Finding(**fields)


def _tensor_row(entry: Any) -> dict[str, Any]:
    given = _mapping(entry, "a tensor")
    row: dict[str, Any] = {name: _text(given, name) for name in ("tensor", "kind", "dtype")}
    row |= {name: _optional(given, name, int) for name in ("block", "expert")}
    row |= {name: _optional(given, name, str) for name in ("tower", "storage")}
    row |= {"shape": list(_shape(given)), "bytes": _count(given, "bytes")}
    row["digest"] = _digest(given)
    return {name: row[name] for name in FIELDS}


def _architecture(entry: Any) -> Architecture:
    given = _mapping(entry, "the architecture")
    tied = _optional(given, "tied", bool)
    return Architecture(tuple(_tower(each) for each in _items(given, "towers")), tied=tied)


def _tower(entry: Any) -> TowerFacts:
    given = _mapping(entry, "a tower")
    texts = ("tower", "model_type", "attention", "storage")
    numbers = ("hidden", "blocks", "heads", "kv_heads", "head_dim", "experts")
    fields: dict[str, Any] = {name: _optional(given, name, str) for name in texts}
    fields |= {name: _optional(given, name, int) for name in numbers}
    if fields["tower"] not in TOWERS:
        raise DescriptionError("there is an unknown tower")
    latent = given.get("mla")
    if latent is not None:
        sizes = _mapping(latent, "the sizes of latent attention")
        names = [field.name for field in dataclasses.fields(MLA)]
        values: dict[str, Any] = {name: _optional(sizes, name, int) for name in names}
        fields["mla"] = MLA(**values)
    return TowerFacts(qk_norm=_optional(given, "qk_norm", bool), **fields)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Spread):
        return {name: _plain(each) for name, each in value._asdict().items()}
    return list(value) if isinstance(value, tuple) else value


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DescriptionError(f"{what} is no object")
    return value


def _items(given: Mapping[str, Any], name: str) -> list[Any]:
    value = given.get(name)
    if not isinstance(value, list):
        raise DescriptionError(f"'{name}' is no list")
    return value


def _checked_text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise DescriptionError(f"{what} is no text")
    return value


def _text(given: Mapping[str, Any], name: str) -> str:
    return _checked_text(given.get(name), f"'{name}'")


def _optional(given: Mapping[str, Any], name: str, kind: type) -> Any:
    value = given.get(name)
    if value is None or type(value) is kind:
        return value
    raise DescriptionError(f"'{name}' is of a wrong type")


def _digest(given: Mapping[str, Any]) -> str | None:
    value: str | None = _optional(given, "digest", str)
    if value is not None and _DIGEST.fullmatch(value) is None:
        raise DescriptionError("a digest is damaged")
    return value


def _count(given: Mapping[str, Any], name: str) -> int:
    value = given.get(name)
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise DescriptionError(f"'{name}' is no count")
    return value


def _optional_count(given: Mapping[str, Any], name: str) -> int | None:
    return None if given.get(name) is None else _count(given, name)


def _number(given: Mapping[str, Any], name: str) -> float:
    value = given.get(name)
    if value is None:
        return math.nan
    if type(value) not in (int, float):
        raise DescriptionError(f"'{name}' is no number")
    return float(value)


def _spread(value: Any) -> Spread | None:
    if value is None:
        return None
    given = _mapping(value, "'spread'")
    return Spread(*(_number(given, name) for name in Spread._fields))


def _shape(given: Mapping[str, Any]) -> tuple[int, ...]:
    shape = _items(given, "shape")
    if any(type(extent) is not int or extent < 0 for extent in shape):
        raise DescriptionError("a shape is damaged")
    return tuple(shape)


def _scale(value: Any) -> float:
    if value in ("nan", "inf"):
        return float(value)
    if type(value) not in (int, float) or value < 0:
        raise DescriptionError("a scale is damaged")
    return float(value)
