"""The result of a check that could not be made, so that a gate gets its report all the same."""

from __future__ import annotations

from dataclasses import replace

from weightgauge.errors import IndexFileError
from weightgauge.findings import RULES, Finding
from weightgauge.health.judgement import Accepted, UnusedAcceptance
from weightgauge.health.result import CheckResult
from weightgauge.health.signatures import FileHash
from weightgauge.records import Table

_GAP = ("nothing could be looked at",)


def unread(
    error: BaseException,
    message: str,
    hint: str,
    *,
    model: str,
    against: str | None,
    adapter: str | None,
    fail_on: str,
) -> CheckResult:
    """Return what is known where a model, its base, an adapter or a rules file cannot be read.

    Parameters
    ----------
    error : BaseException
        What `weightgauge.check` raised.
    message, hint : str
        The same in words, safe to show; the hint may be "".
    model, against, adapter, fail_on
        As for `weightgauge.check`.

    Returns
    -------
    CheckResult
        With one fault, which no rules file accepts.
    """
    shards = error.there if isinstance(error, IndexFileError) else None
    rule = RULES["unreadable" if shards is None else "missing-file"]
    there, expected = shards or (None, None)
    fault = rule.finding(value=there, expected=expected, hint=hint, what=message)
    return CheckResult(
        model=model,
        against=against,
        adapter=adapter,
        fail_on=fail_on,
        tensors=0,
        measured=0,
        compared=None,
        gaps=_GAP,
        rules=(rule.id,),
        findings=Table(Finding, [replace(fault, tensor=getattr(error, "tensor", None))]),
        accepted=Table(Accepted),
        unused_acceptances=Table(UnusedAcceptance),
        warnings=(),
        files=Table(FileHash),
        error=message,
    )
