"""Watches how long an event loop is held, from a thread beside it.

Time that the loop's thread waited for a CPU does not count: it says something of the machine, not of the code.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_STACK_FRAMES = 12
_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Hold:
    """One time that the loop was held: net seconds, and the stack of its thread meanwhile ("" when it was short)."""

    seconds: float
    stack: str = ""


class LoopWatchdog:
    """Asks the loop for a sign of life each `interval` seconds, and measures how long it takes.

    Start it on the loop that it is to watch, by `start` or as a context manager. Of holds that last longer than
    `threshold` seconds it takes the stack. Costs a wake-up of the loop each `interval`.
    """

    def __init__(self, *, interval: float = 0.02, threshold: float = 0.1) -> None:
        self._interval = interval
        self._threshold = threshold
        self._lock = threading.Lock()
        self._worst = Hold(0.0)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch the running loop."""
        self._stopping.clear()
        watched = (asyncio.get_running_loop(), threading.get_ident(), threading.get_native_id())
        self._thread = threading.Thread(target=self._watch, args=watched, name="loop-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching, and wait for the thread (at most a few milliseconds). Harmless when repeated."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)
            self._thread = None

    def take_worst(self) -> Hold:
        """The longest hold since the last call, and forget it."""
        with self._lock:
            worst, self._worst = self._worst, Hold(0.0)
        return worst

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int, native_thread: int) -> None:
        while not self._stopping.wait(self._interval):
            try:
                hold = self._measure(loop, thread, native_thread) if loop.is_running() else Hold(0.0)
            except RuntimeError:  # the loop was closed
                return
            with self._lock:
                if hold.seconds > self._worst.seconds:
                    self._worst = hold

    def _measure(self, loop: asyncio.AbstractEventLoop, thread: int, native_thread: int) -> Hold:
        beaten = threading.Event()
        beat_at: list[float] = []

        def beat() -> None:
            beat_at.append(time.perf_counter())
            beaten.set()

        waited = _cpu_wait(native_thread)
        asked_at = time.perf_counter()
        loop.call_soon_threadsafe(beat)
        stack = ""
        while not beaten.wait(_POLL_SECONDS) and not self._stopping.is_set():
            if not loop.is_running():
                return Hold(0.0)  # nobody holds a loop that was left
            if not stack and time.perf_counter() - asked_at > self._threshold:
                stack = _stack(thread)
        seconds = (beat_at[0] if beat_at else time.perf_counter()) - asked_at
        return Hold(max(0.0, seconds - (_cpu_wait(native_thread) - waited)), stack)


def _cpu_wait(native_thread: int) -> float:
    """Seconds for which a thread of ours was ready to run and had no CPU; 0 where the system does not say."""
    try:
        with open(f"/proc/self/task/{native_thread}/schedstat") as schedstat:
            return int(schedstat.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _stack(thread: int) -> str:
    # The one way to see what another thread does.
    frame = sys._current_frames().get(thread)
    return "".join(traceback.format_stack(frame)[-_STACK_FRAMES:]) if frame is not None else ""
