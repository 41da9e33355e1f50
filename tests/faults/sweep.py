"""Every call of a command made to fail in turn, and what the command made of it.

From the folder `tests`, for a night:

    python -m faults.sweep [--all-memory] [--command NAME ...] [--kind KIND ...] [--every K]

A run is right if it gives the same result as without the fault, or one line that says what is wrong
and exit code 1. Files that were there before are whole, and no other file is left behind.
"""

from __future__ import annotations

import argparse
import collections
import errno
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faults.models import write_model
from faults.shim import KINDS, Ending, Fault, Server, build

COMMANDS: dict[str, list[str]] = {
    "fit": ["fit", "MODEL", "--json"],
    "fit by pread": ["fit", "MODEL", "--io", "pread", "--json"],
    "fit of counts": ["fit", "counts.wghist", "--json"],
    "scan": ["scan", "MODEL", "-o", "kept/out.wghist", "--force", "--json"],
    "scan to a link": ["scan", "MODEL", "-o", "link.wghist", "--force"],
    "fit to a file": ["fit", "MODEL", "-o", "kept/new.csv"],
    "compare": ["compare", "MODEL", "OTHER", "--json"],
    "diagnose": ["diagnose", "MODEL", "--balanced", "--json"],
    "check": ["check", "MODEL", "--json"],
}
OLD = b"what was there before"


