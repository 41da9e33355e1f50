"""What tensors without weights are for, in words that also tell whose matrix they serve.

Listings, fits and saved counts keep these clauses as they are, so nothing else is kept of it: what
writes the name into a clause and what finds it there stand beside each other.
"""

from __future__ import annotations

import re

from weightgauge.errors import printable

_BELONGS, _SCALE = "belongs to", "scale of"
_EITHER_SIGN = "negative as often as positive"
_SERVES = re.compile(f"(?:{_BELONGS}|{_SCALE}) '(.*?)'(?:$|, )")


def belongs_to(name: str, more: str = "") -> str:
    """Say that a tensor serves the matrix of another one, such as zero points of packed codes.

    Parameters
    ----------
    name : str
        The tensor that is served.
    more : str
        What else there is to say, in a clause.

    Examples
    --------
    >>> belongs_to("up_proj.qweight", "which is not decoded")
    "belongs to 'up_proj.qweight', which is not decoded"
    """
    return f"{_BELONGS} '{printable(name)}'" + (f", {more}" if more else "")


def signed_scale_of(name: str) -> str:
    """Say that a tensor holds the scales of codes in another one, and that signs mean nothing."""
    return f"{scale_of(name)}, {_EITHER_SIGN}"


def is_signed(role: str) -> bool:
    """Whether negative scales are nothing to tell of, by the clause that says what they are for."""
    return role.endswith(f", {_EITHER_SIGN}")


def scale_of(name: str) -> str:
    """Say that a tensor holds the scales of the codes in another one."""
    return f"{_SCALE} '{printable(name)}'"


def served(role: str) -> str:
    """Return the name of the tensor with the matrix that another one serves, as it is printed.

    Parameters
    ----------
    role : str
        What the other one is for.

    Returns
    -------
    str
        "" for none.

    Examples
    --------
    >>> served(scale_of("up_proj.weight"))
    'up_proj.weight'
    >>> served("a scale of activations beside 'up_proj.weight'")
    ''
    """
    found = _SERVES.match(role)
    return found[1] if found else ""


def is_beside(role: str) -> bool:
    """Whether a tensor serves the matrix of another one, by the clause that says what it is for."""
    return bool(served(role))
