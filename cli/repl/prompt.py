"""The input line: prompt-toolkit's session with our keys, history, completion, and the status row below it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app_session, run_in_terminal
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.cursor_shapes import ModalCursorShapeConfig
from prompt_toolkit.enums import DEFAULT_BUFFER, EditingMode
from prompt_toolkit.filters import Condition, has_focus, is_done
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPress
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import ConditionalContainer, FormattedTextControl, HSplit, Window

from fallback_chat.cli.repl.editing import is_open

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyPressEvent

    from fallback_chat.cli.repl.editing import Pastes
    from fallback_chat.cli.repl.input_history import InputHistory
    from fallback_chat.cli.repl.keys import Keymap
    from fallback_chat.cli.repl.preferences import Preferences

AGAIN: Final = 2.0
"""Seconds within which a second Ctrl-C on an empty line leaves."""
ESCAPE_TIME: Final = 0.05
"""Seconds to wait for what may follow an Escape."""
LEAVE_HINT: Final = "press Ctrl-C again, or Ctrl-D, to leave"


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the keys of the prompt reach outside of it."""

    status: Callable[[int], StyleAndTextTuples]
    """Paints the status row for so many columns; empty for no row."""
    show_help: Callable[[], None]
    show_chain: Callable[[], None]
    edit: Callable[[str], str]
    """Runs the editor on a text."""
    last_question: Callable[[], str]
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
        completer: Completer,
        dumb: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hooks = hooks
        self._preferences = preferences
        self._history = history
        self._clock = clock
        self._hint = ""
        self._interrupted = -AGAIN
        self._pastes = pastes
        self.active = False
        """The line is being edited now."""
        self.session: PromptSession[str] = PromptSession(
            "> ",
            multiline=True,
            prompt_continuation="  ",
            history=history,
            enable_history_search=True,
            auto_suggest=AutoSuggestFromHistory(),
            completer=completer,
            complete_while_typing=False,
            key_bindings=self._bindings(keymap),
            cursor=ModalCursorShapeConfig(),
            # Given an output, prompt-toolkit no longer looks whether the terminal is a dumb one.
            output=None if dumb else get_app_session().output,
        )
        self.session.app.ttimeoutlen = ESCAPE_TIME
        container = self.session.layout.container
        assert isinstance(container, HSplit)
        row = Window(FormattedTextControl(self._status), height=1, dont_extend_height=True, wrap_lines=False)
        container.children.append(ConditionalContainer(row, ~is_done & Condition(lambda: bool(self._status()))))

    async def read(self, default: str = "") -> str:
        """Let the user write a message, beginning with `default`. Raises EOFError when he leaves."""
        self.session.app.editing_mode = EditingMode.VI if self._preferences.vi else EditingMode.EMACS
        self.active = True
        painter = asyncio.ensure_future(self._follow_the_clock())
        try:
            text = await self.session.prompt_async(default=default, handle_sigint=False, set_exception_handler=False)
        finally:
            self.active = False
            painter.cancel()
        return self._pastes.expand(text)

    def press_ctrl_c(self) -> None:
        """Do what Ctrl-C does: for a SIGINT that came from elsewhere."""
        self.session.app.key_processor.feed(KeyPress(Keys.ControlC))
        self.session.app.key_processor.process_keys()

    def redraw(self) -> None:
        """Draw the status row anew, because something in it changed."""
        self.session.app.invalidate()

    def print_above(self, write: Callable[[], None]) -> None:
        """Have `write` print its lines above the line that is being edited.

        prompt-toolkit's `run_in_terminal` has the terminal echo meanwhile and read an Enter as a new line: what is typed at that
        moment would be garbled.
        """
        if self.session.app.is_running:
            self.session.app.renderer.erase()
        write()
        self.redraw()

    def _columns(self) -> int:
        return self.session.output.get_size().columns

    def _status(self) -> StyleAndTextTuples:
        row = self._hooks.status(self._columns())
        return [("", self._hint[: self._columns()])] if self._hint and row else row

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
        editing = has_focus(DEFAULT_BUFFER)
        empty = editing & Condition(lambda: not self.session.default_buffer.text)
        rows: tuple[tuple[tuple[str, ...], Any, Callable[[KeyPressEvent], Any]], ...] = (
            (keymap.keys("send"), editing, self._enter),
            (keymap.keys("newline"), editing, self._newline),
            (("c-j",), editing, self._insert_newline),
            (keymap.keys("editor"), editing, self._edit),
            (keymap.keys("editor_short"), editing, self._edit),
            (keymap.keys("edit_last"), empty, self._edit_last),
            (keymap.keys("expand_paste"), editing, self._expand_paste),
            (keymap.keys("suspend"), editing, lambda _: self._above(self._hooks.suspend)),
            (keymap.keys("help"), editing, lambda _: self._hooks.show_help()),
            (("?",), empty, lambda _: self._hooks.show_help()),
            (keymap.keys("chain"), editing, lambda _: self._hooks.show_chain()),
            (keymap.keys("multiline"), editing, self._toggle_multiline),
            (keymap.keys("vi"), editing, self._toggle_vi),
            (("c-c",), editing, self._ctrl_c),
            ((Keys.BracketedPaste.value,), editing, self._paste),
        )
        for keys, condition, handler in rows:
            bindings.add(*keys, filter=condition)(handler)
        return bindings

    def _above(self, show: Callable[[], None]) -> None:
        _ = run_in_terminal(show)

    def _enter(self, event: KeyPressEvent) -> None:
        """Send; or close the menu, or begin a line where the text asks for one."""
        buffer = event.current_buffer
        if buffer.complete_state is not None:
            buffer.complete_state = None
        elif buffer.document.is_cursor_at_the_end and buffer.text.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        elif is_open(buffer.text) or (self._preferences.multiline and not buffer.text.startswith("/")):
            buffer.insert_text("\n", move_cursor=True)
        else:
            self._send(buffer)

    def _newline(self, event: KeyPressEvent) -> None:
        if self._preferences.multiline:
            self._send(event.current_buffer)
        else:
            self._insert_newline(event)

    def _insert_newline(self, event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    def _send(self, buffer: Buffer) -> None:
        self._hint = ""
        buffer.validate_and_handle()

    def _ctrl_c(self, event: KeyPressEvent) -> None:
        """Clear the line, which Up gives back; on an empty one, twice, leave. What waits to be sent is dropped."""
        clear_typeahead(self.session.input)
        event.key_processor.empty_queue()
        buffer = event.current_buffer
        now = self._clock()
        if buffer.text:
            self._history.keep(buffer.text)
            buffer.reset()
        elif now - self._interrupted < AGAIN:
            event.app.exit(exception=EOFError())
        else:
            self._interrupted = now
            self._hint = LEAVE_HINT
            asyncio.get_running_loop().call_later(AGAIN, self._clear_hint)

    def _clear_hint(self) -> None:
        self._hint = ""
        self.redraw()

    def _paste(self, event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(self._pastes.sign(event.data))

    def _expand_paste(self, event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if (text := self._pastes.expand(buffer.text)) != buffer.text:
            buffer.text = text
            buffer.cursor_position = len(text)

    def _edit(self, event: KeyPressEvent) -> None:
        buffer = event.current_buffer

        def edit() -> None:
            buffer.text = self._hooks.edit(self._pastes.expand(buffer.text))
            buffer.cursor_position = len(buffer.text)

        self._above(edit)

    def _edit_last(self, event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(self._hooks.last_question())

    def _toggle_multiline(self, _: KeyPressEvent) -> None:
        self._preferences.multiline = not self._preferences.multiline

    def _toggle_vi(self, event: KeyPressEvent) -> None:
        self._preferences.vi = not self._preferences.vi
        event.app.editing_mode = EditingMode.VI if self._preferences.vi else EditingMode.EMACS
