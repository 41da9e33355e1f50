"""Set the ratios of a run beside those of a run that was saved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Record = dict[str, Any]
Spread = dict[str, float]

NOTICED = 0.03
"""Changes up to this are nothing, whatever the spread."""

HEADINGS = ("", "thr", "ratio", "then", "now", "change", "")
LEGEND = (
    "Medians of ratios formed round by round, and half their interquartile ranges; a change is",
    f"marked where it is beyond {NOTICED:.0%} and beyond the ranges of both runs together.",
)


def against(records: Iterable[Record], saved: Iterable[Record]) -> str:
    """Aligned text: one row for each ratio that both runs have."""
    before = {_name(record): record for record in saved}
    rows: list[tuple[str, ...]] = [HEADINGS]
    missing = 0
    for record in records:
        then = before.pop(_name(record), None)
        if then is None:
            missing += 1
            continue
        for name, ratio in record["ratios"].items():
            if name in then["ratios"]:
                rows.append(_row(record, name, then["ratios"][name], ratio))
    if len(rows) == 1:
        return "Nothing of the saved run was measured again."
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if missing or before:
        lines += ["", f"Only in this run: {missing} rows; only in the saved one: {len(before)}."]
    return "\n".join([*lines, "", *LEGEND])


def _name(record: Record) -> tuple[object, ...]:
    return record["group"], record["what"], record["threads"]


def _row(record: Record, name: str, then: Spread, now: Spread) -> tuple[str, ...]:
    change = now["median"] / then["median"] - 1
    doubt = (now["iqr"] + then["iqr"]) / 2 / then["median"]
    beyond = abs(change) > max(NOTICED, doubt)
    threads = record["threads"]
    return (
        f"{record['group']}: {record['what']}",
        "" if threads is None else str(threads),
        name,
        _told(then),
        _told(now),
        f"{change:+.1%}",
        ("slower" if change < 0 else "faster") if beyond else "",
    )


def _told(ratio: Spread) -> str:
    digits = 3 if ratio["median"] < 2 else 1
    return f"{ratio['median']:.{digits}f}±{ratio['iqr'] / 2:.{digits}f}"
