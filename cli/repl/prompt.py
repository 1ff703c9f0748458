"""The input line: its keys, and its look with the menu below. It is always there."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.cursor_shapes import ModalCursorShapeConfig
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import BufferControl, HSplit, Layout, Window
from prompt_toolkit.search import SearchDirection, SearchState
from prompt_toolkit.widgets import SearchToolbar

from fallback_chat.cli.render.cells import cells, ending
from fallback_chat.cli.render.screen import Cursor
from fallback_chat.cli.repl.area import Area, Text, lay_out, shown
from fallback_chat.cli.repl.draft import Draft
from fallback_chat.cli.repl.line import Line
from fallback_chat.cli.repl.menu import Menu, common_beginning
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.key_binding import KeyBindingsBase
    from prompt_toolkit.output import Output

    from fallback_chat.cli.render.rows import Row
    from fallback_chat.cli.repl.completion import ChatCompleter
    from fallback_chat.cli.repl.input_history import InputHistory
    from fallback_chat.cli.repl.keys import Keymap
    from fallback_chat.cli.repl.menu import Choice
    from fallback_chat.cli.repl.pastes import Pastes
    from fallback_chat.cli.repl.preferences import Preferences

AGAIN: Final = 2.0
"""Seconds within which a second Ctrl-C on an empty line leaves."""
ESCAPE_TIME: Final = 0.05
"""Seconds to wait for what may follow an Escape, or an Enter that may belong to a paste."""
LEAVE_HINT: Final = "press Ctrl-C again, or Ctrl-D, to leave"
MOST_CHOICES: Final = 8
"""Rows of the menu."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The effects of keys outside the line."""

    send: Callable[[Draft], None]
    """Takes a message."""
    is_busy: Callable[[], bool]
    """Whether an answer is in progress."""
    is_queued: Callable[[], bool]
    """Whether messages wait."""
    take_back: Callable[[], Draft | None]
    """Removes and returns the last waiting message."""
    act: Callable[[str], None]
    """Acts on the answer in progress: `stop` or `next_provider`."""
    edit: Callable[[Draft], Draft]
    """Runs the editor on a draft."""
    last_question: Callable[[], Draft]
    suspend: Callable[[], None]


