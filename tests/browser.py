"""Headless Chromium, spoken to through pipes in its own protocol: no driver has to be installed."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import time
from pathlib import Path
from typing import Any, Self

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--remote-debugging-pipe"),
)
_PATIENCE_S = 60.0


class NoBrowserError(Exception):
    """Chromium has ended, or cannot be started here."""


class Browser:
    """One page in a browser of its own.

    Attributes:
        complaints: everything that went to the console, and errors of scripts.
        requests: addresses that the page asked for.
    """

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._loads = self._count = 0
        self._session: str | None = None
        self._buffer = b""
        there, self._to = os.pipe()
        self._from, back = os.pipe()
        # It speaks through 3 and 4, whatever these are here
        ends = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (there, back)]
        self._process = os.posix_spawn(
            CHROMIUM,
            [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, ends[0], 3),
                (os.POSIX_SPAWN_DUP2, ends[1], 4),
            ],
        )
        for each in (there, back, *ends):
            os.close(each)
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session = None
        self.send("Browser.close")
        os.waitpid(self._process, 0)
        os.close(self._to)
        os.close(self._from)

    def show(self, page: Path, *, width: int = 1280, height: int = 800, dark: bool = False) -> None:
        """Open a page in a window of this size, and wait until all of it is there."""
        self.complaints.clear()
        self.requests.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        loads = self._loads
        self.send("Page.navigate", url=page.as_uri())
        while self._loads == loads:
            self._take(self._read())

    def run(self, expression: str) -> Any:  # noqa: ANN401 # whatever the page says
        """The value of an expression in the page."""
        done = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press and release a key on what has the focus; `code` is its Windows key code."""
        for kind in ("rawKeyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command, and wait for what comes of it."""
        self._count += 1
        number = self._count
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        try:
            os.write(self._to, json.dumps(message).encode() + b"\0")
        except BrokenPipeError as error:
            raise NoBrowserError from error
        while (answer := self._read()).get("id") != number:
            self._take(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self) -> dict[str, Any]:
        give_up = time.monotonic() + _PATIENCE_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], 1.0)
            if time.monotonic() > give_up:
                raise NoBrowserError
            if ready:
                said = os.read(self._from, 2**20)
                if not said:
                    raise NoBrowserError
                self._buffer += said
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _take(self, message: dict[str, Any]) -> None:
        kind, details = message.get("method"), message.get("params")
        if kind == "Page.loadEventFired":
            self._loads += 1
        elif kind == "Network.requestWillBeSent" and details is not None:
            self.requests.append(details["request"]["url"])
        elif kind in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}:
            self.complaints.append(json.dumps(details))
