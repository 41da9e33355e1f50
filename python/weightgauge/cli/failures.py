"""Turn exceptions into a line for people, a hint, and an exit code."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from weightgauge import errors
from weightgauge.system import ending_signals

if TYPE_CHECKING:
    from weightgauge.findings import Finding

OK, FAILED, USAGE, PARTIAL, BUG, INTERRUPTED, CLOSED_PIPE = 0, 1, 2, 3, 70, 130, 141

_MESSAGE_LIMIT = 4000
_WHAT_MODEL_IS = (
    "MODEL is a safetensors file, a directory, org/name[/folder][@revision], the address of a "
    "model's page on the Hub, or a .wghist file"
)

# The first class that fits gives the hint, unless the exception has a hint of its own.
HINTS: tuple[tuple[type[BaseException], str], ...] = (
    (errors.MissingExtraError, ""),
    (errors.OutputExistsError, "--force replaces it"),
    (errors.ModelNotFoundError, _WHAT_MODEL_IS),
    (errors.HubError, "check the network, the name and your access to the model"),
    (errors.FileChangedError, "something writes to the file: run again when that is done"),
    (errors.UnreadableFileError, ""),
    (errors.NotACheckpointError, _WHAT_MODEL_IS),
    (
        errors.IndexFileError,
        "index and shards must be of one save: copy what is missing, or name one file",
    ),
    (errors.ConfigError, "mend the config.json or take it away: a checkpoint works without one"),
    (errors.HistogramFileError, "'weightgauge scan MODEL -o FILE.wghist' writes such a file"),
    (errors.NeedsWeightsError, "give the checkpoint in place of the .wghist file"),
    (errors.CheckpointError, "the file is damaged or incomplete: fetch or save it again"),
    (errors.NothingToDrawError, ""),
    (
        errors.NothingSelectedError,
        "'weightgauge ls MODEL' lists the names; keep patterns in quotes",
    ),
    (errors.WeightgaugeError, ""),
    (MemoryError, "use fewer --threads, leave out --exact, or --include fewer tensors"),
    (OSError, ""),
)


class ClosedPipeError(Exception):
    """The reader of the output has closed it. No OSError, because click handles those itself."""


_LOST = re.compile(
    "error return without exception set"
    "|^<function .* returned NULL without setting an exception"  # in Python; one in C has a bug
)
"""What Python says where it has no memory for the error that it should raise."""
_MORE_MEMORY = "hint: give the program more memory (a limit of the shell: ulimit -v)"


@contextlib.contextmanager
def closed_pipe_told() -> Iterator[None]:
    """Turn BrokenPipeError into `ClosedPipeError`."""
    try:
        yield
    except BrokenPipeError as error:
        raise ClosedPipeError from error


def exit_code(call: Callable[[], Any]) -> int:
    """Run a program and return the code to exit with; errors are reported on stderr.

    Parameters
    ----------
    call : callable
        The program. If it returns an int, that is the exit code.

    Returns
    -------
    int
        One of the module's constants.
    """
    try:
        with _ended_in_order(), _interruptions_kept():
            result = call()
        if sys.stdout is not None:
            sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return INTERRUPTED
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption) and error.possibilities:
            nearest = error.possibilities[:1]  # click would show several, sorted by name
            error = click.NoSuchOption(error.option_name, possibilities=nearest, ctx=error.ctx)
        error.show()
        return error.exit_code
    except (ClosedPipeError, BrokenPipeError):
        _drop_stdout()
        return CLOSED_PIPE
    except Exception as error:
        return _explain(error)
    return result if isinstance(result, int) else OK


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let the program clean up where it is told to end, or its terminal is closed.

    A second signal ends it at once. Signals that were ignored or handled before stay so.
    """
    usual: dict[signal.Signals, Any] = {}

    def end(number: int, frame: object) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        raise SystemExit(128 + number)

    if threading.current_thread() is threading.main_thread():
        for number in ending_signals():
            if signal.getsignal(number) is signal.SIG_DFL:
                usual[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _interruptions_kept() -> Iterator[None]:
    """Raise an interruption again where others have made an error of it.

    A compiled module turns whatever ends its initialisation into an ImportError. Python code runs
    meanwhile, and with it the handlers of signals.
    """
    try:
        yield
    except Exception as error:
        cause = error.__cause__
        while isinstance(cause, Exception):
            cause = cause.__cause__
        if cause is None:
            raise
        raise cause from None


def unmeasured_told(findings: Iterable[Finding], tensors: int) -> int:
    """Report on stderr which weights could not be measured; plain integers are no failure.

    Parameters
    ----------
    findings : iterable of Finding
        What was found.
    tensors : int
        Number of tensors that should have been measured.

    Returns
    -------
    int
        The code to exit with.
    """
    failed = [each for each in findings if each.id == "unmeasured"]
    if not failed:
        return OK
    from weightgauge.wording import counted

    reasons = "; ".join(sorted({str(each.value) for each in failed}))
    _say(f"error: {len(failed):,} of {counted(tensors, 'tensor')} could not be measured: {reasons}")
    _say("hint: --exclude them if that is as it should be")
    return PARTIAL


def run_told(findings: Iterable[Finding]) -> int:
    """Report on stderr what could not be read or measured of runs; return the code to exit with."""
    missing = [each.message for each in findings if each.id in ("unreadable-step", "unmeasured")]
    unread_told(missing)
    return PARTIAL if missing else OK


def unread_told(messages: Sequence[str]) -> None:
    """Report on stderr what could not be read or measured of a run.

    Parameters
    ----------
    messages : sequence of str
        A sentence for each; safe to show.
    """
    for message in messages:
        _say(f"error: {message}")


def _explain(error: Exception) -> int:
    if os.environ.get("WEIGHTGAUGE_DEBUG", "") not in ("", "0"):
        traceback.print_exc()
    if isinstance(error, ImportError) and (package := _unloadable(error)):
        return _unloaded(package, error)
    if isinstance(error, SystemError) and _LOST.search(str(error)):
        _say(f"error: out of memory, most likely: Python says no more than '{error}'")
        _say(_MORE_MEMORY)
        return FAILED
    if (told := explained(error)) is not None:
        message, hint = told
        _say(f"error: {message}")
        if hint:
            _say(f"hint: {hint}")
        if isinstance(error, OSError):
            _drop_stdout()  # or the exit would try to write the rest again
        return FAILED
    _say(f"error: {type(error).__name__}: {error} (this is a bug in weightgauge)")
    _say("hint: WEIGHTGAUGE_DEBUG=1 shows where; please report it with the command you ran")
    return BUG


def explained(error: Exception) -> tuple[str, str] | None:
    """Return what is wrong and what to do about it, "" for nothing; None for a bug."""
    for kind, general_hint in HINTS:
        if isinstance(error, kind):
            own_hint = str(getattr(error, "hint", "") or "")
            return _message(error, own_hint), own_hint or general_hint
    return None


def _unloadable(error: ImportError) -> str:
    """Name the package that cannot be loaded, "" where the fault is in weightgauge."""
    if isinstance(error, errors.WeightgaugeError):
        return ""
    name = error.name or ""
    frame = error.__traceback__
    while frame is not None and not name:
        module = str(frame.tb_frame.f_globals.get("__name__", ""))
        inside = module.startswith(("weightgauge", "importlib", "click"))
        name = "" if inside else module
        frame = frame.tb_next
    package = name.partition(".")[0]
    own = package in ("", "weightgauge") and not _lacks_memory(error)
    return "" if own else package or "weightgauge"


def _lacks_memory(error: ImportError) -> bool:
    """Tell whether there was no memory to load something; only words say so.

    They are those of the system's loader, and of pybind11 where a module cannot set itself up.
    """
    words = ("cannot allocate memory", "failed to map segment", "cannot create shared object")
    return any(each in str(error).lower() for each in (*words, "bad_alloc"))


def _unloaded(package: str, error: ImportError) -> int:
    if _lacks_memory(error):
        _say(f"error: out of memory: there is not enough to load {errors.printable(package)}")
        _say(_MORE_MEMORY)
    else:
        lines = [line for line in str(error).splitlines() if line.strip()] or ["no reason is given"]
        what = f"{errors.printable(package)} cannot be loaded: {lines[-1].strip()}"
        _say(f"error: {what}")
        _say(f"hint: install {errors.printable(package)} anew")
    return FAILED


def _message(error: Exception, own_hint: str) -> str:
    if isinstance(error, OSError) and not isinstance(error, errors.WeightgaugeError):
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror or error}"
    if isinstance(error, MemoryError):
        return "out of memory"
    return str(error).removesuffix(own_hint).rstrip(" .;") if own_hint else str(error)


def _say(line: str) -> None:
    """Write one line to stderr, whatever it holds; stderr may be closed."""
    # Messages have already escaped foreign names. Escaping them again would double backslashes.
    line = " ".join(line.splitlines())
    shown = errors.harmless(line)
    if len(shown) > _MESSAGE_LIMIT:
        shown = f"{shown[:_MESSAGE_LIMIT]} ..."
    with contextlib.suppress(OSError, ValueError):
        click.echo(shown, err=True)


def _drop_stdout() -> None:
    """Throw away what is left in the buffer of stdout, so that the exit is silent."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, sys.stdout.fileno())
        finally:
            os.close(nowhere)
