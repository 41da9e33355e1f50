"""Chromium without a window, driven through a pipe by its DevTools protocol.

Nothing but the browser is needed: no driver of the same version, no port that others can reach.
"""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

PROGRAM = shutil.which("chromium")
LIMIT_S = 90
"""Only turns a hang into a failure."""

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"),
)


class Chromium:
    """A browser with an empty profile in a folder of the caller's."""

    def __init__(self, folder):
        (theirs_in, self._out), (self._in, theirs_out) = _pipe(), _pipe()
        # The browser reads commands from descriptor 3 and writes answers to 4.
        line = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", line, "bash", PROGRAM, *_FLAGS, f"--user-data-dir={folder}"],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._numbers = itertools.count(1)
        self._rest = b""
        self.events = []

    def call(self, method, session=None, **parameters):
        """Send a command and return what comes back; events meanwhile are kept."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        data = memoryview(json.dumps(message).encode() + b"\0")
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], LIMIT_S)
            assert ready, "the browser does not answer"
            read = os.read(self._in, 1 << 20)
            assert read, "the browser has ended"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def close(self):
        self.call("Browser.close")
        self._process.wait(LIMIT_S)
        os.close(self._in)
        os.close(self._out)


def _pipe():
    """Return the ends of a pipe, whose numbers are none that the browser's are to have."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends)
    for end in ends:
        os.close(end)
    return moved


class Tab:
    """One page, which is open until the test is over."""

    def __init__(self, browser, path):
        self._browser = browser
        self._target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        form = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **form)
        self.prefer("light")
        self.address = Path(path).as_uri()
        self.call("Page.navigate", url=self.address)
        self.wait("document.documentElement?.dataset.ready !== undefined")

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def prefer(self, scheme):
        """Let the system be dark or light."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def run(self, script):
        """Return the value of an expression, or of what a promise comes to."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition):
        end = time.monotonic() + LIMIT_S
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, f"never: {condition}"
            time.sleep(0.02)

    def move(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, x, y):
        self.move(x, y)
        for event in ("mousePressed", "mouseReleased"):
            button = {"button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=event, x=x, y=y, **button)

    def middle_of(self, element):
        """Scroll to an element, an expression; return where its middle is."""
        return self.run(
            f"(() => {{ const e = {element}; e.scrollIntoView({{block: 'center'}}); "
            "const r = e.getBoundingClientRect(); "
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )

    def press(self, key, text=""):
        """Press and release a key, by its name as scripts see it."""
        code = {"Enter": 13, "Escape": 27, "Tab": 9, " ": 32}[key]
        known = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **known)
        self.call("Input.dispatchKeyEvent", type="keyUp", **known)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def picture(self):
        """Return the window as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _told(self, method):
        mine = (each for each in self._browser.events if each.get("sessionId") == self._session)
        return [each["params"] for each in mine if each["method"] == method]

    def complaints(self):
        """Return what the console has to say, and errors that no script caught."""
        self.run("0")  # what happened before has been told then
        return [
            *(each["entry"]["text"] for each in self._told("Log.entryAdded")),
            *(str(each["args"]) for each in self._told("Runtime.consoleAPICalled")),
            *(str(each["exceptionDetails"]) for each in self._told("Runtime.exceptionThrown")),
        ]

    def requests(self):
        """Return all that was asked for."""
        self.run("0")
        return [each["request"]["url"] for each in self._told("Network.requestWillBeSent")]

    def close(self):
        self._browser.call("Target.closeTarget", targetId=self._target)
