"""What is noticed at the steps of a run: NaN, jumps, and matrices that come, go or change."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.findings import RULES, Finding, named, slice_name
from weightgauge.fits.name_hints import is_mask
from weightgauge.trajectory.changes import jumps
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.trajectory.measurements import Measurements, SliceState
    from weightgauge.trajectory.series import SliceSeries

# Jumps in k and in ln lambda that are smaller than these are nobody's concern.
_LEAST_K, _LEAST_LN_LAMBDA = 0.02, 0.05


def step_findings(
    measured: Measurements,
    slices: Sequence[SliceSeries],
    *,
    known_non_finite: Set[SliceKey] = frozenset(),
) -> list[Finding]:
    """Collect what is noticed at single steps.

    Parameters
    ----------
    measured : Measurements
        Of the run.
    slices : sequence of SliceSeries
        Its slices over steps.
    known_non_finite : set of SliceKey
        Slices whose NaN were told of before the first of these steps.

    Returns
    -------
    list of Finding
    """
    items = {item.key: item for item in measured.slices}
    found = [*_unmeasured(measured.slices), *_non_finite(measured, items, known_non_finite)]
    for i in range(1, len(measured.steps)):
        found += _differences(measured, items, i)
    return found + _discontinuities(measured.steps, slices)


def _unmeasured(slices: Sequence[SliceFit]) -> list[Finding]:
    """Tell what is stored in a form without a decoder."""
    members = [item for item in slices if item.status == "unsupported_dtype"]
    if not members:
        return []
    dtypes = ", ".join(sorted({item.dtype for item in members}))
    names = named(list(dict.fromkeys(map(slice_name, members))))
    return [
        Finding(
            id="unmeasured",
            level="warning",
            value=len(members),
            message=f"not measured, since there is no decoder for {dtypes}: {names}",
        )
    ]


def _non_finite(
    measured: Measurements, items: dict[SliceKey, SliceFit], known: Set[SliceKey]
) -> list[Finding]:
    """Tell of each slice once: at the step at which it first has NaN or infinite elements."""
    found = []
    seen = set(known)
    for step, states in zip(measured.steps, measured.states, strict=True):
        new = [
            key
            for key, state in states.items()
            if state.nonfinite
            and key not in seen
            and not is_mask(key.tensor, len(items[key].shape))
        ]
        seen.update(new)
        if not new:
            continue
        count = sum(states[key].nonfinite for key in new)
        members = [items[key] for key in new]
        rule = RULES["non-finite"]
        if len(members) == 1:
            elements = math.prod(states[new[0]].shape)
            words = f"{{}}: {rule.told(count, elements=elements)}"
        else:
            words = rule.several.format(total=count, count=len(members), names="{}")
        found.append(
            _finding(
                rule.id, rule.level, step, members, words, value=count, expected=0, hint=rule.hint
            )
        )
    return found


def _differences(measured: Measurements, items: dict[SliceKey, SliceFit], i: int) -> list[Finding]:
    """Compare what the matrices are with the step before."""
    step, before, after = measured.steps[i], measured.states[i - 1], measured.states[i]
    told = f"since step {measured.steps[i - 1]:,}"
    shared = before.keys() & after.keys()
    if 2 * len(shared) < min(len(before), len(after)):
        message = (
            f"step {step:,} is another architecture: it shares {len(shared):,} of its "
            f"{counted(len(after), 'slice')} with step {measured.steps[i - 1]:,}"
        )
        return [Finding(id="mixed-architectures", level="fault", step=step, message=message)]
    found = []
    for rule, level, keys, words in (
        ("vanished", "warning", before.keys() - shared, f"gone {told}: {{}}"),
        ("appeared", "warning", after.keys() - shared, f"new {told}: {{}}"),
        ("changed-shape", "warning", _changed(before, after, shared, _shape), ""),
        ("changed-dtype", "note", _changed(before, after, shared, _dtype), ""),
    ):
        if not keys:
            continue
        # Sets have no order of their own, and tables do.
        members = [item for key, item in items.items() if key in keys]
        if not words:
            first = members[0].key
            what = rule.removeprefix("changed-")
            words = f"{what} changed {told} in {{}} ({_turn(before[first], after[first], what)})"
        found.append(_finding(rule, level, step, members, words, value=len(members)))
    return found


def _changed(
    before: dict[SliceKey, SliceState],
    after: dict[SliceKey, SliceState],
    shared: set[SliceKey],
    what: Callable[[SliceState], object],
) -> set[SliceKey]:
    return {key for key in shared if what(before[key]) != what(after[key])}


def _shape(state: SliceState) -> object:
    return state.shape


def _dtype(state: SliceState) -> object:
    return state.dtype


def _turn(before: SliceState, after: SliceState, what: str) -> str:
    if what == "dtype":
        return f"{before.dtype} to {after.dtype}"
    shapes = ["x".join(map(str, state.shape)) for state in (before, after)]
    return f"{shapes[0]} to {shapes[1]}"


def _discontinuities(steps: Sequence[int], slices: Sequence[SliceSeries]) -> list[Finding]:
    """Tell of jumps: of a kind as a whole where many of its matrices jump at one step."""
    found: dict[tuple[int, str | None, str, str], list[tuple[SliceSeries, float]]]
    found = defaultdict(list)
    for item in slices:
        if item.kind not in MATRIX_KINDS:
            continue
        ln_lambda = [math.log(lam) if lam > 0 else math.nan for lam in item.lam]
        for what, values, errors, least in (
            ("k", item.k, item.k_se, _LEAST_K),
            ("ln lambda", ln_lambda, item.ln_lambda_se, _LEAST_LN_LAMBDA),
        ):
            for step, size in jumps(steps, values, errors, least=least):
                found[step, item.tower, item.kind, what].append((item, size))
    return [_jump(*key, members) for key, members in found.items()]


def _jump(
    step: int,
    tower: str | None,
    kind: str,
    what: str,
    members: list[tuple[SliceSeries, float]],
) -> Finding:
    item, size = max(members, key=lambda each: abs(each[1]))
    one = len(members) == 1
    who = slice_name(item) if one else f"{len(members):,} {kind} matrices"
    most = "" if one else f" by up to {abs(size):.3f}, the most in {slice_name(item)}"
    how = f" by {size:+.3f}" if one else most
    return Finding(
        id="discontinuity",
        level="warning",
        step=step,
        tensor=item.tensor,
        part=item.part,
        kind=kind,
        block=item.block,
        tower=tower,
        expert=item.expert,
        head=item.head,
        value=size,
        message=f"step {step:,}: {what} of {who} jumps{how}",
    )


def _finding(
    rule: str,
    level: str,
    step: int,
    members: Sequence[SliceFit],
    words: str,
    *,
    value: int,
    expected: int | None = None,
    hint: str | None = None,
) -> Finding:
    """Tell of one slice with its place, or of several by their names."""
    names = named(list(dict.fromkeys(map(slice_name, members))))
    one = members[0] if len(members) == 1 else None
    kinds = {item.kind for item in members}
    return Finding(
        id=rule,
        level=level,
        step=step,
        tensor=None if one is None else one.tensor,
        part=None if one is None else one.part,
        kind=members[0].kind if len(kinds) == 1 else None,
        block=None if one is None else one.block,
        tower=None if one is None else one.tower,
        expert=None if one is None else one.expert,
        head=None if one is None else one.head,
        value=value,
        expected=expected,
        message=f"step {step:,}: {words.format(names)}",
        hint=hint,
    )
