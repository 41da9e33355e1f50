"""`check`: ask every rule of a model, and of what it is compared with."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from weightgauge.choices import check_choice
from weightgauge.findings import Finding, by_importance
from weightgauge.findings.registry import MODEL_RULES, PAIR_RULES
from weightgauge.health.result import Accepted, CheckResult
from weightgauge.health.rules_file import OFF, RulesFile, read_rules
from weightgauge.health.signatures import FileHash, file_hashes
from weightgauge.records import Table

if TYPE_CHECKING:
    from weightgauge.scanning import Model, ModelHistograms

_UNSEEN = frozenset(("unmeasured", "not-compared", "config-unreadable", "part-of-model", "empty"))
"""Rules that tell of what a check could not look at, whatever level they are given."""

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
        A low-rank adapter that is to fit the model.
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
    from weightgauge.diagnosis.model_diagnosis import diagnosed
    from weightgauge.health.against import against_findings
    from weightgauge.health.copies import copies_compared
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning.scan_model import scan

    check_choice("fail_on", fail_on, FAIL_ON)
    if identical and against is None:
        raise ValueError("identical needs a model to compare with: give against")
    file = rules if isinstance(rules, RulesFile) else read_rules(rules) if rules else RulesFile()
    kept = scan(model, include=include, exclude=exclude, threads=threads, io=io, progress=progress)
    found = [*diagnosed(kept, FitOptions(threads=threads, io=io), rules=file.rules()).findings]
    if file.levels.get("copy-differs") != OFF:
        whole = include is None and exclude is None
        options = FitOptions(threads=threads, io=io)
        found = copies_compared(model, kept, options, found, whole=whole)
    if against is not None:
        base = scan(against, include=include, exclude=exclude, threads=threads, io=io)
        found += against_findings(kept, base, identical=identical)
    if adapter is not None:
        found += _adapter(kept, adapter)
    left, accepted = _judged(found, file)
    unmeasured = {each.tensor for each in found if each.id in _UNSEEN and each.tensor is not None}
    compared = against is not None or adapter is not None
    return CheckResult(
        model=kept.model,
        against=None if against is None else _named(against),
        fail_on=fail_on,
        tensors=len(kept.tensors),
        measured=len(kept.tensors) - len(unmeasured),
        complete=bool(kept.tensors) and not any(each.id in _UNSEEN for each in found),
        rules=tuple(
            name
            for name in (*MODEL_RULES, *(PAIR_RULES if compared else ()))
            if file.levels.get(name) != OFF
        ),
        findings=by_importance(left),
        accepted=Table(Accepted, accepted),
        warnings=kept.warnings,
        files=file_hashes(model, progress) if sha256 else Table(FileHash),
    )


def _named(model: Model) -> str:
    from weightgauge.scanning.opening import name_of

    return name_of(model)


def _adapter(kept: ModelHistograms, adapter: str | os.PathLike[str]) -> list[Finding]:
    from weightgauge.checkpoint import open_checkpoint
    from weightgauge.health.adapter import adapter_findings

    return adapter_findings(kept, open_checkpoint(adapter))


def _judged(found: Sequence[Finding], file: RulesFile) -> tuple[list[Finding], list[Accepted]]:
    """Give findings the levels of the rules file, and take out what it accepts."""
    today = date.today()
    left: list[Finding] = []
    accepted: list[Accepted] = []
    for each in found:
        levelled = file.levelled(each)
        if levelled is None:
            continue
        reason = next((entry.reason for entry in file.accepted if entry.covers(each, today)), None)
        if reason is None:
            left.append(levelled)
        else:
            accepted.append(Accepted(levelled, reason))
    return left, accepted
