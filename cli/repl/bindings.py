"""The keys of the input line, in addition to prompt-toolkit's own for moving and editing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prompt_toolkit.filters import Condition, has_focus, vi_mode, vi_navigation_mode
from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
from prompt_toolkit.key_binding.bindings.auto_suggest import load_auto_suggest_bindings
from prompt_toolkit.keys import Keys

from fallback_chat.cli.repl.keyboard import ESCAPE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prompt_toolkit.key_binding import KeyBindingsBase, KeyPressEvent

    from fallback_chat.cli.repl.keys import Keymap
    from fallback_chat.cli.repl.prompt import Prompt


def bind(prompt: Prompt, keymap: Keymap) -> KeyBindingsBase:
    """Bind the table of actions, and the keys that are always the same."""
    line, menu = prompt.line, prompt.menu
    editing = has_focus(line)
    empty = editing & Condition(lambda: not line.text)
    busy = editing & Condition(lambda: prompt.is_busy)
    idle = editing & ~busy
    choosing = editing & Condition(lambda: bool(menu))
    # With text in the line, Escape switches to vi's normal mode and does nothing else.
    stoppable = busy & (~vi_mode | empty)
    rows = (
        (keymap.keys("send"), editing, prompt.send),
        (keymap.keys("newline"), editing, prompt.newline),
        (("c-j",), editing, prompt.insert_newline),
        (keymap.keys("editor"), idle, prompt.edit),
        (keymap.keys("editor_short"), idle, prompt.edit),
        (keymap.keys("edit_last"), empty & idle, prompt.edit_last),
        (keymap.keys("expand_paste"), editing, line.unfold),
        (keymap.keys("suspend"), editing, prompt.suspend),
        (keymap.keys("help"), editing, partial(prompt.command, "help")),
        (("?",), empty, partial(prompt.command, "help")),
        (keymap.keys("chain"), editing, partial(prompt.command, "chain")),
        (keymap.keys("reasoning"), editing, partial(prompt.command, "reasoning")),
        (keymap.keys("multiline"), editing, prompt.toggle_multiline),
        (keymap.keys("vi"), editing, prompt.toggle_vi),
        (keymap.keys("next_provider"), busy, prompt.next_provider),
        (keymap.keys("stop"), stoppable, prompt.stop),
        (("tab",), editing, prompt.complete),
        (("s-tab",), choosing, lambda: menu.move(-1)),
        (("up",), empty & Condition(lambda: prompt.is_queued), prompt.take_back),
        (("up",), choosing, lambda: menu.move(-1)),
        (("down",), choosing, lambda: menu.move(1)),
        (("escape",), choosing, menu.close),
        (("c-c",), editing, prompt.interrupt),
        (("c-d",), empty & idle, prompt.leave),
        (("c-d",), empty & busy, lambda: None),
    )
    bindings = KeyBindings()
    for keys, condition, action in rows:
        if keys == ("escape", "escape"):  # in vi mode the first of them has switched to normal mode
            bindings.add("escape", filter=condition & vi_navigation_mode)(_called(action))
        filters = condition & Condition(partial(_is_meant, prompt, keys))
        # An immediate action does not wait for what may follow an Escape.
        bindings.add(*keys, filter=filters, eager=len(keys) == 1)(_called(action))
    bindings.add(Keys.BracketedPaste, filter=editing)(lambda event: line.paste(event.data))
    return merge_key_bindings([load_auto_suggest_bindings(), bindings])


def _is_meant(prompt: Prompt, keys: Sequence[str]) -> bool:
    """Whether an Escape is the bound key: Alt sends one, too, together with what follows.

    An Escape bound alone arrives alone. The first of several keys may come before the others, but
    in vi mode it is then a key of its own.
    """
    pressed = prompt.app.key_processor.key_buffer
    if keys[0] != "escape" or not pressed:
        return True
    alone = pressed[0].data == ESCAPE
    return alone if len(keys) == 1 else not (alone and vi_mode())


def _called(action: Callable[[], object]) -> Callable[[KeyPressEvent], None]:
    def handler(_: KeyPressEvent) -> None:
        action()

    return handler
