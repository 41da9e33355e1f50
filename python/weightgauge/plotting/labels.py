"""What stands at the axes."""

from __future__ import annotations

from types import MappingProxyType

LABELS = MappingProxyType(
    {
        "k": "shape $k$",
        "ln_lambda": r"$\ln\,\lambda$",
        "k_error": "standard error of $k$",
        "dk": r"$\Delta k$",
        "dln_lambda": r"$\Delta\ln\,\lambda$",
        "difference_rms": r"rms of $b-a$ / rms of $a$",
    }
)
"""Numbers of results by the names that they have there, as they are spelled in print."""
