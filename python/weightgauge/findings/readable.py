"""Numbers as a person reads them in a sentence."""

from __future__ import annotations

import math

_SPELLED_OUT = 1_000_000
_MOST_DECIMALS = 9


def readable(value: object) -> str:
    """Return a number without the exponents that programs write where people do not.

    Parameters
    ----------
    value : float, int, str or None
        What to show.

    Returns
    -------
    str
        From a thousand to a million a whole number with commas; else three significant digits,
        with an exponent only from a million on and below a ten-thousandth. Text stays as it is;
        None is "".

    Examples
    --------
    >>> [readable(value) for value in (1594.3, 74.96, 0.0123, 2.5e38)]
    ['1,594', '75', '0.0123', '2.5e38']
    """
    if value is None:
        return ""
    if not isinstance(value, int | float):
        return str(value)
    rounded = f"{value:.3g}"
    if 1000 <= abs(float(rounded)) <= _SPELLED_OUT:
        return f"{value:,.0f}"
    digits, _, exponent = rounded.partition("e")
    return f"{digits}e{int(exponent)}" if exponent else digits


def decimals(error: float, usual: int) -> int:
    """Return how many decimals an estimate is written with, so that its error is not written as 0.

    Parameters
    ----------
    error : float
        Standard error; NaN and 0 ask for nothing.
    usual : int
        How many there are where those are enough.

    Examples
    --------
    >>> decimals(0.02, 3), decimals(0.00003, 3)
    (3, 5)
    """
    if not 0 < error < 0.5 * 10.0**-usual:
        return usual
    return min(_MOST_DECIMALS, -math.floor(math.log10(error)))
