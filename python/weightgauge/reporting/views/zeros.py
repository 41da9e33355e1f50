"""What a page says of zeros that were not left out."""

from __future__ import annotations


def zeros_note(zero_handling: str) -> str:
    """Return a sentence for the notes, with a space behind it; "" where zeros were left out."""
    if zero_handling == "exclude":
        return ""
    return (
        "Zeros rank below all other magnitudes (left-censored); where they reach into the window, "
        "k compares only with that of weights of which as many are zero. "
    )
