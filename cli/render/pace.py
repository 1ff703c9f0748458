"""When to write: at once if the last time is long enough ago, otherwise once, a bit later."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    CallLater = Callable[[float, Callable[[], None]], object]


class Pace:
    """Calls `action` on `ask`, at least `pause` seconds apart.

    The pause is at least `share` times the duration of the last call. There are no calls while
    `busy()`. Without `call_later` the caller has to `ask` again when it is time. An exception in a
    late call is raised by the next `ask`, where the caller can see it: an event loop would only log
    it.
    """

    def __init__(  # noqa: PLR0913 - time is passed in
        self,
        action: Callable[[], None],
        clock: Callable[[], float],
        call_later: CallLater | None = None,
        *,
        pause: float,
        share: float = 0.0,
        busy: Callable[[], bool] = bool,
    ) -> None:
        self._action = action
        self._clock = clock
        self._call_later = call_later
        self._pause = pause
        self._share = share
        self._busy = busy
        self._next = clock()
        self._arranged = False
        self._error: Exception | None = None

    def ask(self) -> None:
        """Call the action, now or later."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._arranged:
            return
        wait = self._next - self._clock()
        if wait <= 0 and not self._busy():
            self.now()
        elif self._call_later is not None:
            self._arranged = True
            self._call_later(max(wait, self._pause) if wait <= 0 else wait, self._late)

    def now(self) -> None:
        """Call the action now, whatever the time."""
        start = self._clock()
        self._action()
        end = self._clock()
        self._next = end + max(self._pause, self._share * (end - start))

    def _late(self) -> None:
        self._arranged = False
        try:
            self.ask()
        except Exception as error:  # noqa: BLE001 - kept for the next caller
            self._error = error
