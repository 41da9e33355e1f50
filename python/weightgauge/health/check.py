"""`check`: ask every rule of a model, and of what it is compared with."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from weightgauge.choices import check_choice
from weightgauge.findings import Finding, by_importance, grouped
from weightgauge.findings.registry import MODEL_RULES, PAIR_RULES
from weightgauge.health.judgement import Accepted, UnusedAcceptance, judged
from weightgauge.health.result import CheckResult
from weightgauge.health.rules_file import OFF, RulesFile, read_rules
from weightgauge.health.signatures import FileHash, file_hashes
from weightgauge.records import Table

if TYPE_CHECKING:
    from weightgauge.health.against import Differences
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import Model, ModelHistograms

_UNSEEN = frozenset(("unmeasured", "not-compared", "config-unreadable", "part-of-model", "empty"))
"""Rules that tell of what a check could not look at, whatever level they are given."""

_UNMEASURED = _UNSEEN - {"not-compared"}
"""Those of them that tell of the model by itself."""

_OTHER_VALUES = frozenset(("value-differs", "not-compared", "exchanged"))
"""Rules that tell of tensors whose values may differ from those of the base."""

_OF_VALUES = frozenset(("moved", "unrelated", "exchanged", "unlike-base"))
"""Rules for which tensors that differ from those of the base are read again."""

_OF_PUBLISHED = frozenset(("k-far", "kind-unusual", "nearest"))
"""Rules that hold a model against published ones, which says nothing of an adapter."""

FAIL_ON = ("fault", "warning")
"""Levels from which on a check can fail."""


def check(
    model: Model,
    *,
    against: Model | None = None,
    adapter: str | os.PathLike[str] | None = None,
    rules: str | os.PathLike[str] | RulesFile | None = None,
    identical: bool = False,
    sha256: bool = False,
    fail_on: str = "fault",
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> CheckResult:
    """Check whether a model is whole and sound.

    Parameters
    ----------
    model : str, os.PathLike, torch.nn.Module, mapping or ModelHistograms
        As for `weightgauge.scan`.
    against : optional
        Another version of the model: a copy, a base, an earlier step, or a ``.wghist`` of it.
    adapter : str or os.PathLike, optional
        A low-rank adapter that is to fit the model. It is checked as well: what is found of it has
        "adapter" as its `model`.
    rules : str, os.PathLike or RulesFile, optional
        A rules file: see `weightgauge.health.read_rules`.
    identical : bool
        Whether the model is to be equal to `against`. Otherwise differing bytes are notes where
        most matrices differ, because then the model was trained on.
    sha256 : bool
        Whether to hash the files of weights as well, which reads them once more. The digests that
        tensors are compared by are no signatures: somebody can forge them.
    fail_on : {"fault", "warning"}
        The least level at which the check fails.
    include, exclude, threads, io, progress
        As for `weightgauge.fit`.

    Returns
    -------
    CheckResult
        `CheckResult.exit_code` is what the command exits with.

    Raises
    ------
    CheckpointError, ModelNotFoundError, HubError, FileChangedError, HistogramFileError
        If a model cannot be read.
    NeedsWeightsError
        If hashes are asked for where there are no files.
    OtherModelError
        If `against` is another model, or the adapter that of another model.
    RulesError
        If the rules file is not valid.
    NothingSelectedError
        If `include` and `exclude` leave no tensor.
    ValueError
        If `fail_on` is none of its choices, or `identical` is asked for with nothing to compare.

    Examples
    --------
    >>> import weightgauge as wg
    >>> from weightgauge import demo
    >>> found = wg.check(demo.paths()["step-0"])
    >>> found.failed, found.exit_code
    (False, 0)
    """
    from weightgauge.health.copies import copies_compared
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning.scan_model import scan

    check_choice("fail_on", fail_on, FAIL_ON)
    if identical and against is None:
        raise ValueError("identical needs a model to compare with: give against")
    file = rules if isinstance(rules, RulesFile) else read_rules(rules) if rules else RulesFile()
    options = FitOptions(threads=threads, io=io)
    kept = scan(model, include=include, exclude=exclude, threads=threads, io=io, progress=progress)
    found = _own(kept, options, file)
    if file.levels.get("copy-differs") != OFF:
        whole = include is None and exclude is None
        found = copies_compared(model, kept, options, found, whole=whole)
    compared = None
    if against is not None:
        patterns = (include, exclude)
        differences = _against(model, kept, against, patterns, options, file, identical=identical)
        found += differences.findings
        compared = differences.compared
    if adapter is not None:
        found += _adapter(kept, adapter, options, file)
    verdict = judged(found, file, date.today())
    unseen = [each for each in found if each.id in _UNSEEN]
    return CheckResult(
        model=kept.model,
        against=None if against is None else _named(against),
        adapter=None if adapter is None else _named(adapter),
        fail_on=fail_on,
        tensors=len(kept.tensors),
        measured=len(kept.tensors) - len(_tensors_of(found, _UNMEASURED)),
        compared=compared,
        gaps=tuple(group.message for group in grouped(unseen)) or _no_tensor(kept),
        rules=_asked(file, compared=against is not None or adapter is not None),
        findings=by_importance(verdict.left),
        accepted=Table(Accepted, verdict.accepted),
        unused_acceptances=Table(UnusedAcceptance, verdict.unused),
        warnings=kept.warnings,
        files=file_hashes(model, progress) if sha256 else Table(FileHash),
    )


def _own(kept: ModelHistograms, options: FitOptions, file: RulesFile) -> list[Finding]:
    """Return what a model shows by itself."""
    from weightgauge.diagnosis.model_diagnosis import diagnosed

    return [*diagnosed(kept, options, rules=file.rules()).findings]


def _against(
    model: Model,
    kept: ModelHistograms,
    against: Model,
    patterns: tuple[str | Sequence[str] | None, str | Sequence[str] | None],
    options: FitOptions,
    file: RulesFile,
    *,
    identical: bool,
) -> Differences:
    """Return what differs from another version, by bytes, and where these differ by values."""
    from weightgauge.comparison.two_versions import version_findings
    from weightgauge.health.against import Differences, against_findings
    from weightgauge.scanning import open_slices
    from weightgauge.scanning.scan_model import scan

    include, exclude = patterns
    base = scan(against, include=include, exclude=exclude, threads=options.threads, io=options.io)
    found, compared = by_bytes = against_findings(kept, base, identical=identical)
    off = {name for name, level in file.levels.items() if level == OFF}
    asked = _OF_VALUES - off
    differing = _tensors_of(found, _OTHER_VALUES)
    if not asked or not differing:
        return by_bytes
    one = open_slices(model, include=include, exclude=exclude, options=options)
    other = open_slices(against, include=include, exclude=exclude, options=options)
    values = version_findings((one, other), (kept, base), differing, options, file.rules())
    # Shapes may have told already that the two are unrelated, and bytes which are exchanged.
    told = {(each.id, each.tensor) for each in found if each.id in ("unrelated", "exchanged")}
    told |= {("unlike-base", tensor) for rule, tensor in told if rule == "exchanged"}
    more = [each for each in values if (each.id, each.tensor) not in told]
    return Differences([*found, *more], compared)


def _adapter(
    kept: ModelHistograms,
    adapter: str | os.PathLike[str],
    options: FitOptions,
    file: RulesFile,
) -> list[Finding]:
    """Return whether an adapter fits the model, and what it shows by itself."""
    from weightgauge.checkpoint import open_checkpoint
    from weightgauge.health.adapter import adapter_findings
    from weightgauge.scanning.scan_model import scan

    fitting = adapter_findings(kept, open_checkpoint(adapter))
    own = _own(scan(adapter, threads=options.threads, io=options.io), options, file)
    return [
        *fitting,
        *(replace(each, model="adapter") for each in own if each.id not in _OF_PUBLISHED),
    ]


def _tensors_of(found: Sequence[Finding], rules: frozenset[str]) -> set[str]:
    """Return the tensors of the model itself about which a rule has something to say."""
    return {
        each.tensor
        for each in found
        if each.id in rules and each.tensor is not None and each.model is None
    }


def _no_tensor(kept: ModelHistograms) -> tuple[str, ...]:
    return () if kept.tensors else ("there is no tensor to look at",)


def _asked(file: RulesFile, *, compared: bool) -> tuple[str, ...]:
    names = (*MODEL_RULES, *(PAIR_RULES if compared else ()))
    return tuple(name for name in names if file.levels.get(name) != OFF)


def _named(model: Model) -> str:
    from weightgauge.scanning.opening import name_of

    return name_of(model)
