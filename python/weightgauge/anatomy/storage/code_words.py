"""What the words tell that say how values are made of packed codes."""

from __future__ import annotations

_TERNARY = "ternary "
_INTEGERS = "INT{} ", "(INT{} "
_NARROW = (
    *(sign.format(bits) for bits in (2, 3, 4, 5, 6) for sign in _INTEGERS),
    *("NF4 ", "FP4 ", _TERNARY),
)
"""How the words begin that say that values are made of packed codes of so few bits that k is that
of their grid."""
_FINE = tuple(sign.format(bits) for bits in (7, 8) for sign in _INTEGERS)
"""The same of so many bits that k is that of the weights, unless the values show their grid."""
_TWO_BITS = tuple(sign.format(2) for sign in _INTEGERS)


def is_coarse(decoded: str) -> bool:
    """Whether values that are made as `Stored.text` says come from codes of six bits or fewer."""
    return decoded.startswith(_NARROW)


def is_packed(decoded: str) -> bool:
    """Whether these are packed codes, of few bits or eight."""
    return is_coarse(decoded) or decoded.startswith(_FINE)


def is_ternary(decoded: str) -> bool:
    """Whether these integers are -1, 0 and 1."""
    return decoded.startswith(_TERNARY)


def is_of_two_bits(decoded: str) -> bool:
    """Whether codes are so few that rounding to them may leave any share of zeros."""
    return is_ternary(decoded) or decoded.startswith(_TWO_BITS)
