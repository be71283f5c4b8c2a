"""An environment a peer, made when it is first asked for, under .bench/venvs at the root of the repository.

Beside its own pinned packages an environment sees those of the benchmark's own one: a .pth file adds them to the end
of its path. So torch, torchvision, timm and transformers, of 6 GB, are there once, and in the same version for all;
what a peer needs otherwise is installed in its own environment and comes first. A list of requirements is whole, so it
is installed without a look at what its packages ask for: some ask for an older torch than they run with.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

from bench.rows import ROOT

PLACE = ROOT / ".bench" / "venvs"
REQUIREMENTS = Path(__file__).parent / "peers" / "requirements"
INSTALLED = "installed.txt"


class NotInstalledError(Exception):
    """A peer's environment can't be made; the message is the installer's."""


def open_environment(name: str) -> Path:
    """Return the Python of a peer's environment, which is made if it is not there or its requirements changed.

    Raises:
        NotInstalledError: Its packages can't be installed.
    """
    if not name:
        return Path(sys.executable)
    wanted = (REQUIREMENTS / f"{name}.txt").read_text()
    place, note = PLACE / name, PLACE / name / INSTALLED
    python = place / "bin" / "python"
    if note.is_file() and note.read_text() == wanted:
        return python
    base = Path(sys.base_prefix) / "bin" / "python3"
    subprocess.run([base, "-m", "venv", place], check=True)
    _site_packages(place).joinpath("zz_shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--no-deps", "-r", REQUIREMENTS / f"{name}.txt"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotInstalledError(first_error(done.stderr))
    note.write_text(wanted)
    return python


def first_error(output: str) -> str:
    """Return the first line of an installer's output that says what is wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "no reason given")


def _site_packages(place: Path) -> Path:
    return place / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
