"""Make the table of a run from the records of the running session, or from the JSON it saved.

python bench/summary.py bench.json
python bench/summary.py bench.json --against earlier.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import Any

from against import against

Record = dict[str, Any]
READ = "pure read"

HEADINGS = ("", "thr", "ms", "GB/s", "ns/el", "cyc/el", "busy", "of pure read", "beside", "rounds")
LEGEND = (
    "Ratios: median (smallest; interquartile range) over rounds, each of neighbours in time.",
    "of pure read: share of the speed at which as many threads read the same bytes from memory.",
    "GB/s: stored bytes of the weights over the median time, for peers too.",
    "busy: processor time over time x threads; what is missing was spent idle, or given to others.",
)


def table(records: Iterable[Record]) -> str:
    """Aligned text, one row per record, one heading per group in order of first appearance."""
    records = list(records)
    cells = [_row(record) for record in records]
    shown = [i for i, heading in enumerate(HEADINGS) if not heading or any(row[i] for row in cells)]
    widths = {i: max(len(row[i]) for row in [HEADINGS, *cells]) for i in shown}
    lines = [_line(HEADINGS, shown, widths)]
    for group in dict.fromkeys(record["group"] for record in records):
        lines += ["", group]
        lines += [
            _line(row, shown, widths)
            for record, row in zip(records, cells, strict=True)
            if record["group"] == group
        ]
    return "\n".join([*lines, "", *LEGEND])


def _row(record: Record) -> tuple[str, ...]:
    seconds, elements = record["seconds"]["median"], record["elements"]
    per_element = 1e9 * seconds / elements
    # Only for one core: with more threads, time alone does not tell how many cycles were spent.
    cycles = record["threads"] == 1
    beside = [f"{_spread(r)} {name}" for name, r in record["ratios"].items() if name != READ]
    if record["slices"]:
        each = seconds / record["slices"]
        beside.insert(
            0, f"{1e6 * each:.2f} us, {each * record['ghz'] * 1e6:.1f} thousand cycles a slice"
        )
    return (
        record["what"],
        "" if record["threads"] is None else str(record["threads"]),
        f"{1e3 * seconds:.2f}",
        f"{record['nbytes'] / seconds / 1e9:.2f}",
        f"{per_element:.3f}",
        f"{per_element * record['ghz']:.2f}" if cycles else "",
        f"{record['busy']['median']:.0%}" if record["threads"] is not None else "",
        _spread(record["ratios"][READ]) if READ in record["ratios"] else "",
        ", ".join(beside),
        str(record["rounds"]),
    )


def _spread(ratio: dict[str, float]) -> str:
    digits = 3 if ratio["median"] < 2 else 1
    return f"{ratio['median']:.{digits}f} ({ratio['min']:.{digits}f}; {ratio['iqr']:.{digits}f})"


def _line(row: tuple[str, ...], shown: list[int], widths: dict[int, int]) -> str:
    words = (0, HEADINGS.index("beside"))
    return "  ".join(
        row[i].ljust(widths[i]) if i in words else row[i].rjust(widths[i]) for i in shown
    ).rstrip()


def main() -> None:
    """Print the table of a file saved with --benchmark-json."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("run", metavar="BENCH.json")
    parser.add_argument("--against", metavar="EARLIER.json", help="set its ratios beside these")
    asked = parser.parse_args()
    records = saved_records(asked.run)
    print(against(records, saved_records(asked.against)) if asked.against else table(records))


def saved_records(path: str) -> list[Record]:
    """Read the records of a file saved with --benchmark-json."""
    with open(path, encoding="utf-8") as file:
        saved = json.load(file)
    return [item["extra_info"] for item in saved["benchmarks"] if item["extra_info"]]


if __name__ == "__main__":
    main()
