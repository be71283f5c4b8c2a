"""What lets a person or a program in to the servers that we start: a secret, and links that open their pages once.

- The secret is made anew whenever servers start. Programs send it as a password (Basic) or as a token (Bearer).
- A browser gets a cookie by a link: signed for one server and one page, good once and for `LINK_S`. Whoever finds one
  in a terminal or a log later opens nothing with it.
- A cookie is sent to every port of its host, so it is worth nothing once the servers have ended.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from thawline.system.files import storage_errors

SECRET = "THAWLINE_SECRET"  # noqa: S105 - the variable's name
USER = "thawline"
OPEN = "/open"
LINK_S = 600.0
_NAMES = ("PREFECT_API_AUTH_STRING", "PREFECT_CLIENT_CUSTOM_HEADERS")


def make_secret() -> str:
    """Return a new secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def write_secret(path: Path, secret: str) -> None:
    """Write a secret into a file that nobody else can read, at no moment.

    Raises:
        StorageError: No permission or no space.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret)
        temporary.replace(path)


def prefect_credentials(secret: str) -> dict[str, str]:
    """Return the variables by which Prefect's clients give the secret: over HTTP, and by a header on web sockets."""
    token = base64.b64encode(f"{USER}:{secret}".encode()).decode()
    own = json.loads(os.environ.get("PREFECT_CLIENT_CUSTOM_HEADERS") or "{}")
    headers = json.dumps({**own, "Authorization": f"Basic {token}"})
    return dict(zip(_NAMES, (f"{USER}:{secret}", headers), strict=True))


def mlflow_credentials(secret: str) -> dict[str, str]:
    """Return the variables by which MLflow's clients give the secret."""
    return {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": secret}


def make_link(address: str, secret: str, path: str = "/") -> str:
    """Return a link that opens a page of the server at `address` in a browser, once, within `LINK_S`."""
    ticket = f"{int(time.time() + LINK_S)}.{secrets.token_urlsafe(9)}"
    signed = f"{ticket}.{_sign(secret, str(urlsplit(address).port), ticket, path)}"
    return f"{address}{OPEN}?{urlencode({'ticket': signed} | ({} if path == '/' else {'to': path}))}"


def read_ticket(ticket: str, secret: str, *, port: int, path: str) -> float | None:
    """Return until when (seconds since 1970) a link's ticket is good; None if it is not, or no longer."""
    body, _, signature = ticket.rpartition(".")
    if not same(signature, _sign(secret, str(port), body, path)):
        return None
    until = float(body.partition(".")[0])
    return until if until >= time.time() else None


def cookie(secret: str) -> tuple[str, str]:
    """Return name and value of the cookie that a browser shows; servers of one secret know it, others do not."""
    return f"thawline_{_sign(secret, 'name')[:8]}", _sign(secret, "cookie")


def same(given: str, expected: str) -> bool:
    """Tell whether two texts are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _sign(secret: str, *parts: str) -> str:
    return hmac.new(secret.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()[:40]
