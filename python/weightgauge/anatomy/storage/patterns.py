"""Patterns of module names in configurations, matched in bounded time.

Configurations are written by strangers, and there are regular expressions that take longer than
anybody waits. So only those are matched of which it can be said how long they take at most; of the
others it is not known what they match.
"""

from __future__ import annotations

import re

_LONGEST = 500
"""Characters of a pattern, and of a name."""

_MOST_REPEATS = 3
_MOST_STEPS = 2e9
"""Steps that all patterns of a model may take at most: some seconds. With n characters and r
repeats that have no end there are n^r ways to match a pattern."""
_STEPS_EACH, _STEPS_TO_COMPILE = 100, 500
"""Of every match, and of each character of a new pattern."""

_ESCAPED = re.compile(r"\\.")
_SETS = re.compile(r"\[\^?\]?[^\]]*\]")
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_OTHER_GROUP = re.compile(r"\(\?(?![:=!]|<[=!])")
_BACK = re.compile(r"\\[1-9]")
_REPEAT = re.compile(r"[*+{]")


class UnknownMatch(Exception):
    """It cannot be said whether a pattern matches."""


class Patterns:
    """Matches patterns, as long as all of them together take no longer than a few seconds."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[re.Pattern[str], int]] = {}
        self._steps = 0

    def match(self, pattern: str, name: str) -> bool:
        """Whether a regular expression matches the beginning of a name.

        Raises
        ------
        UnknownMatch
            If the pattern is none, or might take too long.
        """
        if pattern not in self._known:
            self._count(_STEPS_TO_COMPILE * len(pattern))
            self._known[pattern] = _compiled(pattern)
        compiled, repeats = self._known[pattern]
        if len(name) > _LONGEST:
            raise UnknownMatch
        self._count(_STEPS_EACH + len(name) ** repeats)
        return compiled.match(name) is not None

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise UnknownMatch


def _compiled(pattern: str) -> tuple[re.Pattern[str], int]:
    """Return a pattern, and how many repeats without an end it has."""
    if len(pattern) > _LONGEST or _BACK.search(pattern):
        raise UnknownMatch
    plain = _SETS.sub("s", _ESCAPED.sub("e", pattern))
    repeats = len(_REPEAT.findall(plain))
    if repeats > _MOST_REPEATS or _REPEATED_GROUP.search(plain) or _OTHER_GROUP.search(plain):
        raise UnknownMatch
    try:
        return re.compile(pattern), repeats
    except (re.error, OverflowError, RecursionError):
        raise UnknownMatch from None
