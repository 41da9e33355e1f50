"""Heads of the attention of a tower, from its configuration and its shapes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from weightgauge.anatomy.architecture.evidence import Evidence, Seen
from weightgauge.anatomy.architecture.settings import Settings
from weightgauge.anatomy.architecture.spellings import ONE_KV_HEAD
from weightgauge.errors import printable

_EACH = "channels a head"


@dataclass(slots=True)
class Heads:
    """Numbers and length of heads. Facts that cannot be decided are None."""

    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None


@dataclass(frozen=True, slots=True)
class Widths:
    """Widths of queries, and of keys or values, each with the name of a tensor that shows it.

    There are several widths where blocks differ.
    """

    query: Seen
    key: Seen


def widths_of(seen: Evidence, hidden: int | None) -> Widths:
    """Find the widths of queries and of keys and values from shapes.

    Parameters
    ----------
    seen : Evidence
        The shapes.
    hidden : int or None
        Width of the residual stream, which distinguishes inputs from outputs.

    Returns
    -------
    Widths
    """
    # The output projection is more reliable than that of queries, which may also hold a gate.
    query = _sides(seen.of("o"), 1) or _sides(seen.of("q"), 0)
    key = _sides(seen.of("k", "v"), 0)
    if not key and len(query) == 1:
        (width,) = query
        fused = _outputs(seen.of("qkv"), hidden)
        key = {
            (rows - width) // 2: name
            for rows, name in fused.items()
            if rows > width and (rows - width) % 2 == 0
        }
    return Widths(query, key)


def _sides(shapes: dict[tuple[int, ...], str], side: int) -> Seen:
    return {shape[side]: name for shape, name in shapes.items()}


def _outputs(shapes: dict[tuple[int, ...], str], hidden: int | None) -> Seen:
    """Return the outputs of fused projections, some of which are stored transposed."""
    return {
        shape[1] if shape[0] == hidden != shape[1] else shape[0]: name
        for shape, name in shapes.items()
    }


def heads_of(settings: Settings, seen: Evidence, widths: Widths) -> Heads:
    """Determine the heads of a tower with ordinary attention.

    Parameters
    ----------
    settings : Settings
        Its configuration.
    seen : Evidence
        Its shapes.
    widths : Widths
        Its widths.

    Returns
    -------
    Heads
    """
    widths = _without_values(settings, seen, widths)
    found = Heads(head_dim=_length_of_norms(seen, widths))
    _settle_heads(settings, found, seen, widths)
    contradiction = _normed_otherwise(settings, found, seen, widths)
    if contradiction is not None:
        settings.contradict(*contradiction)
        return Heads()
    _settle_head_dim(settings, found, widths)
    if found.heads is None and settings.number("heads") is None:
        found.head_dim = found.head_dim or _length_in_stages(settings.each("heads"), widths)
        found.heads = _quotient(widths.query, found.head_dim)
    _settle_kv_heads(settings, found, widths)
    return found


def _without_values(settings: Settings, seen: Evidence, widths: Widths) -> Widths:
    """Take queries from q alone where values have another length.

    The configuration may give it, or states heads that fill q and not the output, whose width is
    that of v.
    """
    heads = settings.number("heads")
    if heads is None:
        return widths
    length = settings.number("v_head_dim")
    queries = _sides(seen.of("q"), 0)
    stated = length is not None and heads[1] * length[1] in widths.query
    filled = any(heads[1] * each in queries for _, each in settings.numbers("head_dim"))
    if filled and widths.query.keys() == _sides(seen.of("v"), 0).keys() != queries.keys():
        return Widths(queries, _sides(seen.of("k"), 0))
    return replace(widths, query=queries or widths.query) if stated else widths


def _length_of_norms(seen: Evidence, widths: Widths) -> int | None:
    """Return the length of a head, if queries and keys are normalised head by head, else None."""
    shapes = (*seen.query_norms, *seen.key_norms)
    length = _only(shape[-1] for shape in shapes)
    if not length or any(width % length for width in widths.query):
        return None
    # A norm over all heads at once has the width of the projection. A single key head is as wide as
    # its projection too; then the norm of the queries shows the length of a head.
    all_keys = length in widths.key and not seen.query_norms
    whole = length in widths.query or all_keys or not widths.query
    return None if whole and not any(len(shape) == 2 for shape in shapes) else length


def _settle_heads(settings: Settings, found: Heads, seen: Evidence, widths: Widths) -> None:
    stated = settings.number("heads")
    if stated is None:
        found.heads = _only(seen.heads) or None
        return
    key, heads = stated
    if not widths.query or any(width % heads == 0 for width in widths.query):
        found.heads = heads
        return
    width, name = next(iter(widths.query.items()))
    settings.contradict(key, heads, f"does not divide the {width:,} channels of {_tensor(name)}")


def _normed_otherwise(
    settings: Settings, found: Heads, seen: Evidence, widths: Widths
) -> tuple[str, int, str] | None:
    """Return key, value and problem of a stated head length that contradicts the norms, or None."""
    normed = found.head_dim
    stated = settings.numbers("head_dim")
    fitting = [each for each in stated if _fills(found.heads, each[1], widths.query)]
    if normed is None or not fitting or any(length == normed for _, length in fitting):
        return None
    name = next(iter((seen.query_norms | seen.key_norms).values()))
    return *fitting[0], f"is not the length {normed:,} of {_tensor(name)}"


def _settle_head_dim(settings: Settings, found: Heads, widths: Widths) -> None:
    """Take the stated length of heads if it fits the shapes, else the length that they show."""
    normed, found.head_dim = found.head_dim, None
    lengths = list(settings.numbers("head_dim"))
    if lengths:
        # Some configurations state the usual length beside the length that is used.
        fitting = [each for each in lengths if _fills(found.heads, each[1], widths.query)]
        if fitting:
            found.head_dim = normed or fitting[0][1]
            return
        key, length = lengths[0]
        settings.contradict(key, length, _misfit(found.heads, "heads", widths.query))
        # Without a norm, either number may be the wrong one.
        if normed is None or not _fills(found.heads, normed, widths.query):
            found.heads = None
    elif found.heads is None or normed is None:
        found.head_dim = normed or _quotient(widths.query, found.heads)
    elif _fills(found.heads, normed, widths.query):
        found.head_dim = normed
    else:
        key, heads = settings.number("heads") or ("heads", found.heads)
        settings.contradict(key, heads, _misfit(normed, _EACH, widths.query))
        found.heads = None
        found.head_dim = normed


def _length_in_stages(numbers: frozenset[int], widths: Widths) -> int | None:
    """Return the length of all heads where stages have numbers of their own, else None.

    The widest stage has the most heads; with the same length all others must be filled too. Where
    stages are equally wide, nothing tells which of them has which number.
    """
    widest = max(widths.query, default=0)
    if not numbers or not widest or widest % max(numbers):
        return None
    if len(widths.query) == 1 < len(numbers):
        return None
    length = widest // max(numbers)
    return length if all(width / length in numbers for width in widths.query) else None


def _settle_kv_heads(settings: Settings, found: Heads, widths: Widths) -> None:
    stated = _stated_kv_heads(settings, found.heads)
    if stated is None:
        kv_heads = _quotient(widths.key, found.head_dim)
        if len(widths.key) > 1 and widths.key.keys() == widths.query.keys():
            kv_heads = found.heads  # each stage has as many keys as queries
        divides = not (found.heads and kv_heads) or found.heads % kv_heads == 0
        found.kv_heads = kv_heads if divides else None
        return
    key, value, kv_heads = stated
    if found.heads is not None and found.heads % kv_heads:
        settings.contradict(key, value, f"does not divide the {found.heads:,} heads")
    elif _fills(kv_heads, found.head_dim, widths.key):
        found.kv_heads = kv_heads
    else:
        misfit = _misfit(found.head_dim, _EACH, widths.key)
        means = "" if value is kv_heads else f"means {kv_heads:,} for k and v, which "
        settings.contradict(key, value, means + misfit)
        if settings.number("head_dim") is None:
            # The length of heads then follows from their number, which may be wrong.
            found.heads = found.head_dim = None


def _stated_kv_heads(settings: Settings, heads: int | None) -> tuple[str, object, int] | None:
    """Return key, value, and the number of key and value heads that they imply, or None."""
    stated = settings.number("kv_heads")
    # In Falcon's configurations only the new decoder uses the number. ChatGLM's count groups.
    ruled = stated is None or stated[0] in ("num_kv_heads", "n_head_kv")
    if ruled and settings.flag("new_decoder_architecture") is not True:
        key = next((key for key in ONE_KV_HEAD if settings.flag(key) is not None), None)
        if key is not None and settings.flag(key):
            return key, True, 1
        if key is not None and heads is not None:
            return key, False, heads
    return None if stated is None else (stated[0], stated[1], stated[1])


def _fills(number: int | None, length: int | None, widths: Seen) -> bool:
    """Whether heads of this number and length fill one of the widths; True if none is known."""
    if not widths or (number is None and length is None):
        return True
    if number is None or length is None:
        return any(width % (number or length or 1) == 0 for width in widths)
    return number * length in widths


def _misfit(other: int | None, what: str, widths: Seen) -> str:
    width, name = next(iter(widths.items()))
    if other is None:
        return f"does not divide the {width:,} channels of {_tensor(name)}"
    return f"times {other:,} {what} is not the {width:,} channels of {_tensor(name)}"


def _quotient(widths: Seen, divisor: int | None) -> int | None:
    """Divide the width, if there is only one and the divisor divides it; else return None."""
    width = _only(widths)
    if not width or not divisor or width % divisor:
        return None
    return width // divisor


def _only(values: Iterable[int]) -> int | None:
    """Return the value if all values are equal, else None."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


def _tensor(name: str) -> str:
    return f"'{printable(name)}'"
