"""What a picture shows of a slice: k, ln lambda, or the standard error of k."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple


class Quantity(NamedTuple):
    """A number of a slice, and how to speak of it.

    Attributes
    ----------
    label : str
        What stands at an axis.
    value, error : callable
        Return the number of a `weightgauge.SliceFit`, or of another record about a slice, and its
        standard error: NaN for none.
    """

    label: str
    value: Callable[[Any], float]
    error: Callable[[Any], float]


LEAST_REACH = 0.1
"""How far from the middle the colours of k and ln lambda reach at least.

Models that were never trained, and a matrix by itself, differ by less. They are not to look like
trained ones, so colours are not spread over whatever little there is.
"""


def none(item: Any) -> float:
    """Return that there is no such number."""
    del item
    return math.nan


QUANTITIES = MappingProxyType(
    {
        "k": Quantity("shape k", lambda item: item.k, lambda item: item.k_se_matrix),
        "ln_lambda": Quantity(
            "ln lambda", lambda item: math.log(item.lam), lambda item: item.ln_lambda_se_matrix
        ),
        "k_error": Quantity("standard error of k", lambda item: item.k_se_matrix, none),
    }
)
"""What can be shown, by name."""

CHANGES = MappingProxyType(
    {
        "k": Quantity("change of k", lambda item: item.dk, lambda item: item.dk_se),
        "ln_lambda": Quantity(
            "change of ln lambda", lambda item: item.dln_lambda, lambda item: item.dln_lambda_se
        ),
        "k_error": Quantity("error of the change of k", lambda item: item.dk_se, none),
    }
)
"""What is shown of a change in place of each of these."""
