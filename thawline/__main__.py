"""Where the command `thawline` begins, and `python -m thawline`: it needs packages that somebody else's may hide."""

import sys

from thawline.errors import UsageError
from thawline.rooms import require_own_rooms


def main() -> None:
    """Run the command line, unless packages of somebody else stand in the place of ours."""
    try:
        require_own_rooms()
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    from flows.cli import main as run

    run()


if __name__ == "__main__":
    main()
