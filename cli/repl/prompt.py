"""The input line: keys, history, completion, and the status row below it."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prompt_toolkit.application import Application, get_app_session, run_in_terminal
from prompt_toolkit.cursor_shapes import ModalCursorShapeConfig
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition, has_focus, vi_mode, vi_navigation_mode
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPress, merge_key_bindings
from prompt_toolkit.key_binding.bindings.auto_suggest import load_auto_suggest_bindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import DummyOutput

from fallback_chat.cli.repl.keyboard import ESCAPE
from fallback_chat.cli.repl.line import Line
from fallback_chat.cli.repl.panes import PROMPT, lay_out, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyPressEvent

    from fallback_chat.cli.repl.draft import Draft
    from fallback_chat.cli.repl.input_history import InputHistory
    from fallback_chat.cli.repl.keys import Keymap
    from fallback_chat.cli.repl.line import DraftCompleter
    from fallback_chat.cli.repl.pastes import Pastes
    from fallback_chat.cli.repl.preferences import Preferences

AGAIN: Final = 2.0
"""Seconds within which a second Ctrl-C on an empty line leaves."""
ESCAPE_TIME: Final = 0.05
"""Seconds to wait for what may follow an Escape, or an Enter that may be a line break of a paste."""
LEAVE_HINT: Final = "press Ctrl-C again, or Ctrl-D, to leave"


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the keys of the prompt reach outside of it."""

    status: Callable[[int], StyleAndTextTuples]
    """Paints the status row for so many columns; empty for no row."""
    show_help: Callable[[], None]
    show_chain: Callable[[], None]
    edit: Callable[[Draft], Draft]
    """Runs the editor on a draft."""
    last_question: Callable[[], Draft]
    suspend: Callable[[], None]


