"""Of which runs it is asked whether lambda goes with sqrt(eta/wd)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightgauge.findings import enumerated

if TYPE_CHECKING:
    from weightgauge.trajectory.settings import RunSettings

_NEEDED = {
    "optimizer": "the optimiser (--optimizer)",
    "lr": "the peak learning rate (--lr)",
    "weight_decay": "weight decay (--weight-decay)",
}


def why_not_asked(settings: RunSettings) -> str:
    """Say why the square-root law is not asked of a run; "" where it is.

    Parameters
    ----------
    settings : RunSettings
        Of the run.

    Returns
    -------
    str
    """
    known = settings.known_optimizer
    if known is not None and known.norm_held:
        return f"norm held constant: {known.name}: {known.reason}"
    if known is not None and not known.square_root_law:
        return f"the law does not follow for {known.name}: {known.reason}"
    if missing := missing_for_law(settings):
        return f"needs {enumerated([_NEEDED[name] for name in missing])}"
    return "" if settings.weight_decay else "there is no weight decay, so that no level is to come"


def missing_for_law(settings: RunSettings) -> list[str]:
    """Return the names of settings without which the square-root law cannot be asked of a run.

    Parameters
    ----------
    settings : RunSettings
        Of the run.

    Returns
    -------
    list of str
        Empty where nothing is missing, or the optimiser rules the law out.
    """
    known = settings.known_optimizer
    if known is not None and not known.square_root_law:
        return []
    return [name for name in _NEEDED if getattr(settings, name) is None]
