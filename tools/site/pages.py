"""Pages of the site that are made from elsewhere: README, help texts, docstrings, changelog."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import click

import weightgauge
from weightgauge.cli.group import main

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "https://github.com/weightgauge/weightgauge/blob/main/"

# Pages of the repository that lie outside docs/, by their names on the site.
BESIDE = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "benchmarks.md": "bench/README.md",
    "changes.md": "CHANGELOG.md",
}
# Room for a screen of 110 columns beside the two lists of contents.
_STYLE = ".md-grid { max-width: 84rem } .md-typeset pre > code { font-size: 0.62rem }\n"
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from something else."""
    from mkdocs.structure.files import File

    made = {name: (ROOT / path).read_text(encoding="utf-8") for name, path in BESIDE.items()}
    made |= {"commands.md": commands(), "api.md": api(), "wide.css": _STYLE}
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page, config, files) -> str:  # type: ignore[no-untyped-def]
    """Let links between files of the repository lead to pages of the site, or to the source."""
    uri = page.file.src_uri
    here = (ROOT / BESIDE.get(uri, f"docs/{uri}")).parent
    sources = {ROOT / path: name for name, path in BESIDE.items()}

    def moved(match: re.Match[str]) -> str:
        target = (here / match[0]).resolve()
        if not target.is_relative_to(ROOT) or not target.exists():
            return match[0]
        if target.is_relative_to(ROOT / "docs"):
            return target.relative_to(ROOT / "docs").as_posix()
        return sources.get(target) or SOURCE + target.relative_to(ROOT).as_posix()

    return _LINK.sub(moved, markdown)


def commands() -> str:
    """Return the page of all commands, each with what ``--help`` prints at 100 columns."""
    context = click.Context(main, info_name="weightgauge")
    parts = ["# Commands\n\nWhat `weightgauge COMMAND --help` prints.\n"]
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context, max_content_width=100)
        inner.terminal_width = 100
        parts.append(f"## {name}\n\n```text\n{command.get_help(inner).rstrip()}\n```\n")
    return "\n".join(parts)


def api() -> str:
    """Return the page of everything public, from its docstrings."""
    parts = ["# Python\n\n`import weightgauge as wg`. Everything below is public and typed.\n"]
    public = {name: getattr(weightgauge, name) for name in weightgauge.__all__ if name[0] != "_"}
    packages = [name for name, value in public.items() if isinstance(value, ModuleType)]
    classes = [name for name, value in public.items() if isinstance(value, type)]
    functions = [name for name in public if name not in packages and name not in classes]
    for heading, members in (("Functions", functions), ("Results", classes)):
        parts.append(f"## {heading}\n")
        parts += [f"::: weightgauge.{name}\n" for name in members]
    told = {id(value) for value in public.values()}
    for name in packages:
        parts.append(f"## weightgauge.{name}\n")
        for member, value in _members(public[name]).items():
            if id(value) not in told:
                parts.append(f"::: weightgauge.{name}.{member}\n")
                told.add(id(value))
    return "\n".join(parts)


def _members(package: ModuleType) -> dict[str, object]:
    """Return what a package offers: what it lists, or else the classes that are made in it."""
    names = getattr(package, "__all__", None)
    if names is not None:
        return {name: getattr(package, name) for name in names}
    return {
        name: value
        for name, value in vars(package).items()
        if isinstance(value, type) and value.__module__ == package.__name__ and name[0] != "_"
    }
