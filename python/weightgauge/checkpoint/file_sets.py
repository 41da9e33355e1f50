"""Files of weights as their names group them: shards of one save, and copies beside a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from weightgauge.checkpoint.shard_names import WEIGHTS_SUFFIX
from weightgauge.errors import printable

_NUMBERED = re.compile(
    r"(?P<stem>.+)[-_.](?P<number>[0-9]{1,9})-of-(?P<total>[0-9]{1,9})(?P<variant>\.[^.]+)?"
)
_MISSING_NAMED = 4

MODEL, COPY, EMA, ADAPTER, OPTIMIZER = range(5)
"""What files are, from the first to be taken for the model to the last."""

ROLES = ("other weights", "other copies", "EMA copies", "adapters", "optimizer states")
"""What to call such files where they are left out."""

_BY_NAME = (
    (
        OPTIMIZER,
        re.compile(r"(?:optim(?:izer)?|scheduler|random_states|rng_state|scaler)(?![a-z])"),
    ),
    (ADAPTER, re.compile(r"adapter_|pytorch_lora_weights")),
    (EMA, re.compile(r"(?:.*[._-])?ema(?:[._-].*)?$")),
    (COPY, re.compile(r"consolidated(?![a-z])")),
)


@dataclass(frozen=True, slots=True)
class FileSet:
    """The shards of one save, or one file that is a save of its own.

    Attributes
    ----------
    stem : str
        The name before the number, variants included: ``model`` or ``model.fp16``.
    total : int or None
        How many shards the names say there are; None for a file without a number.
    files : tuple of str
        Those that are there, sorted.
    numbers : frozenset of int
        Their numbers.
    """

    stem: str
    total: int | None
    files: tuple[str, ...]
    numbers: frozenset[int]

    @property
    def missing(self) -> int:
        """How many shards are not there."""
        counted = self._counted()
        return len(counted) - sum(number in counted for number in self.numbers)

    @property
    def complete(self) -> bool:
        """Whether all shards are there."""
        return self.missing == 0

    def missing_told(self) -> str:
        """Say which shards are missing."""
        numbers = list(islice(self._absent(), _MISSING_NAMED + 1))
        shown = ", ".join(f"'{self._name(number)}'" for number in numbers[:_MISSING_NAMED])
        more = self.missing - _MISSING_NAMED
        return shown + (f" and {more:,} more" if more > 0 else "")

    def _absent(self) -> Iterator[int]:
        return (number for number in self._counted() if number not in self.numbers)

    def _counted(self) -> range:
        """Return the numbers that there should be; names may speak of a billion."""
        first = 0 if 0 in self.numbers else 1  # a few programs number from zero
        return range(first, first + (self.total or 0))

    def _name(self, number: int) -> str:
        like = self.files[0]
        found = _NUMBERED.fullmatch(like.removesuffix(WEIGHTS_SUFFIX))
        if found is None:
            return printable(like)
        start, end = found.span("number")
        return printable(f"{like[:start]}{number:0{end - start}d}{like[end:]}")


def file_sets(names: Iterable[str]) -> list[FileSet]:
    """Group files of weights by the save that they belong to.

    Parameters
    ----------
    names : iterable of str
        Names that end in ``.safetensors``, with ``/`` between folders.

    Returns
    -------
    list of FileSet
        In the order of the first name of each.
    """
    groups: dict[tuple[str, int | None], list[tuple[str, int]]] = {}
    for name in names:
        bare = name.removesuffix(WEIGHTS_SUFFIX)
        found = _NUMBERED.fullmatch(bare)
        if found is None:
            groups.setdefault((bare, None), []).append((name, 0))
        else:
            key = found["stem"] + (found["variant"] or ""), int(found["total"])
            groups.setdefault(key, []).append((name, int(found["number"])))
    return [
        FileSet(
            stem,
            total,
            tuple(sorted(name for name, _ in members)),
            frozenset(number for _, number in members),
        )
        for (stem, total), members in groups.items()
    ]


def role_of(stem: str, stems: Iterable[str]) -> int:
    """Tell by its name what a save is beside others.

    Parameters
    ----------
    stem : str
        As in `FileSet`.
    stems : iterable of str
        Those of all saves of the folder. ``model.fp16`` is a copy only where there is a ``model``.

    Returns
    -------
    int
        One of `MODEL`, `COPY`, `EMA`, `ADAPTER` and `OPTIMIZER`.
    """
    named = next((role for role, pattern in _BY_NAME if pattern.match(stem)), MODEL)
    plain = stem.rpartition(".")[0]
    return COPY if named == MODEL and plain and plain in set(stems) else named
