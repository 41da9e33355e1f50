"""Two checkpoints of one small language model, before its first and after its last step.

The model is a byte-level Llama-style decoder of about 0.5 million weights, trained on the source
text of the Python standard library. Both checkpoints are stored as BF16; the metadata of each
file records how it was made.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["paths"]


def paths() -> dict[str, Path]:
    """Return where the demo checkpoints are.

    Returns
    -------
    dict[str, pathlib.Path]
        ``"step-0"`` (normal initialisation, standard deviation 0.02) and ``"step-last"``
        (trained), in this order. Each value is a directory with ``model.safetensors`` and
        ``config.json``.
    """
    here = Path(__file__).resolve().parent
    return {step: here / step for step in ("step-0", "step-last")}
