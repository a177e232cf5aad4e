"""Somebody who goes on asking while something is changed, and writes down every answer."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """One request."""

    what: str
    begun: float
    """Seconds of the monotonic clock before it was sent."""
    answer: str
    """`200`, or what went wrong."""


@dataclass
class Asker:
    """Asks in a thread of its own, one thing after the other, from the beginning of a `with` to its end.

    Each question returns its status, or raises what went wrong, which is an answer too.
    """

    questions: dict[str, Callable[[], int]]
    pause_seconds: float = 0.2
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> "Asker":
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends after the request that is under way."""
        self._ends.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._ends.is_set():
            for what, question in self.questions.items():
                begun = time.monotonic()
                try:
                    answer = str(question())
                except Exception as error:
                    answer = f"{type(error).__name__}: {error}"
                self.asked.append(Asked(what, begun, answer))
            self._ends.wait(self.pause_seconds)

    def go_round(self) -> None:
        """Waits until each question was asked anew, from its beginning to its answer."""
        until = len(self.asked) + 2 * len(self.questions)
        while len(self.asked) < until and self._thread.is_alive():
            time.sleep(0.05)

    def not_answered(self) -> list[Asked]:
        """The requests that did not get a 200."""
        return [asked for asked in self.asked if asked.answer != "200"]
