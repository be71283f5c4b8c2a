"""The command `thawline`. Each command is thin and a file of its own in `flows/commands/`.

- Standard output carries results only: with --json one JSON object as its last line. All else goes to standard error.
- Exit codes: 0 done (also when a gate refused), 1 a fault of ours or of a service, 2 wrong usage or params, 3 data
  refused, 4 an alarm of `watch`, 130 and 143 ended by Ctrl-C and SIGTERM (`up` and `ui`, which are meant to be ended
  so: 0). A user's mistake never shows a traceback.
- Heavy libraries are imported inside the commands, so that `thawline --help` answers at once.
"""

import json
import os
import sys

import typer

from flows.commands import load_commands
from flows.terminal.options import print_json, with_loudness
from thawline.errors import ThawlineError
from thawline.system.console import reply
from thawline.system.files import explain_storage_error
from thawline.system.garbage_collection import collect_seldom
from thawline.system.interruption import EndingOnSignals

FORMER = {"clean": "prune"}
"""Commands that had another name: it is understood, with a word about it."""

INTERRUPTED = "interrupted; what was finished is kept, and the next run goes on from there"

app = typer.Typer(
    name="thawline",
    help="From labelled data that keeps arriving to the best classifier that can honestly be had: checks, versioned "
    "preprocessing, a baseline, staged fine-tuning under cross-validation, and gates before a model is promoted.",
    epilog="Start with: thawline init DIR --modality text --data FILE --label COLUMN --text COLUMN, then: cd DIR && "
    "thawline run",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

for name, command in load_commands():
    if isinstance(command, typer.Typer):
        for one in (command.registered_callback, *command.registered_commands):
            if one is not None and one.callback is not None:
                one.callback = with_loudness(one.callback)
        app.add_typer(command, name=name)
    else:
        app.command(name)(with_loudness(command))


def main() -> None:
    """Run the command line and leave with the exit code of what happened."""
    collect_seldom()
    os.umask(0o077)  # what is written, by what we start too, is its owner's alone
    with EndingOnSignals(_say_interrupted):
        try:
            _take_former_name(sys.argv)
            app()
        except ThawlineError as error:
            _fail(str(error), error.exit_code)
        except OSError as error:
            known = explain_storage_error(error)
            if known is None:
                raise
            _fail(str(known), known.exit_code)


def _take_former_name(arguments: list[str]) -> None:
    for former, name in FORMER.items():
        if arguments[1:2] == [former]:
            sys.stderr.write(f"`thawline {former}` is called `thawline {name}` now\n")
            arguments[1] = name


def _fail(message: str, exit_code: int) -> None:
    reply.print(message, style="red", markup=False, soft_wrap=True)
    if "--json" in sys.argv[1:]:
        print_json({"error": message, "exit_code": exit_code})
    sys.exit(exit_code)


def _say_interrupted(exit_code: int) -> None:
    """Say it past console and buffers, which the main thread may hold just now."""
    shown_again = "\x1b[?25h" if os.isatty(2) else ""  # the cursor, which a progress bar hides
    os.write(2, f"{shown_again}\n{INTERRUPTED}\n".encode())
    if "--json" in sys.argv[1:]:
        os.write(1, json.dumps({"error": INTERRUPTED, "exit_code": exit_code}).encode() + b"\n")


if __name__ == "__main__":
    main()
