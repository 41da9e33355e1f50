"""Parameter names taken apart: module path, block, tower, expert."""

from __future__ import annotations

from weightgauge.components.table import ATTENTION, BLOCK, EXPERT, NUMBERED, ROOT, TOWERS

_TOWER_OF = {name: tower for tower, names in TOWERS.items() for name in names.split()}
_HALVES = ("encoder", "decoder")


def stem(name: str) -> str | None:
    """Path of the module that owns a weight; None for what is no weight.

    Most weights are called `<path>.weight`. Experts stacked into one tensor and the projections of
    torch.nn.MultiheadAttention are parameters themselves.
    """
    path, _, last = name.rpartition(".")
    if last == "weight":
        return path
    if last.endswith("_proj_weight") or ".experts." in f".{path}.":
        return name
    return None


def leaf(path: str) -> str:
    """Last component of a path."""
    return path.rpartition(".")[2]


def join(prefix: str, tail: str) -> str:
    """Path of `tail` under `prefix`, which may be empty."""
    return f"{prefix}.{tail}" if prefix else tail


def template(path: str) -> str:
    """Path without the numbers of blocks and experts: the same for all of them."""
    return NUMBERED.sub(r"\1#", path)


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


def place_of(name: str) -> tuple[int | None, str | None, int | None]:
    """Tell block, tower and expert of a parameter; None for each that it has not.

    The block is the outermost one. For the tower only what stands before the block counts, or
    before the module's own name outside the blocks (`cls.predictions.decoder` is a head, no
    decoder).
    """
    found = BLOCK.search(name)
    if found is not None:
        block, path = int(found[1]), name[: found.start()]
    else:
        owner, _, last = name.rpartition(".")
        block, path = None, owner.rpartition(".")[0] if last in ("weight", "bias") else owner
    expert = EXPERT.search(name) if "experts." in name else None
    return block, _tower_of_path(path), None if expert is None else int(expert[1])


def _tower_of_path(path: str) -> str | None:
    """Find a tower. A modality outranks encoder and decoder: vision models have encoders too."""
    half = None
    for component in path.split("."):
        tower = _TOWER_OF.get(component)
        if tower is not None and tower not in _HALVES:
            return tower
        half = half or tower
    return half
