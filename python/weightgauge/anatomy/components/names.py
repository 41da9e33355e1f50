"""Parameter names taken apart: the path of the module and its tails."""

from __future__ import annotations

from weightgauge.anatomy.components.vocabulary import ATTENTION, FACTORS, LONE_ADAPTERS, ROOT


def stem(name: str) -> str | None:
    """Path of the module that owns a weight; None for what is no weight.

    Most weights are called `<path>.weight`. Experts stacked into one tensor, some adapters and the
    projections of torch.nn.MultiheadAttention are parameters themselves. Where a factor belongs to
    one adapter of several, `lora_A.<adapter>`, the adapter's name is left out.
    """
    path, _, last = name.rpartition(".")
    if last == "weight":
        path = path.removesuffix(".base_layer")
        owner = path.rpartition(".")[0]
        if leaf(owner) in FACTORS:
            return owner
        # Some projections are modules around the layer that has the weight.
        return path.removesuffix(".linear") if path.endswith("_proj.linear") else path
    if leaf(path) in LONE_ADAPTERS:
        return path
    if last.endswith("_proj_weight") or last in LONE_ADAPTERS or ".experts." in f".{path}.":
        return name
    return None


def leaf(path: str) -> str:
    """Last component of a path."""
    return path.rpartition(".")[2]


def join(prefix: str, tail: str) -> str:
    """Path of `tail` under `prefix`, which may be empty."""
    return f"{prefix}.{tail}" if prefix else tail


def without(path: str, tail: str) -> str | None:
    """Return what stands before `tail`; None where the path does not end in it."""
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
