"""Names of parameters, without what wrappers of modules add to them."""

from __future__ import annotations

from collections.abc import Sequence

from weightgauge.anatomy.components.vocabulary import ROOT

# A wrapper of the whole model stands before every name.
_AROUND_ALL = ("module.", "base_model.model.")
_ANYWHERE = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
_BASE_LAYER = ".base_layer."
"""What PEFT calls the layer that an adapter changes."""


def bare_names(names: Sequence[str]) -> list[str]:
    """Return the names that parameters have in the model itself.

    Removed is what DistributedDataParallel, `torch.compile`, FSDP, activation checkpointing and
    PEFT put into them.

    Parameters
    ----------
    names : sequence of str
        Names of all parameters of a model.

    Returns
    -------
    list of str
        One for each, in their order. Where two would be the same, all stay as they are.

    Examples
    --------
    >>> bare_names(["module._orig_mod.h.0.mlp.weight", "module._orig_mod.head.weight"])
    ['h.0.mlp.weight', 'head.weight']
    >>> bare_names(["module.weight", "head.weight"])
    ['module.weight', 'head.weight']
    """
    bare = list(names)
    while True:
        before = bare
        for wrapper in _ANYWHERE:
            bare = [_without(name, wrapper) for name in bare]
        for wrapper in _AROUND_ALL:
            if bare and all(name.startswith(wrapper) for name in bare):
                bare = [name.removeprefix(wrapper) for name in bare]
        if bare == before:
            break
    bare = [name.replace(_BASE_LAYER, ".") for name in bare]
    return bare if len(set(bare)) == len(bare) else list(names)


def without_top(name: str) -> str:
    """Leave out the name of the top of a model, such as "model" or "transformer".

    Examples
    --------
    >>> without_top("model.layers.0.mlp.up_proj.weight"), without_top("lm_head.weight")
    ('layers.0.mlp.up_proj.weight', 'lm_head.weight')
    """
    parts = name.split(".")
    deepest = max(
        (depth for depth in range(1, len(parts)) if ".".join(parts[:depth]) in ROOT), default=0
    )
    return ".".join(parts[deepest:])


def _without(name: str, wrapper: str) -> str:
    """Remove a module's name wherever it stands as a whole."""
    return f".{name}".replace(f".{wrapper}", ".").removeprefix(".")
