"""A minute of random inputs for the core."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from checking.building import BUILD, build
from checking.running import Failed, environment

SECONDS = 60


def fuzz() -> None:
    """A minute of random arrays, most of them large, finds no fault in the core."""
    compiler = "clang++"
    if shutil.which(compiler) is None:
        raise Failed(f"{compiler} is not installed: apt install clang libclang-rt-14-dev")
    tree = build(
        "fuzz",
        "fuzz_scan",
        CMAKE_CXX_COMPILER=compiler,
        CMAKE_BUILD_TYPE="None",
        # Sanitizers' checks keep clang from vectorising some loops, of which it warns.
        CMAKE_CXX_FLAGS="-O2 -g1 -Wno-pass-failed",
        WEIGHTGAUGE_PYTHON="OFF",
        WEIGHTGAUGE_SANITIZE="address,undefined,fuzzer-no-link",
    )
    with tempfile.TemporaryDirectory() as corpus:
        # The first inputs are long, because the fuzzer would make short ones grow slowly.
        source = random.Random(0)
        for number in range(32):
            (Path(corpus) / f"{number}").write_bytes(source.randbytes(64))
        fuzz_from(tree / "cpp" / "tests" / "fuzz_scan", corpus)


def fuzz_from(target: Path, corpus: str) -> None:
    """Run the target on inputs like those of a folder; none may fail and some must be binned."""
    options = [f"-max_total_time={SECONDS}", "-len_control=0", "-max_len=256", "-timeout=60"]
    options += ["-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={BUILD}/fuzz-"]
    print("$", target, *options, flush=True)
    done = subprocess.run(
        [target, *options, corpus],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, flush=True)
        raise Failed(f"the fuzzer has found a fault; its input is in {BUILD}/fuzz-*")
    counts = re.search(r"slices: (\d+), of which binned: (\d+)", done.stdout)
    if counts is None or int(counts[2]) == 0:
        print(done.stdout, flush=True)
        raise Failed("no array was counted in bins")
    print(counts[0], flush=True)
