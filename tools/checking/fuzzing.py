"""Random inputs for each part of the core that reads what a file says; see docs/fuzzing.md."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from checking.building import BUILD, build
from checking.running import PROCESSORS, ROOT, Failed, environment, output_of, run

TARGETS = {
    "header": "header entries read",
    "view": "views accepted",
    "histogram": "histograms accepted",
    "scan": "slices counted in bins",
    "derived": "derived slices",
    "packed": "packed matrices",
    "grouped": "rows of grouped codes",
    "feed": "feeds finished",
}
"""The targets, and what each says it did: where that is nothing, little was tested."""

CORPUS = ROOT / "cpp" / "tests" / "corpus"
FOUND = BUILD / "fuzz-found"
CHECK_SECONDS = 60
LEAST_COVERED = 0.85
_LONGEST = 256  # bytes of an input
_MOST_BYTES = 26_000  # of the inputs that are kept of each target
_TREE = {
    "CMAKE_CXX_COMPILER": "clang++",
    "CMAKE_BUILD_TYPE": "None",
    "WEIGHTGAUGE_PYTHON": "OFF",
}
# Sanitizers' checks keep clang from vectorising some loops, of which it warns. To look at every
# number that is compared takes longer than to count numbers.
_FUZZED = "-O2 -g1 -Wno-pass-failed -fno-sanitize-coverage=trace-cmp"
_COUNTED = "-O1 -g1 -Wno-pass-failed -fprofile-instr-generate -fcoverage-mapping"


class Ran(NamedTuple):
    """What a target did: inputs it ran, and the number of those things that it says it does."""

    inputs: int
    told: int


def fuzz() -> None:
    """A minute of random inputs, shared by all targets, finds no fault in the core."""
    fuzz_for(CHECK_SECONDS, processors=2)


def fuzz_for(seconds: float, processors: int = PROCESSORS, *, keep: bool = False) -> int:
    """Run all targets for so long in all; return how many inputs they ran.

    Parameters
    ----------
    seconds : float
        Wall time, on so many processors, which the targets share equally.
    processors : int
    keep : bool
        Whether inputs that reach code which no other reaches are kept for the next time.

    Raises
    ------
    Failed
        If a target finds a fault, or tested nothing.
    """
    programs = _programs()
    each = max(1, round(seconds * min(processors, len(TARGETS)) / len(TARGETS)))
    with ThreadPoolExecutor(processors) as pool:
        running = {
            name: pool.submit(_fuzz_one, programs / f"fuzz_{name}", name, each, keep=keep)
            for name in TARGETS
        }
    ran = {name: future.result() for name, future in running.items()}
    for name, (_, told) in ran.items():
        if told == 0:
            raise Failed(f"fuzz_{name} has tested nothing: {TARGETS[name]}: 0")
    inputs = sum(each.inputs for each in ran.values())
    print(f"inputs: {inputs:,}", flush=True)
    return inputs


def keep_found() -> None:
    """Write the smallest inputs that reach what all inputs reach to the corpora in the sources."""
    programs = _programs()
    for name in TARGETS:
        with _inputs(name) as known, tempfile.TemporaryDirectory() as fewer:
            FOUND.joinpath(name).mkdir(parents=True, exist_ok=True)
            options = ["-merge=1", f"-max_len={_LONGEST}"]
            run([programs / f"fuzz_{name}", *options, fewer, known, FOUND / name], quiet=True)
            inputs = sorted((each.read_bytes() for each in Path(fewer).iterdir()), key=_by_length)
        size, kept = 0, []
        for content in inputs:
            size += len(content)
            if size <= _MOST_BYTES:
                kept.append(base64.b64encode(content).decode())
        CORPUS.mkdir(exist_ok=True)
        (CORPUS / f"{name}.txt").write_text("\n".join(kept) + "\n")
        print(f"{name}: {len(kept)} of {len(inputs)} inputs", flush=True)


def coverage() -> None:
    """What is kept of inputs for the fuzzers reaches at least 85 % of the core's lines."""
    measure_coverage()


