"""What compressed-tensors states of the weights of a module, held against its tensors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.architecture.settings import shown
from weightgauge.anatomy.storage.beside_codes import Beside, words_for
from weightgauge.anatomy.storage.not_unpacked import AtOdds, NotUnpacked
from weightgauge.anatomy.storage.quantisation import Settings
from weightgauge.errors import printable

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

WIDTHS = range(2, 9)
"""Bits of the integers that are decoded."""
_UNDECIDED = "config.json does not say which of its config_groups is for it"


def setting_in_words(value: object) -> str:
    """Return a setting as it is shown: texts as they are, and others as in JSON."""
    return printable(value, limit=40) if isinstance(value, str) else shown(value)


def check_format(settings: Settings, schemes: Sequence[Settings], forms: Collection[str]) -> None:
    """Refuse other formats and other codes than integers, and schemes that differ in these."""
    common = settings.get("format")
    stated = {setting_in_words(each.get("format", common)) for each in schemes}
    stated = stated or {setting_in_words(common)}
    if not stated <= {*forms, "mixed-precision", setting_in_words(None)}:
        (form, *more) = sorted(stated)
        raise NotUnpacked(f"{_UNDECIDED} (format)" if more else f"its format is {form}")
    kinds = {setting_in_words(each.get("type", "int")) for each in schemes}
    if not kinds <= {"int"}:
        (kind, *more) = sorted(kinds)
        raise NotUnpacked(f"{_UNDECIDED} (type)" if more else f"its codes are of type {kind}")


def scales_and_zeros(
    beside: Beside, schemes: Sequence[Settings], zero_points: str
) -> list[TensorInfo]:
    """Return the scales, and the zero points of this format where there are any, or must be."""
    asymmetric = {each.get("symmetric") is False for each in schemes}
    has_zeros = True in asymmetric or beside.find("weight_zero_point") is not None
    leaves = ("weight_scale", "weight_zero_point") if has_zeros else ("weight_scale",)
    return beside.need(*leaves, sure=len(asymmetric) < 2, zero_points=zero_points)


def check_order(beside: Beside, schemes: Sequence[Settings]) -> TensorInfo | None:
    """Return the group of each column, if it is stored; refuse to do without where it must be."""
    index = beside.find("weight_g_idx")
    if index is None and any(each.get("actorder") == "group" for each in schemes):
        raise NotUnpacked(
            "actorder says that its groups are out of order, and there is no weight_g_idx"
        )
    return index


def stated_width(
    beside: Beside, schemes: Sequence[Settings], usual: int, shape: tuple[int, ...] | None = None
) -> int:
    """Return the bits of codes.

    Parameters
    ----------
    beside : Beside
        The codes.
    schemes : sequence of mapping
        All that may be for them.
    usual : int
        Bits where nothing is stated.
    shape : tuple of int, optional
        What is stored of the shape of the matrix, which decides between several schemes.

    Raises
    ------
    NotUnpacked
        If other widths are stated than are decoded, or several of which nothing decides.
    """
    stated = [each.get("num_bits") for each in schemes]
    numbers = list(dict.fromkeys(each for each in stated if type(each) is int))
    known = [each for each in numbers if each in WIDTHS]
    if numbers and not known:
        widths = ", ".join(map(shown, numbers))
        file = beside.quantisation.file_of("config_groups")
        raise NotUnpacked(f"{file} says {widths} bits, and codes of two to eight are decoded")
    if len(set(map(repr, stated))) < 2:
        return known[0] if known else usual
    words = beside.codes.shape[-1]
    fitting = [each for each in known if shape and words_for(shape[-1], each) == words]
    if shape is None or len(fitting) > 1:
        lacking = "it has no 'weight_shape', and " if shape is None else ""
        raise NotUnpacked(f"{lacking}{_UNDECIDED} (num_bits)")
    return (fitting or known or [usual])[0]


def check_strategy(
    beside: Beside, schemes: Sequence[Settings], scales: TensorInfo, groups: int
) -> None:
    """Refuse scales of another number than the stated strategy has."""
    named = [each.get("strategy") for each in schemes]
    stated = {setting_in_words(each) for each in named if each is not None}
    if len(stated) != 1:
        return
    (strategy,) = stated
    fits = {
        "tensor": scales.size == 1,
        "channel": groups == 1 and scales.size == beside.codes.shape[0],
        "group": True,
    }
    if strategy not in fits:
        raise NotUnpacked(f"its strategy is {strategy}")
    if not fits[strategy]:
        file = beside.quantisation.file_of("config_groups")
        raise AtOdds(f"its scales are {list(scales.shape)}, and {file} says strategy = {strategy}")
