"""Reading of values from `config.json`, which may contain anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from weightgauge.anatomy.architecture.spellings import (
    BLOCK_TYPES,
    KEYS,
    LENGTH_OR_NUMBER,
    NUMBERED_BLOCKS,
    SECTIONS,
    TOWER_KEYS,
)
from weightgauge.errors import printable

LARGEST = 10**7
"""No model has more heads, blocks, experts or channels than this."""

_PART = re.compile("(?:En|De)coder$")
"""Classes of parts of models."""
_VALUE_SHOWN = 60
_LONGEST_SHOWN = 10**40


class Settings:
    """One section of a configuration.

    Parameters
    ----------
    section : mapping
        Names and values; empty if there is no configuration.
    where : str
        Path of the section in the file, such as "text_config"; empty for the top level.
    tower : str or None
        The tower that the section describes.
    warnings : list of str
        Receives a line for everything that is wrong in the section.

    Attributes
    ----------
    contradictions : list of str
        Those of the lines that tell of values that shapes contradict.
    """

    def __init__(
        self, section: Mapping[str, Any], where: str, tower: str | None, warnings: list[str]
    ) -> None:
        self.section = section
        self.where = where
        self.tower = tower
        self._warnings = warnings
        self.contradictions: list[str] = []

    def number(self, fact: str, *, least: int = 1) -> tuple[str, int] | None:
        """Read one fact.

        Parameters
        ----------
        fact : str
            A key of `KEYS`.
        least : int
            The smallest value that makes sense.

        Returns
        -------
        tuple of str and int, or None
            Key and value. None if there is no value, or if it has several numbers because blocks or
            stacks differ. None with a warning if it is no sensible number.
        """
        return next(self.numbers(fact, least=least), None)

    def numbers(self, fact: str, *, least: int = 1) -> Iterator[tuple[str, int]]:
        """Yield a fact under each of its spellings; see `number`."""
        for key in self._keys(fact):
            value = self._look_up(key)
            if value is None or _differs(value):
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                self.warn(key, value, "is no whole number")
            elif not (least <= value <= LARGEST):
                self.warn(key, value, "is no sensible number")
            else:
                yield key, value

    def each(self, fact: str) -> frozenset[int]:
        """Return the numbers of a fact of which each block or stage has its own; empty if none."""
        found = (self._look_up(key) for key in self._keys(fact))
        value = next((value for value in found if value is not None), None)
        numbers = _each(value) if _differs(value) else []
        return frozenset(number for number in numbers if 0 < number <= LARGEST)

    def _keys(self, fact: str) -> list[str]:
        """Return the spellings of a fact, the first of which that is present decides."""
        own = TOWER_KEYS.get(self.tower or "", {}).get(fact, "")
        keys = [*own.split(), *KEYS[fact].split()]
        if fact in ("heads", "head_dim") and self._lengths_are_numbers():
            if fact == "heads":
                return [*keys, LENGTH_OR_NUMBER]
            keys.remove(LENGTH_OR_NUMBER)
        return keys

    def _lengths_are_numbers(self) -> bool:
        """Whether what is called the length of a head is the number of heads."""
        types = [each for key in BLOCK_TYPES if isinstance(each := self._look_up(key), list)]
        return any(
            isinstance(name, str) and NUMBERED_BLOCKS.match(name)
            for names in types
            for name in names
        )

    def flag(self, *keys: str) -> bool | None:
        """Return the value of the first of these keys that is true or false, else None."""
        return next((v for key in keys if isinstance(v := self._look_up(key), bool)), None)

    def text(self, key: str) -> str | None:
        """Return a text; None, with a warning, if the value is something else."""
        value = self._look_up(key)
        if value is None or isinstance(value, str):
            return value
        self.warn(key, value, "is no text")
        return None

    def warn(self, key: str, value: object, problem: str) -> None:
        """Note that a value is not used, and why."""
        path = f"{self.where}.{key}" if self.where else key
        self._warnings.append(left_out(path, value, problem))

    def contradict(self, key: str, value: object, problem: str) -> None:
        """Note that shapes contradict a value, and how; it is not used."""
        self.warn(key, value, problem)
        self.contradictions.append(self._warnings[-1])

    def _look_up(self, key: str) -> Any:
        return value_at(self.section, key)


def _differs(value: object) -> bool:
    """Whether a value has one number for each of several blocks, stages or stacks."""
    return len(_each(value)) > 1


def _each(value: object) -> list[int]:
    """Return the numbers of a list or an object that holds nothing else, else none."""
    each = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return list(each) if all(type(number) is int for number in each) else []


def value_at(section: Mapping[str, Any], key: str) -> Any:
    """Look up a key, in which a dot leads into an object; None if there is no value."""
    value: Any = section
    for step in key.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def bad_sections(config: Mapping[str, Any]) -> list[str]:
    """Return a line for each section of a tower that is no object."""
    keys = [key for names in SECTIONS.values() for key in names.split() if key.endswith("_config")]
    return [
        left_out(key, config[key], "is no object")
        for key in keys
        if config.get(key) is not None and not isinstance(config[key], Mapping)
    ]


def section_of(
    config: Mapping[str, Any], tower: str | None, towers: frozenset[str | None]
) -> tuple[str, Mapping[str, Any]]:
    """Find the section of a configuration that describes a tower.

    Parameters
    ----------
    config : mapping
        The whole of it.
    tower : str or None
        The tower.
    towers : frozenset
        All towers of the checkpoint that have blocks.

    Returns
    -------
    str
        Key of the section; empty for the top level.
    mapping
        Content of the section; empty if nothing describes the tower.
    """
    wanted = [tower] if tower else [] if "text" in towers or part_of(config) else ["text"]
    for name in wanted:
        for key in SECTIONS[name].split():
            section = config.get(key)
            if isinstance(section, Mapping):
                return key, section
    return "", config if _is_about(config, tower, towers) else {}


def part_of(config: Mapping[str, Any]) -> str | None:
    """Return which part of a model was saved alone, with the configuration of the whole.

    Parameters
    ----------
    config : mapping
        The whole of it.

    Returns
    -------
    str or None
        "encoder" or "decoder". It need not be the part of the model that reads text.
    """
    names = config.get("architectures")
    name = names[0] if isinstance(names, list) and len(names) == 1 else None
    found = _PART.search(name) if isinstance(name, str) else None
    return found[0].lower() if found else None


def _is_about(config: Mapping[str, Any], tower: str | None, towers: frozenset[str | None]) -> bool:
    """Whether the top level of a configuration describes a tower.

    In a model with several towers it describes the language model.
    """
    if len(towers) == 1 or tower == "text":
        return True
    if tower is None:
        return "text" not in towers
    if tower in ("vision", "audio"):
        return False
    return config.get("is_encoder_decoder") is True or not towers & {None, "text"}


def left_out(path: str, value: object, problem: str) -> str:
    """Say in a line that a value of `config.json` is not used, and why.

    Parameters
    ----------
    path : str
        Path of the value, with a dot for each step into an object.
    value : object
        The value.
    problem : str
        What is wrong with it, in words that follow the value.
    """
    return f"config.json: {path} = {shown(value)} {problem}; it is left out of account"


def shown(value: object) -> str:
    """Show a value of a configuration, however long it is."""
    if isinstance(value, int) and abs(value) > _LONGEST_SHOWN:
        # Python refuses to print very long numbers.
        return f"a number of {value.bit_length():,} bits"
    if isinstance(value, str):
        value = value[:_VALUE_SHOWN]
    try:
        return printable(json.dumps(value), limit=_VALUE_SHOWN)
    except ValueError:  # it contains such a number
        return "a list" if isinstance(value, list) else "an object"