class Scene:
    """The folder that commands run in: two models, saved counts, and a folder for results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = write_model(folder / "model")
        self.other = write_model(folder / "other", change=0.1)
        self.kept = folder / "kept"
        self.link = folder / "link.wghist"
        self.reset()
        self._usual = self._names()

    def arguments(self, command: str) -> list[str]:
        """Return the command line, with paths in full, since only such ones can be marked."""
        places = {"MODEL": str(self.model), "OTHER": str(self.other)}
        places |= {
            each: str(self.folder / each)
            for each in COMMANDS[command]
            if each.endswith((".wghist", ".csv"))
        }
        return [places.get(each, each) for each in COMMANDS[command]] + ["--threads", "2"]

    def reset(self) -> None:
        """Put the results back that were there before."""
        if self.kept.exists():
            shutil.rmtree(self.kept)
        self.link.unlink(missing_ok=True)
        self.kept.mkdir()
        for name in ("out.wghist", "target.wghist"):
            (self.kept / name).write_bytes(OLD)
        self.link.symlink_to(self.kept / "target.wghist")

    def results(self) -> dict[str, bytes]:
        """Return what the folder for results holds."""
        return {path.name: path.read_bytes() for path in sorted(self.kept.iterdir())}

    def litter(self) -> list[str]:
        """Return what lies where it should not, or is missing."""
        found = self._names()
        wrong = sorted(found ^ self._usual)
        return wrong if self.link.is_symlink() else [*wrong, "link.wghist is no link any more"]

    def _names(self) -> set[str]:
        own = {"stdout.txt", "stderr.txt", "counts.wghist"}
        every = {path for path in self.folder.rglob("*") if path.parent != self.kept}
        return {str(path.relative_to(self.folder)) for path in every if path.name not in own}


@dataclass(frozen=True)
class Reference:
    """A run without a fault, and the files that it made."""

    ending: Ending
    results: dict[str, bytes]


def _faults_of(ending: Ending, scene: Scene, usual: Reference, before: dict[str, bytes]) -> str:
    """Return what is wrong with how a command ended, "" if it is right."""
    found = scene.results()
    said = [line for line in ending.stderr.splitlines() if line.startswith("error: ")]
    if ending.code is None:
        return "did not end"
    if ending.code < 0:
        return f"ended by signal {-ending.code}"
    if any(each in ending.stderr for each in ("Traceback", "Exception ignored", "Fatal", "bug")):
        return "an error that is none of ours"
    if scene.litter():
        return f"left behind: {', '.join(scene.litter())}"
    if ending.code == usual.ending.code:
        same = ending.stdout == usual.ending.stdout and found == usual.results
        return "" if same else "another result"
    if ending.code != 1:
        return f"exit code {ending.code}"
    if len(said) != 1:
        return f"{len(said)} errors told of"
    if not usual.ending.stdout.startswith(ending.stdout):
        return "another text on stdout"
    for name in found.keys() | before.keys():
        if found.get(name) not in (before.get(name), usual.results.get(name)):
            return f"{name} is neither old nor new"
    return ""


class Sweep:
    """Runs commands with faults and keeps what went wrong."""

    def __init__(self, folder: Path, shim: Path) -> None:
        self.scene = Scene(folder)
        self.server = Server(shim, folder)
        self.runs: collections.Counter[tuple[str, str]] = collections.Counter()
        self.told: dict[str, set[str]] = collections.defaultdict(set)
        self._usual: dict[str, Reference] = {}
        saved = str(folder / "counts.wghist")
        made = self.server.run(["scan", str(self.scene.model), "-o", saved, "-q"], Fault())
        assert made.code == 0, made.stderr

    def close(self) -> None:
        """End the server."""
        self.server.__exit__(None, None, None)

    def reference(self, command: str) -> Reference:
        """Run a command without a fault, twice: what comes out is the same."""
        if command in self._usual:
            return self._usual[command]
        arguments = self.scene.arguments(command)
        self.server.learn(arguments)
        endings = []
        for _ in range(2):
            self.scene.reset()
            ending = self.server.run(arguments, Fault())
            endings.append(Reference(ending, self.scene.results()))
        assert endings[0].ending.code in (0, 4), endings[0].ending.stderr
        assert endings[0] == endings[1], f"{command}: two runs differ"
        self._usual[command] = endings[0]
        return endings[0]

    def calls(self, command: str, *, marked: bool) -> dict[str, int]:
        """Count the calls of each kind that a command makes."""
        self.reference(command)
        self.scene.reset()
        folder = str(self.scene.folder) if marked else ""
        return self.server.run(self.scene.arguments(command), Fault("counting", 0, 0, folder)).seen

    def judged(self, ending: Ending, usual: Reference, before: dict[str, bytes]) -> str:
        """Return what is wrong with how a command ended, "" if it is right."""
        return _faults_of(ending, self.scene, usual, before)

    def swept(
        self,
        command: str,
        kind: str,
        error: int,
        *,
        every: int = 1,
        marked: bool = False,
        all_memory: bool = False,
    ) -> Iterator[str]:
        """Make every call of a kind, or every k-th, fail in turn; yield what went wrong."""
        usual = self.reference(command)
        n, failed = 1, True
        while failed:
            self.scene.reset()
            before = self.scene.results()
            folder = str(self.scene.folder) if marked else ""
            fault = Fault(kind, n, error, folder, all_memory)
            ending = self.server.run(self.scene.arguments(command), fault)
            failed = ending.failed
            self.runs[kind, command] += failed
            self.told[command].update(ending.stderr.splitlines())
            if wrong := self.judged(ending, usual, before):
                name = errno.errorcode[error]
                last = ending.stderr.strip().splitlines()[-2:]
                yield f"{command}: {kind} {n} fails with {name}: {wrong}: {' | '.join(last)}"
            n += every


def main() -> int:
    """Sweep over all commands and kinds of calls; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--command", action="append", choices=COMMANDS)
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only each K-th call")
    parser.add_argument("--all-memory", action="store_true", help="also memory of Python's own")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="faults-")).resolve()
    sweep = Sweep(folder, build(folder.parent))
    wrong = 0
    for command in given.command or COMMANDS:
        for kind in given.kind or KINDS:
            for i, error in enumerate(KINDS[kind]):
                every = given.every * (10 if i else 1)  # other reasons, now and then
                for line in sweep.swept(
                    command, kind, error, every=every, all_memory=given.all_memory
                ):
                    wrong += 1
                    print(line, flush=True)
            print(f"{command}: {kind}: {sweep.runs[kind, command]} calls failed", flush=True)
    sweep.close()
    shutil.rmtree(folder)
    print(f"{sum(sweep.runs.values())} calls failed in all, {wrong} ended wrongly")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