class Prompt:
    """The line, its menu, and the prompt-toolkit application that reads its keys."""

    def __init__(  # noqa: PLR0913 - the outside world is passed in
        self,
        hooks: Hooks,
        keymap: Keymap,
        bind: Callable[[Prompt, Keymap], KeyBindingsBase],
        preferences: Preferences,
        *,
        pastes: Pastes,
        history: InputHistory,
        completer: ChatCompleter,
        output: Output,
        is_plain: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hooks = hooks
        self._keymap = keymap
        self._preferences = preferences
        self._pastes = pastes
        self._history = history
        self._completer = completer
        self._is_plain = is_plain
        self._clock = clock
        self._notice = ""
        self._interrupted = -AGAIN
        self.menu = Menu()
        self.line = Line(pastes, history)
        self.line.on_text_changed += self._offer
        self._search = SearchToolbar(ignore_case=True)
        control = BufferControl(self.line, search_buffer_control=self._search.control)
        window = Window(control)
        self.app: Application[None] = Application(
            layout=Layout(HSplit([window, self._search]), window),
            key_bindings=bind(self, keymap),
            include_default_pygments_style=False,
            cursor=ModalCursorShapeConfig(),
            reverse_vi_search_direction=True,
            output=output,
        )
        self.app.ttimeoutlen = ESCAPE_TIME
        # Behind the first painting, which it must not delay; or before a key that comes earlier.
        self.app.after_render += lambda _: self.line.load_history_if_not_yet_loaded()
        self.app.key_processor.before_key_press += lambda _: self.line.load_history_if_not_yet_loaded()

    @property
    def is_busy(self) -> bool:
        """Whether an answer is in progress."""
        return self._hooks.is_busy()

    @property
    def is_queued(self) -> bool:
        """Whether messages wait for their turn."""
        return self._hooks.is_queued()

    def load(self, draft: Draft) -> None:
        """Start over with a draft."""
        self.menu.close()
        self.line.load(draft)
        self.app.invalidate()

    def shown(self, draft: Draft) -> str:
        """Return a draft as the line shows it."""
        text, _ = self._pastes.encode(draft)
        return shown(text, self._pastes.label)

    # What is drawn

    def rows(self, columns: int, height: int) -> Area:
        """Return the line and what belongs to it, in at most `height` rows."""
        search = self._search_row(columns) if self.app.layout.is_searching else []
        menu = self.menu.rows(columns, min(MOST_CHOICES, height - 1 - len(search)))
        area = lay_out(self._text(), columns, height - len(menu) - len(search), self._pastes.label)
        cursor = area.cursor
        if search:
            cursor = Cursor(len(area.rows) + len(menu), cells(search[0][0][0]), search[0])
        return Area((*area.rows, *menu, *search), cursor)

    def _text(self) -> Text:
        line, document = self.line, self.line.document
        if self.app.layout.is_searching:
            control = self._search.control
            wanted = SearchState(control.buffer.text, control.searcher_search_state.direction, ignore_case=True)
            document = line.document_for_search(wanted)
        selected = range(*document.selection_range()) if document.selection is not None else range(0)
        suggestion = line.suggestion.text if line.suggestion and document.is_cursor_at_the_end else ""
        return Text(document.text, document.cursor_position, selected, suggestion)

    def _search_row(self, columns: int) -> list[Row]:
        """Return what is searched for; in a narrow row its end, where the cursor is."""
        control = self._search.control
        backward = control.searcher_search_state.direction is SearchDirection.BACKWARD
        words = f"{'earlier' if backward else 'later'} question with: {control.buffer.text}"
        return [((ending(words, columns - 1), ""),)]

    @property
    def notice(self) -> str:
        """The notice in place of the status row."""
        if self._notice or not self.line.shown.is_open:
            return self._notice
        return f"a block is open: Enter makes a new line, {self._keymap.label('newline')} sends"

    # What the keys do

    def send(self) -> None:
        """Send; or accept the choice, or begin a line if the text asks for one."""
        line, shown_ = self.line, self.line.shown
        if self.menu.chosen is not None:
            self._take(self.menu.chosen)
        elif line.document.is_cursor_at_the_end and shown_.mask.endswith("\\"):
            line.delete_before_cursor()
            self.insert_newline()
        elif self._writes_lines():
            self.insert_newline()
        elif not self._is_plain() and (choices := list(self._completer.picked(shown_))):
            line.load(line.draft.strip())
            line.insert_text(" ")
            self.menu.open(choices, first=True)
        else:
            self._send()

    def _send(self) -> None:
        draft = self.line.draft
        self._notice = ""
        self.menu.close()
        if draft.text.strip():
            self.line.reset()
            self.app.vi_state.reset()
            self._history.add(draft)
            self._hooks.send(draft)

    def _take(self, choice: Choice) -> None:
        """Write the choice; if nothing can follow it, send the line."""
        self.line.put(choice.text, replacing=choice.replaces)
        if choice.is_final:
            self._send()
        elif choice.is_command or not choice.text.endswith("/"):
            self.line.insert_text(" ")

    def _writes_lines(self) -> bool:
        """Whether Enter makes a new line: in multi-line mode unless a command, and in a block."""
        draft = self.line.shown
        return draft.is_open or (self._preferences.multiline and not draft.mask.startswith("/"))

    def newline(self) -> None:
        """Make a new line, or send if Enter makes one."""
        if self._writes_lines():
            self._send()
        else:
            self.insert_newline()

    def insert_newline(self) -> None:
        """Make a new line."""
        self.line.newline(copy_margin=False)

    def complete(self) -> None:
        """Complete the text before the cursor; if there is a choice, show it or go to the next."""
        if self.menu.chosen is not None:
            self.menu.move(1)
            return
        choices = list(self._completer.complete(self._before_cursor()))
        if len(choices) == 1:
            (choice,) = choices
            self.line.put(choice.text, replacing=choice.replaces)
            if choice.is_command and not choice.is_final:
                self.line.insert_text(" ")
            return
        common = common_beginning([choice.text for choice in choices])
        if choices and len(common) > choices[0].replaces and common.startswith(self._replaced(choices[0])):
            self.line.put(common, replacing=choices[0].replaces)
        elif choices:
            self.menu.open(choices, first=bool(self.menu))

    def _replaced(self, choice: Choice) -> str:
        before = self.line.document.text_before_cursor
        return before[len(before) - choice.replaces :]

    def _before_cursor(self) -> Draft:
        return self.line.shown[: self.line.cursor_position]

    def _offer(self, _: Buffer) -> None:
        """Show the menu while a command is being written, unless nothing may move."""
        if self._is_plain() or self.line.is_switching or not self.line.text.startswith("/"):
            self.menu.close()
        else:
            self.menu.open(self._completer.offered(self._before_cursor()))

    def edit(self) -> None:
        """Open the editor."""
        self._above(lambda: self.load(self._hooks.edit(self.line.draft)))

    def edit_last(self) -> None:
        """Edit the last question."""
        self.load(self._hooks.last_question())

    def take_back(self) -> None:
        """Bring a waiting message back into the line."""
        draft = self._hooks.take_back()
        if draft is not None:
            self.load(draft)

    def suspend(self) -> None:
        """Stop the program until the shell continues it."""
        self._above(self._hooks.suspend)

    def _above(self, show: Callable[[], None]) -> None:
        _ = run_in_terminal(show)

    def command(self, name: str) -> None:
        """Send a command, whatever is in the line."""
        self._hooks.send(Draft.typed(f"/{name}"))

    def toggle_multiline(self) -> None:
        """Swap Enter and Alt-Enter."""
        self._preferences.multiline = not self._preferences.multiline

    def toggle_vi(self) -> None:
        """Swap vi and emacs keys."""
        self._preferences.vi = not self._preferences.vi
        self.follow_preferences()

    def follow_preferences(self) -> None:
        """Use the user's preferred keys."""
        mode = EditingMode.VI if self._preferences.vi else EditingMode.EMACS
        if self.app.editing_mode is not mode:
            self.app.editing_mode = mode

    def next_provider(self) -> None:
        """Abandon the current provider."""
        self._hooks.act("next_provider")

    def stop(self) -> None:
        """End the answer."""
        self._hooks.act("stop")

    def interrupt(self) -> None:
        """Stop the answer; clear the line, which Up brings back; on an empty one, twice, leave."""
        now = self._clock()
        if self.is_busy:
            self.stop()
        elif self.line.text:
            self._history.keep(self.line.draft)
            self.menu.close()
            self.line.reset()
        elif now - self._interrupted < AGAIN:
            self.leave()
        else:
            self._interrupted = now
            self._notice = LEAVE_HINT
            asyncio.get_running_loop().call_later(AGAIN, self._forget_notice)

    def _forget_notice(self) -> None:
        self._notice = ""
        self.app.invalidate()

    def leave(self) -> None:
        """End the chat."""
        self.app.exit()

    def press_ctrl_c(self) -> None:
        """Act like Ctrl-C: for a SIGINT from elsewhere."""
        self.app.key_processor.feed(KeyPress(Keys.ControlC))
        self.app.key_processor.process_keys()
