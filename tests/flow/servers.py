"""Real servers for tests, on loopback: PostgreSQL with a password, and S3 (moto's). They end with the tests."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from session import end_with_parent, free_port

USER = "thawline"
PATIENCE_S = 60
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "unix_socket_directories=")
"""Settings of a PostgreSQL that need not outlive a power cut."""


@dataclass(frozen=True)
class Database:
    """A running PostgreSQL."""

    port: int
    password: str

    def address(self, name: str, *, scheme: str = "postgresql") -> str:
        """Return the address of a database, without the password."""
        return f"{scheme}://{USER}@127.0.0.1:{self.port}/{name}"

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs against the server; return what it printed."""
        place = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER]
        command = [str(programs() / program), *place, *arguments]
        variables = {**os.environ, "PGPASSWORD": self.password}
        done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout


def programs() -> Path:
    """Return where PostgreSQL's programs are."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert places, "these tests need PostgreSQL's server, such as Debian's package postgresql"
    return places[-1].parent


@contextmanager
def postgresql(password: str, databases: Sequence[str]) -> Iterator[Database]:
    """Run a PostgreSQL of its own with some empty databases; as the user postgres where this is root."""
    with tempfile.TemporaryDirectory(prefix="thawline-postgresql-") as name:
        home = Path(name)
        (home / "password").write_text(password)
        if os.geteuid() == 0:
            for path in (home, home / "password"):
                shutil.chown(path, "postgres")
        access = [f"--username={USER}", "--auth=scram-sha-256", f"--pwfile={home / 'password'}"]
        make = [str(programs() / "initdb"), "-D", str(home / "data"), "--no-sync", "--locale=C", "-E", "UTF8", *access]
        subprocess.run(_unprivileged(make), check=True, capture_output=True, cwd=home)
        port = free_port()
        settings = [part for setting in QUICK for part in ("-c", setting)]
        command = [
            str(programs() / "postgres"),
            "-D",
            str(home / "data"),
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            *settings,
        ]
        with (home / "log").open("wb") as log:
            server = subprocess.Popen(_unprivileged(command), stdout=log, stderr=log, cwd=home)
        try:
            database = Database(port, password)
            _until_it_answers(lambda: database.run("psql", "-c", "SELECT 1", "postgres"), RuntimeError)
            for one in databases:
                database.run("createdb", one)
            yield database
        finally:
            server.send_signal(2)  # SIGINT: ends the connections, too
            server.wait(timeout=30)


def _unprivileged(command: list[str]) -> list[str]:
    """Return the command as one for another user where this is root, whom PostgreSQL refuses to serve."""
    if os.geteuid():
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=INT", *command]


@contextmanager
def s3(*buckets: str) -> Iterator[str]:
    """Run an S3 with some empty buckets; yields its address."""
    address = f"http://127.0.0.1:{free_port()}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", address.rpartition(":")[2]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=end_with_parent,  # noqa: PLW1509 - no other threads run yet
    )
    try:
        for bucket in buckets:
            make_bucket(f"{address}/{bucket}")
        yield address
    finally:
        server.kill()
        server.wait()


def make_bucket(url: str) -> None:
    """Make a bucket, or leave the one that is there, as soon as the server answers."""
    _until_it_answers(lambda: httpx.put(url).raise_for_status(), httpx.TransportError)


def s3_environment(address: str, *, key: str = "test") -> dict[str, str]:
    """Return the variables by which clients reach an S3."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": key,
    }


def _until_it_answers(ask: Callable[[], object], silence: type[Exception]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            ask()
        except silence:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
