"""Selection of the tensors that are fitted, by include and exclude patterns."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from glob import has_magic
from typing import Protocol, TypeVar

from weightgauge.choices import nearest
from weightgauge.errors import NothingSelectedError, printable
from weightgauge.wording import none_of


class _Named(Protocol):
    @property
    def name(self) -> str:
        """Name, with which the patterns are compared."""


_Tensor = TypeVar("_Tensor", bound=_Named)


def choose(
    tensors: Sequence[_Tensor],
    *,
    include: str | Sequence[str] | None,
    exclude: str | Sequence[str] | None,
) -> tuple[Sequence[_Tensor], list[str]]:
    """Choose tensors by name.

    Parameters
    ----------
    tensors : sequence of TensorInfo, or of anything with a name
        All tensors of the checkpoint.
    include, exclude : str or sequence of str or None
        Globs for the whole name. Case matters, and `*` also matches dots.

    Returns
    -------
    chosen : sequence
        Tensors that an include pattern matches and no exclude pattern matches. Without include
        patterns, all tensors count as included.
    warnings : list of str
        One for each pattern that matches no tensor.

    Raises
    ------
    NothingSelectedError
        If there are tensors, and none is chosen.
    """
    wanted, unwanted = _patterns("include", include), _patterns("exclude", exclude)
    if not wanted and not unwanted:
        return tensors, []
    matches = {
        pattern: {tensor.name for tensor in tensors if fnmatchcase(tensor.name, pattern)}
        for pattern in (*wanted, *unwanted)
    }
    included = set().union(*(matches[pattern] for pattern in wanted))
    excluded = set().union(*(matches[pattern] for pattern in unwanted))
    chosen = [
        tensor
        for tensor in tensors
        if (not wanted or tensor.name in included) and tensor.name not in excluded
    ]
    if tensors and not chosen:
        raise NothingSelectedError(
            f"{none_of(len(tensors), 'tensor')} left by {_told(wanted, unwanted)}"
            f"{_meant(wanted, [tensor.name for tensor in tensors])}"
        )
    return chosen, [
        f"the pattern '{printable(pattern)}' matches no tensor"
        for pattern, names in matches.items()
        if not names and tensors
    ]


def _patterns(option: str, given: str | Sequence[str] | None) -> tuple[str, ...]:
    patterns = (given,) if isinstance(given, str) else tuple(given or ())
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(f"{option}={pattern!r}: a pattern is a string")
    return patterns


def _meant(wanted: Sequence[str], names: Sequence[str]) -> str:
    """Say which name is the nearest to the only pattern, if that is a name itself."""
    if len(wanted) != 1 or has_magic(wanted[0]) or wanted[0] in names:
        return ""
    near = nearest(wanted[0], names)
    return f"; did you mean '{printable(near)}'?" if near else ""


def _told(wanted: Sequence[str], unwanted: Sequence[str]) -> str:
    options = [("include", pattern) for pattern in wanted]
    options += [("exclude", pattern) for pattern in unwanted]
    return " ".join(f"{option}='{printable(pattern)}'" for option, pattern in options[:5]) + (
        f" and {len(options) - 5} more patterns" if len(options) > 5 else ""
    )
