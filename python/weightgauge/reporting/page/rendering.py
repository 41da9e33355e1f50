"""A page as HTML: one file that opens offline and can ask nothing of a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.errors import MissingExtraError, harmless
from weightgauge.findings import FindingGroup, grouped
from weightgauge.reporting.document import Document, Section
from weightgauge.reporting.page.bundle import hash_source, plotly_bundle
from weightgauge.reporting.writers.html import written
from weightgauge.reporting.writers.reading_order import Block, reading_order, verdict_of

if TYPE_CHECKING:
    import jinja2

    from weightgauge.reporting.page.content import PageContent

_SCRIPTS = (
    *("data", "theme", "plots", "maps", "profiles", "courses", "published"),
    *("detail", "table", "start"),
)
"""The page's own scripts, in the order in which they need each other."""

_POLICY = (
    "default-src 'none'",
    "script-src {scripts}",
    "style-src 'unsafe-inline'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
)
"""What the page may do.

Nothing is ever loaded: no source of scripts, styles, fonts, frames or connections is named. Two
scripts run, the page's own and Plotly's, each by its hash; text in the page cannot become a third.
Plotly sets style attributes and adds style sheets of its own, one of them (of maps, which are not
drawn here) with a text that changes from version to version, so styles are allowed inline; with no
source to load from they can send nothing. Heatmaps are drawn as images in data: addresses.
"""


class _Told(NamedTuple):
    """One group of findings, with the rows of the table that it is about."""

    level: str
    id: str
    message: str
    hint: str | None
    rows: Sequence[int]


def check_extra() -> None:
    """Raise MissingExtraError unless all that a page needs is installed."""
    _template()
    plotly_bundle()


def render(content: PageContent) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    content : PageContent
        What it shows.

    Raises
    ------
    MissingExtraError
        If jinja2 or plotly is not installed.
    """
    template = _template()
    from markupsafe import Markup

    bundle = plotly_bundle()
    document = content.document
    script = _assets(f"{name}.js" for name in _SCRIPTS)
    scripts = f"{hash_source(script)} {bundle.source}"
    groups = [
        _Told(group.level, group.id, group.message, group.hint, rows)
        for group, rows in zip(_groups(document), content.places, strict=True)
    ]
    notes = [group for group in groups if group.level == "note"]
    return template.render(
        policy=Markup("; ".join(_POLICY).format(scripts=scripts)),
        document=document,
        level=_level_of(content),
        lead=_blocks(document.sections[:1]),
        told=(
            ("", [group for group in groups if group.level != "note"]),
            ("note" if len(notes) == 1 else "notes", notes),
        ),
        names=content.pictures["rows"]["name"],
        first=_blocks(content.first),
        then=_blocks(content.then),
        notes=list(reading_order(Document(notes=document.notes), notes=True)),
        quantities=content.pictures["quantities"],
        all_of=content.pictures["all_of"],
        provenance=content.provenance,
        written=lambda block: Markup(written(block)),
        style=Markup(_assets(["page.css"])),
        data=Markup(_json(content.pictures)),
        plotly=Markup(bundle.packed),
        script=Markup(script),
    )


def _level_of(content: PageContent) -> str:
    """Return the level of the verdict: a warning where no finding says what is odd."""
    level = verdict_of(content.document).level
    odd = content.doubtful or content.document.warnings
    return "warning" if odd and level in ("", "note") else level


def _groups(document: Document) -> list[FindingGroup]:
    return grouped(document.findings or ())


def _blocks(sections: Sequence[Section]) -> list[Block]:
    return list(reading_order(Document(sections=sections), notes=True))


def _json(values: Mapping[str, Any]) -> str:
    """Return JSON that no text in it can end: ASCII alone, and without a sign of a tag."""
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _assets(names: Iterable[str]) -> str:
    folder = resources.files(__package__) / "assets"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("jinja2", "report") from error
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return environment.from_string(_assets(["page.html.j2"]))


def _shown(value: Any) -> Any:
    """Make what a template shows harmless, unless it is markup of our own."""
    if hasattr(value, "__html__"):
        return value
    return harmless(str(value))
