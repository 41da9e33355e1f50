"""Parts of parameter names: the path of the module that owns a weight, and its last components."""

from __future__ import annotations

from weightgauge.anatomy.components.vocabulary import ATTENTION, FACTORS, LONE_ADAPTERS, ROOT


def stem(name: str) -> str | None:
    """Return the path of the module that owns a weight; None if the name is not that of a weight.

    Most weights are called `<path>.weight`. Stacked experts, some adapters and the projections of
    torch.nn.MultiheadAttention are parameters themselves. In `lora_A.<adapter>` the name of the
    adapter is left out.
    """
    path, _, last = name.rpartition(".")
    if last == "weight":
        path = path.removesuffix(".base_layer")
        owner = path.rpartition(".")[0]
        if leaf(owner) in FACTORS:
            return owner
        # Some projections are wrappers around the layer that has the weight.
        return path.removesuffix(".linear") if path.endswith("_proj.linear") else path
    if leaf(path) in LONE_ADAPTERS:
        return path
    if last.endswith("_proj_weight") or last in LONE_ADAPTERS or ".experts." in f".{path}.":
        return name
    return None


def leaf(path: str) -> str:
    """Return the last component of a path."""
    return path.rpartition(".")[2]


def join(prefix: str, tail: str) -> str:
    """Return the path of `tail` under `prefix`, which may be empty."""
    return f"{prefix}.{tail}" if prefix else tail


def without(path: str, tail: str) -> str | None:
    """Return the part of a path before `tail`; None where the path does not end in it."""
    if path == tail:
        return ""
    return path[: -len(tail) - 1] if path.endswith("." + tail) else None


def ends_with(path: str, tail: str) -> bool:
    """Whether a path ends in a tail of the tables, `@attn` and `@root` included."""
    where, _, rest = tail.partition(".")
    if where not in ("@attn", "@root"):
        return without(path, tail) is not None
    prefix = without(path, rest)
    if prefix is None:
        return False
    return prefix in ROOT if where == "@root" else leaf(prefix) in ATTENTION
