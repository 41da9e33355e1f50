"""A minute of random inputs for each part of the core that reads what a file says."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checking.building import BUILD, build
from checking.running import Failed, environment

SECONDS = 60
_HEADERS = (
    b'"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},',
    b'"a" : { "shape" : [] , "data_offsets":[ 0 , 2 ], "dtype":"BF16" } ,\n"b":',
    b'"__metadata__":{"format":"pt"},"w":{"dtype":"U8","shape":[0],"data_offsets":[7,7]},',
)


def fuzz() -> None:
    """A minute of random arrays, and one of random headers, finds no fault in the core."""
    compiler = "clang++"
    if shutil.which(compiler) is None:
        raise Failed(f"{compiler} is not installed: apt install clang libclang-rt-14-dev")
    tree = build(
        "fuzz",
        "fuzz_scan",
        "fuzz_header",
        CMAKE_CXX_COMPILER=compiler,
        CMAKE_BUILD_TYPE="None",
        # Sanitizers' checks keep clang from vectorising some loops, of which it warns.
        CMAKE_CXX_FLAGS="-O2 -g1 -Wno-pass-failed",
        WEIGHTGAUGE_PYTHON="OFF",
        WEIGHTGAUGE_SANITIZE="address,undefined,fuzzer-no-link",
    )
    programs = tree / "cpp" / "tests"
    # The first inputs are long, because the fuzzer would make short ones grow slowly.
    source = random.Random(0)
    arrays = [source.randbytes(64) for _ in range(32)]
    # The first byte says where scanning begins, the second how many bytes of data there are.
    headers = [b"\0\x20" + text for text in _HEADERS]
    with ThreadPoolExecutor(2) as pool:  # each takes one processor for a minute
        binned = pool.submit(
            fuzz_from,
            programs / "fuzz_scan",
            arrays,
            r"slices: \d+, of which binned: (\d+)",
        )
        read = pool.submit(
            fuzz_from,
            programs / "fuzz_header",
            headers,
            r"headers: \d+, entries read: (\d+)",
        )
    if binned.result() == 0:
        raise Failed("no array was counted in bins")
    if read.result() == 0:
        raise Failed("no entry of a header was read")


def fuzz_from(target: Path, inputs: Sequence[bytes], tells: str) -> int:
    """Run the target on inputs like these, none of which may fail; return the number it tells."""
    options = [f"-max_total_time={SECONDS}", "-len_control=0", "-max_len=256", "-timeout=60"]
    options += ["-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={BUILD}/fuzz-"]
    print("$", target, *options, flush=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, content in enumerate(inputs):
            (Path(corpus) / f"{number}").write_bytes(content)
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
    counts = re.search(tells, done.stdout)
    if counts is None:
        print(done.stdout, flush=True)
        raise Failed("the fuzzer does not say what it tested")
    print(counts[0], flush=True)
    return int(counts[1])
