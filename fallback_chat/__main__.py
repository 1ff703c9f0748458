"""Entry point of the `fallback-chat` command and of `python -m fallback_chat`."""

import gc
import os
import sys


def main() -> None:
    """Run the command line and exit with its status.

    `--version` answers before anything heavy is imported.
    """
    if sys.platform == "win32":
        sys.stderr.write("fallback-chat runs on Linux and macOS; on Windows, use it in WSL\n")
        sys.exit(69)
    # Nothing created at start-up is garbage: looking for it costs a tenth of the start-up. A chat,
    # which lives longer, begins to collect when it is up.
    gc.set_threshold(200_000, 20, 50)
    try:
        from fallback_chat.cli.process.streams import leave, prepare_streams

        prepare_streams()
        if sys.argv[1:] in (["--version"], ["-V"]):
            from fallback_chat._version import __version__

            sys.stdout.write(f"fallback-chat {__version__}\n")
            leave(0)
        from fallback_chat.cli.app import run

        run(sys.argv[1:])
    except KeyboardInterrupt:  # still starting
        os._exit(130)


if __name__ == "__main__":
    main()