class Prompt:
    """Reads one message after the other, on the input and output of prompt-toolkit's session."""

    def __init__(  # noqa: PLR0913 - the parts of the world are handed in
        self,
        hooks: Hooks,
        keymap: Keymap,
        preferences: Preferences,
        *,
        pastes: Pastes,
        history: InputHistory,
        completer: DraftCompleter,
        dumb: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hooks = hooks
        self._keymap = keymap
        self._preferences = preferences
        self._history = history
        self._clock = clock
        self._hint = ""
        self._interrupted = -AGAIN
        self._dumb = dumb
        self._label = pastes.label
        self._output = get_app_session().output
        self.active = False
        """The line is being edited now."""
        self.line = Line(pastes, history, completer)
        self.app: Application[Draft] = Application(
            layout=lay_out(self.line, pastes.label, self._status),
            key_bindings=merge_key_bindings([load_auto_suggest_bindings(), self._bindings(keymap)]),
            include_default_pygments_style=False,
            cursor=ModalCursorShapeConfig(),
            reverse_vi_search_direction=True,
            output=DummyOutput() if dumb else self._output,
        )
        self.app.ttimeoutlen = ESCAPE_TIME

    async def read(self, draft: Draft) -> Draft:
        """Let the user write a message, beginning with `draft`. Raises EOFError when the user leaves."""
        self.app.editing_mode = EditingMode.VI if self._preferences.vi else EditingMode.EMACS
        self.line.load(draft)
        self.active = True
        painter = asyncio.ensure_future(self._follow_the_clock())
        try:
            with self._echoing():
                draft = await self.app.run_async(handle_sigint=False, set_exception_handler=False)
        finally:
            self.active = False
            painter.cancel()
        self._history.add(draft)
        return draft

    @contextmanager
    def _echoing(self) -> Iterator[None]:
        """On a dumb terminal, show what is typed as it comes, and a line that was changed once more."""
        if not self._dumb:
            yield
            return
        shown = ""

        def echo(_: Buffer | None = None) -> None:
            nonlocal shown
            text = visible(self.line.text, self._label)
            self._output.write(text.removeprefix(shown) if text.startswith(shown) else f"\n{PROMPT}{text}")
            self._output.flush()
            shown = text

        self._output.write(PROMPT)
        echo()
        self.line.on_text_changed += echo
        try:
            yield
        finally:
            self.line.on_text_changed -= echo
            self._output.write("\n")
            self._output.flush()

    def press_ctrl_c(self) -> None:
        """Do what Ctrl-C does: for a SIGINT that came from elsewhere."""
        self.app.key_processor.feed(KeyPress(Keys.ControlC))
        self.app.key_processor.process_keys()

    def redraw(self) -> None:
        """Draw the status row anew, because something in it changed."""
        self.app.invalidate()

    def print_above(self, write: Callable[[], None]) -> None:
        """Have `write` print its lines above the line that is being edited.

        prompt-toolkit's `run_in_terminal` has the terminal echo meanwhile and read an Enter as a new line: what is typed at that
        moment would be garbled.
        """
        if self.app.is_running:
            self.app.renderer.erase()
        write()
        self.redraw()

    def _columns(self) -> int:
        return self._output.get_size().columns

    def _status(self) -> StyleAndTextTuples:
        row = self._hooks.status(self._columns())
        hint = self._hint or self._open_hint()
        return [("", hint[: self._columns()])] if hint and row else row

    def _open_hint(self) -> str:
        """Say why Enter does not send."""
        if not self.line.shown.is_open:
            return ""
        return f"a block is open: Enter makes a new line, {self._keymap.label('newline')} sends"

    async def _follow_the_clock(self) -> None:
        """Redraw when a countdown has moved, once a second; without one nothing is drawn."""
        shown = self._status()
        while True:
            await asyncio.sleep(1)
            if (now := self._status()) != shown:
                shown = now
                self.redraw()

    def _bindings(self, keymap: Keymap) -> KeyBindings:
        """Bind the table of actions, and the keys that are always the same."""
        bindings = KeyBindings()
        editing = has_focus(self.line)
        empty = editing & Condition(lambda: not self.line.text)
        rows: tuple[tuple[tuple[str, ...], Any, Callable[[KeyPressEvent], Any]], ...] = (
            (keymap.keys("send"), editing, self._enter),
            (keymap.keys("newline"), editing, self._newline),
            (("c-j",), editing, self._insert_newline),
            (keymap.keys("editor"), editing, self._edit),
            (keymap.keys("editor_short"), editing, self._edit),
            (keymap.keys("edit_last"), empty, self._edit_last),
            (keymap.keys("expand_paste"), editing, lambda _: self.line.unfold()),
            (keymap.keys("suspend"), editing, lambda _: self._above(self._hooks.suspend)),
            (keymap.keys("help"), editing, lambda _: self._hooks.show_help()),
            (("?",), empty, lambda _: self._hooks.show_help()),
            (keymap.keys("chain"), editing, lambda _: self._hooks.show_chain()),
            (keymap.keys("multiline"), editing, self._toggle_multiline),
            (keymap.keys("vi"), editing, self._toggle_vi),
            (("tab",), editing, lambda _: self.line.complete()),
            (("c-c",), editing, self._ctrl_c),
            (("c-d",), empty, lambda event: event.app.exit(exception=EOFError())),
            ((Keys.BracketedPaste.value,), editing, lambda event: self.line.paste(event.data)),
        )
        for keys, condition, handler in rows:
            if keys == ("escape", "escape"):
                bindings.add("escape", filter=condition & vi_navigation_mode)(handler)
            bindings.add(*keys, filter=condition & self._is_one_key(keys))(handler)
        return bindings

    def _is_one_key(self, keys: tuple[str, ...]) -> Condition:
        """Whether Escape and what follows it came together, as Alt does: in vi mode an Escape alone is a key of its own."""

        def together() -> bool:
            pressed = self.app.key_processor.key_buffer
            return keys[0] != "escape" or not vi_mode() or not pressed or pressed[0].data != ESCAPE

        return Condition(together)

    def _above(self, show: Callable[[], None]) -> None:
        _ = run_in_terminal(show)

    def _enter(self, event: KeyPressEvent) -> None:
        """Send; or close the menu, or begin a line where the text asks for one."""
        line = self.line
        if line.complete_state is not None:
            line.complete_state = None
        elif line.document.is_cursor_at_the_end and line.shown.mask.endswith("\\"):
            line.delete_before_cursor()
            line.newline(copy_margin=False)
        elif self._writes_lines():
            line.newline(copy_margin=False)
        else:
            self._send(event)

    def _writes_lines(self) -> bool:
        """Whether Enter makes a new line: in multi-line mode but for a command, and in a block that is open."""
        shown = self.line.shown
        return shown.is_open or (self._preferences.multiline and not shown.mask.startswith("/"))

    def _newline(self, event: KeyPressEvent) -> None:
        if self._writes_lines():
            self._send(event)
        else:
            self._insert_newline(event)

    def _insert_newline(self, _: KeyPressEvent) -> None:
        self.line.newline(copy_margin=False)

    def _send(self, event: KeyPressEvent) -> None:
        self._hint = ""
        event.app.exit(result=self.line.draft)

    def _ctrl_c(self, event: KeyPressEvent) -> None:
        """Clear the line, which Up gives back; on an empty one, twice, leave. What waits to be sent is dropped."""
        clear_typeahead(self.app.input)
        event.key_processor.empty_queue()
        now = self._clock()
        if self.line.text:
            self._history.keep(self.line.draft)
            self.line.reset()
        elif now - self._interrupted < AGAIN:
            event.app.exit(exception=EOFError())
        else:
            self._interrupted = now
            self._hint = LEAVE_HINT
            asyncio.get_running_loop().call_later(AGAIN, self._clear_hint)

    def _clear_hint(self) -> None:
        self._hint = ""
        self.redraw()

    def _edit(self, _: KeyPressEvent) -> None:
        self._above(lambda: self.line.load(self._hooks.edit(self.line.draft)))

    def _edit_last(self, _: KeyPressEvent) -> None:
        self.line.load(self._hooks.last_question())

    def _toggle_multiline(self, _: KeyPressEvent) -> None:
        self._preferences.multiline = not self._preferences.multiline

    def _toggle_vi(self, event: KeyPressEvent) -> None:
        self._preferences.vi = not self._preferences.vi
        event.app.editing_mode = EditingMode.VI if self._preferences.vi else EditingMode.EMACS
