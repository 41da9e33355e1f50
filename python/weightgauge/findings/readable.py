"""Numbers as a person reads them in a sentence."""

from __future__ import annotations

_SPELLED_OUT = 1_000_000


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
