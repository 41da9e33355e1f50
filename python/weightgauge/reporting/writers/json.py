"""Documents as JSON: one line for each record, exact numbers, and nothing but ASCII."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from weightgauge.reporting.document import Document
from weightgauge.reporting.writers.medium import Medium


def write(document: Document, medium: Medium) -> str:
    """Return the metadata and data of a document as JSON.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to, which makes no difference.
    """
    return json_text({**document.metadata, **document.data()})


def json_text(data: Mapping[str, Any]) -> str:
    """Return plain values as JSON, one line for each record of their lists.

    Only ASCII is written: control and bidirectional characters of names appear as escapes. JSON has
    no NaN and no infinities. They are an error here; callers pass None instead.
    """
    members = []
    for key, value in data.items():
        rows = isinstance(value, Sequence) and not isinstance(value, str)
        if rows and value and isinstance(value[0], dict):
            records = ",\n    ".join(_json(record) for record in value)
            members.append(f"  {_json(key)}: [\n    {records}\n  ]")
        else:
            members.append(f"  {_json(key)}: {_json(value)}")
    return "{\n" + ",\n".join(members) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
