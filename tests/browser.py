"""A real Chromium without a window, spoken to over a pipe: what a page does, complains of, and asks for."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The protocol's pipe: Chromium reads commands from file 3 and writes answers to file 4.
START = 'exec "$0" "$@" 3<&"$COMMANDS" 4>&"$ANSWERS"'
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--remote-debugging-pipe")
OPTIONS += (
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OPTIONS += ("--disable-dev-shm-usage", "--hide-scrollbars")
LISTENING = ("Page.enable", "Runtime.enable", "Log.enable", "Network.enable")
PATIENCE_S = 60.0
KEYS = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    " ": (32, " "),
    "ArrowDown": (40, ""),
    "ArrowUp": (38, ""),
    "Escape": (27, ""),
}
# The lowest contrast of a text and its ground, as WCAG 2.2 counts it.
LOWEST_CONTRAST = """
(() => {
  const numbers = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
  };
  const light = (colour) => colour.slice(0, 3)
    .map((c) => c / 255).map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const ratios = [...document.querySelectorAll("body *:not(script):not(svg *)")]
    .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .map((e) => [light(numbers(getComputedStyle(e).color)), light(ground(e))].sort((a, b) => b - a))
    .map(([a, b]) => (a + .05) / (b + .05));
  return Math.min(...ratios);
})()
"""


class Chromium:
    """The process; messages of the DevTools protocol end in a zero byte."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._rest, self._number = b"", 0
        self.events: list[dict[str, Any]] = []
        # Every new window, whoever opens it, waits until it is listened to.
        listen = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self.ask("Target.setAutoAttach", **listen, filter=[{"type": "page"}])

    def window(self) -> Window:
        """A new window that shares no storage with any other."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        return self.attached(lambda info: info["targetId"] == target, context)

    def attached(self, wanted: Callable[[dict[str, Any]], bool], context: str) -> Window:
        """The window of a target that has come or comes."""
        told = self.await_event(
            lambda event: (
                event["method"] == "Target.attachedToTarget" and wanted(event["params"]["targetInfo"])
            )
        )
        self.events.remove(told)
        target = told["params"]["targetInfo"]["targetId"]
        return Window(self, told["params"]["sessionId"], target, context)

    def ask(self, method: str, session: str = "", **parameters: Any) -> Any:
        """Result of a command."""
        answer = self.answer(method, session, **parameters)
        assert "error" not in answer, answer
        return answer["result"]

    def answer(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Answer to a command: a result or an error."""
        number, until = self._send(method, session, parameters), time.monotonic() + PATIENCE_S
        while True:
            answer = self.receive(until)
            if answer.get("id") == number:
                return answer

    def receive(self, until: float) -> dict[str, Any]:
        """The next message, kept where it is an event."""
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(until - time.monotonic(), 0))
            assert ready, f"Chromium says nothing; last: {self.events[-3:]}"
            more = os.read(self._answers, 1 << 16)
            assert more, "Chromium ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        if "method" in answer:
            self.events.append(answer)
        if answer.get("method") == "Target.attachedToTarget":
            for command in (*LISTENING, "Runtime.runIfWaitingForDebugger"):
                self._send(command, answer["params"]["sessionId"], {})
        return answer

    def _send(self, method: str, session: str, parameters: dict[str, Any]) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        return self._number

    def await_event(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event of a kind, one that came already or the next."""
        until, looked_at = time.monotonic() + PATIENCE_S, 0
        while True:
            for event in self.events[looked_at:]:
                if wanted(event):
                    return event
            looked_at = len(self.events)
            self.receive(until)


class Window:
    """One window and what it did since it last opened a page."""

    def __init__(self, chromium: Chromium, session: str, target: str, context: str) -> None:
        self._chromium, self._session, self._target, self._context = chromium, session, target, context
        for command in LISTENING:  # answered: from here on no event is lost, whatever process shows a page
            self.ask(command)

    def ask(self, method: str, **parameters: Any) -> Any:
        """Answer to a command about this window."""
        return self._chromium.ask(method, self._session, **parameters)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for event in self._chromium.events if event.get("sessionId") == self._session]

    def open(self, page: Path | str) -> None:
        """Show a file or an address, and forget what earlier ones did."""
        self._chromium.events.clear()
        self.run("window.ofThePageBefore = true")
        told = self.ask("Page.navigate", url=page.as_uri() if isinstance(page, Path) else page)
        assert "errorText" not in told, told
        self._await_load()

    def _await_load(self) -> None:
        """Ask until a new page has loaded: a fresh window now and then does not tell that it has."""
        until = time.monotonic() + PATIENCE_S
        loaded = "!window.ofThePageBefore && document.readyState === 'complete'"
        # Between two pages there is none to ask, and that is an error.
        while not self._value_or_nothing(loaded):
            assert time.monotonic() < until, "the page does not load"
            time.sleep(0.02)
        self.run("new Promise(done => setTimeout(done, 0))")  # what waited for it has run too

    def _value_or_nothing(self, script: str) -> Any:
        answer = self._chromium.answer("Runtime.evaluate", self._session, expression=script)
        return answer.get("result", {}).get("result", {}).get("value")

    def await_event(self, method: str) -> dict[str, Any]:
        """The first event of a name."""
        return self._chromium.await_event(
            lambda event: event["method"] == method and event.get("sessionId") == self._session
        )

    def opened(self) -> Window:
        """The window that this one opened."""
        return self._chromium.attached(lambda info: info.get("openerId") == self._target, self._context)

    def run(self, script: str) -> Any:
        """Value of an expression on the page, seen from outside it."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = PATIENCE_S) -> Any:
        """Value of an expression once it is true."""
        until = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < until, (script, self.run("document.body.innerText"))
            time.sleep(0.02)
        return value

    def text(self, selector: str) -> str:
        """What an element shows."""
        told: str = self.run(f"document.querySelector({json.dumps(selector)}).innerText")
        return told

    def click(self, selector: str, times: int = 1) -> None:
        """Press and let go the mouse over an element, so often in a row."""
        x, y = self.run(
            f"(() => {{ const it = document.querySelector({json.dumps(selector)});"
            "it.scrollIntoView({block: 'center'}); const box = it.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                where = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": count}
                self.ask("Input.dispatchMouseEvent", **where)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and let go a key."""
        code, text = KEYS[key]
        told = {"key": key, "code": key.strip() or "Space", "windowsVirtualKeyCode": code}
        modifiers = 8 if shift else 0
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, modifiers=modifiers, **told)
        self.ask("Input.dispatchKeyEvent", type="keyUp", modifiers=modifiers, **told)

    def type(self, text: str) -> None:
        """Write into whatever has the focus."""
        self.ask("Input.insertText", text=text)

    def choose(self, selector: str, *files: Path) -> None:
        """Choose files in a field for files."""
        field = self.ask("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        self.ask("DOM.setFileInputFiles", files=list(map(str, files)), objectId=field["result"]["objectId"])

    def emulate(self, **features: str) -> None:
        """Prefer what somebody may have set, such as a dark colour scheme."""
        told = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", features=told)

    def resize(self, width: int, height: int = 900) -> None:
        """Make the window so large, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)

    def picture(self, file: Path) -> None:
        """Write the whole page as a PNG."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def lowest_contrast(self) -> float:
        """Contrast of the text that is hardest to read; level AA asks for 4.5."""
        return float(self.run(LOWEST_CONTRAST))

    def save_into(self, folder: Path) -> None:
        """Let what is saved land in a folder."""
        told = {"behavior": "allow", "downloadPath": str(folder), "browserContextId": self._context}
        self._chromium.ask("Browser.setDownloadBehavior", **told)

    def complaints(self) -> list[str]:
        """Everything that a console would show."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [json.dumps(event["params"]) for event in self.events if event["method"] in kinds]

    def requests(self) -> list[str]:
        """Every address that was asked for."""
        return [sent["url"] for sent in self.sent()]

    def sent(self) -> list[dict[str, Any]]:
        """Every request: url, method, headers."""
        kind = "Network.requestWillBeSent"
        return [event["params"]["request"] for event in self.events if event["method"] == kind]

    def close(self) -> None:
        """Close the window and forget its storage."""
        self._chromium.ask("Target.disposeBrowserContext", browserContextId=self._context)


@contextmanager
def chromium_in(profile: Path) -> Iterator[Chromium]:
    """A Chromium whose profile lies in an empty folder; the test is skipped where there is none."""
    binary = next(filter(None, map(shutil.which, NAMES)), None)
    if binary is None:
        pytest.skip("no Chromium here: install the package chromium to try the pages in a browser")
    ends = (*os.pipe(), *os.pipe())
    # Numbers from 10 up, so that neither is in the way of 3 and 4.
    read_commands, write_commands, read_answers, write_answers = (
        fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in ends
    )
    for end in ends:
        os.close(end)
    words = ["bash", "-c", START, binary, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        words,
        env={**os.environ, "COMMANDS": str(read_commands), "ANSWERS": str(write_answers)},
        pass_fds=(read_commands, write_answers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read_commands)
    os.close(write_answers)
    try:
        chromium = Chromium(write_commands, read_answers)
        yield chromium
        chromium.ask("Browser.close")
        process.wait(timeout=20)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(write_commands)
        os.close(read_answers)
