"""Children that are forked while another thread imports the package's modules."""

from __future__ import annotations

# Modules are imported when they are first used: by a thread, while the main thread forks a child
# that uses the same ones.
FORKED = """
import os, signal, sys, threading, time
import weightgauge as wg

delay = float(sys.argv[1])
importing = threading.Thread(target=lambda: wg.fit_weibull([1.0, 2.0, 3.0]))
importing.start()
time.sleep(delay)
child = os.fork()
if child == 0:
    signal.alarm(10)  # a hang ends the child with SIGALRM
    wg.fit_weibull([1.0, 2.0, 3.0])
    os._exit(0)
_, status = os.waitpid(child, 0)
importing.join()
print(os.waitstatus_to_exitcode(status))
"""


def test_children_forked_while_another_thread_imports(run_python):
    delays = [0.012 * i for i in range(20)]
    assert [run_python(FORKED, delay).stdout for delay in delays] == ["0\n"] * 20


# The import itself forks: there is nothing to wait for, and the fork must not wait for itself.
FORKING = """
import pathlib, sys
import weightgauge

pathlib.Path("forks.py").write_text(
    "import os, time\\n"
    "begin = time.monotonic()\\n"
    "if not os.fork(): os._exit(0)\\n"
    "os.wait()\\n"
    "print(time.monotonic() - begin < 2)\\n"
)
sys.path.insert(0, ".")
import forks
"""


def test_a_fork_in_the_middle_of_its_own_import_does_not_wait(run_python):
    assert run_python(FORKING).stdout == "True\n"
