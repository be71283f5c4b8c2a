"""DVC's command line, begun and ended sooner: `python -m tasks.dvc_command ARGUMENTS` is `dvc ARGUMENTS`."""

import sys

from thawline.garbage import end_at_once, importing


def main() -> int:
    """Run DVC with the arguments of this process and return its exit code."""
    end_at_once()
    with importing():
        from dvc.cli import main as run
    code: int = run(sys.argv[1:])
    return code


if __name__ == "__main__":
    sys.exit(main())