def measure_coverage() -> None:
    """Print the share of the core's lines that the corpora reach, and where most are not reached.

    Raises
    ------
    Failed
        If it is less than 85 %.
    """
    tree = _built("fuzz-coverage", CMAKE_CXX_FLAGS=_COUNTED, WEIGHTGAUGE_SANITIZE="fuzzer-no-link")
    programs = [tree / "cpp" / "tests" / f"fuzz_{name}" for name in TARGETS]
    for name, program in zip(TARGETS, programs, strict=True):
        with _inputs(name) as known:
            profile = {"LLVM_PROFILE_FILE": str(tree / f"{name}.profraw")}
            run([program, "-runs=0", known], profile, quiet=True)
    merged = tree / "all.profdata"
    profiles = [tree / f"{name}.profraw" for name in TARGETS]
    run(["llvm-profdata", "merge", *profiles, "-o", merged])
    objects = [word for program in programs[1:] for word in ("-object", str(program))]
    told = output_of(
        *("llvm-cov", "export", "-summary-only", str(programs[0]), *objects),
        f"-instr-profile={merged}",
    )
    lines = {
        file["filename"].split("/cpp/core/")[1]: file["summary"]["lines"]
        for file in json.loads(told)["data"][0]["files"]
        if "/cpp/core/" in file["filename"]
    }
    left = {name: each["count"] - each["covered"] for name, each in lines.items()}
    for name in sorted(left, key=left.__getitem__, reverse=True)[:20]:
        print(f"{name:36}{left[name]:5} of {lines[name]['count']:4} lines are not reached")
    covered = sum(each["covered"] for each in lines.values())
    count = sum(each["count"] for each in lines.values())
    print(f"{covered:,} of {count:,} lines of the core: {covered / count:.1%}", flush=True)
    if covered < LEAST_COVERED * count:
        raise Failed(f"less than {LEAST_COVERED:.0%} of the core's lines are reached")


def _programs() -> Path:
    tree = _built(
        "fuzz",
        CMAKE_CXX_FLAGS=_FUZZED,
        WEIGHTGAUGE_SANITIZE="address,undefined,fuzzer-no-link",
    )
    return tree / "cpp" / "tests"


def _built(name: str, **options: str) -> Path:
    compiler = _TREE["CMAKE_CXX_COMPILER"]
    if shutil.which(compiler) is None:
        raise Failed(f"{compiler} is not installed: apt install clang libclang-rt-14-dev")
    return build(name, "fuzzers", **_TREE, **options)


def _by_length(content: bytes) -> tuple[int, bytes]:
    return len(content), content


@contextmanager
def _inputs(name: str) -> Iterator[Path]:
    """Unpack the corpus of a target, for as long as the context lasts."""
    with tempfile.TemporaryDirectory() as folder:
        for number, line in enumerate((CORPUS / f"{name}.txt").read_text().split()):
            (Path(folder) / f"{number}").write_bytes(base64.b64decode(line))
        yield Path(folder)


def _fuzz_one(program: Path, name: str, seconds: int, *, keep: bool) -> Ran:
    options = [f"-max_total_time={seconds}", "-len_control=0", f"-max_len={_LONGEST}"]
    options += ["-timeout=60", "-print_final_stats=1", "-verbosity=0"]
    options += [f"-artifact_prefix={BUILD}/fuzz-{name}-"]
    if (words := CORPUS / f"{name}.dict").exists():
        options.append(f"-dict={words}")
    print("$", program, *options, flush=True)
    with _inputs(name) as known:
        folders = [known]
        if keep:  # new inputs go to the first folder
            folders.insert(0, FOUND / name)
            folders[0].mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [program, *options, *folders],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    if done.returncode != 0:
        print(done.stdout, flush=True)
        raise Failed(f"fuzz_{name} has found a fault; its input is in {BUILD}/fuzz-{name}-*")
    inputs = re.search(r"number_of_executed_units: (\d+)", done.stdout)
    told = re.search(rf"{TARGETS[name]}: (\d+)", done.stdout)
    if inputs is None or told is None:
        print(done.stdout, flush=True)
        raise Failed(f"fuzz_{name} does not say what it tested")
    print(f"{name}: {int(inputs[1]):,} inputs, {TARGETS[name]}: {int(told[1]):,}", flush=True)
    return Ran(int(inputs[1]), int(told[1]))
