"""The guard in front of every server that we start: an ASGI app that lets through whom `access.py` lets in.

- `Host` names this machine: a page elsewhere whose name suddenly means 127.0.0.1 (DNS rebinding) gets nothing.
- What a browser sends for another page (`Origin`, `Sec-Fetch-Site`) is refused, cookie or not.
- All else, web sockets and health too, needs the secret, the login if there is one, or the cookie of a link.
"""

import base64
import ipaddress
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from thawline.servers.access import OPEN, SECRET, USER, cookie, read_ticket, same
from thawline.system.person import LOGIN

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LISTEN = "THAWLINE_LISTEN"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
CLOSED = "This needs a link: `thawline ui`, in the workspace, prints one.\n"
USED = "This link has been used, or is too old: `thawline ui`, in the workspace, prints another.\n"


@dataclass(frozen=True)
class Answer:
    """What is said to somebody who is not let through."""

    status: int
    text: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Guard:
    """Stands in front of `app`, which listens at `host`; `login` is USER:PASSWORD, '' if there is none."""

    app: App
    secret: str
    login: str = ""
    host: str = "127.0.0.1"
    _used: dict[str, float] = field(default_factory=dict)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI asks for it."""
        answer = None if scope["type"] == "lifespan" else self.judge(scope)
        if answer is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store", **dict(answer.headers)}
            encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
            await send({"type": "http.response.body", "body": answer.text.encode()})

    def judge(self, scope: Message) -> Answer | None:
        """Return what is answered instead of the app's answer; None for whoever is let through."""
        headers = _read_headers(scope["headers"])
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not is_own_host(hosts[0], self.host):
            return Answer(403, "This server is not known by that name.\n")
        if not is_own_page(headers, hosts[0]):
            return Answer(403, "Another page may not ask this server.\n")
        if scope["path"] == OPEN and scope["type"] == "http":
            return self._open(scope)
        if self._is_known(headers):
            return None
        return Answer(401, CLOSED, (("www-authenticate", 'Basic realm="thawline"'),) if self.login else ())

    def _open(self, scope: Message) -> Answer:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        ticket, path = query.get("ticket", [""])[0], query.get("to", ["/"])[0]
        until = read_ticket(ticket, self.secret, port=scope["server"][1], path=path)
        self._used = {one: end for one, end in self._used.items() if end >= time.time()}
        if until is None or ticket in self._used:
            return Answer(401, USED)
        self._used[ticket] = until
        name, value = cookie(self.secret)
        kept = f"{name}={value}; Path=/; HttpOnly; SameSite=Lax"
        return Answer(303, headers=(("location", path), ("set-cookie", kept), ("referrer-policy", "no-referrer")))

    def _is_known(self, headers: dict[str, list[str]]) -> bool:
        name, value = cookie(self.secret)
        pairs = [part.strip().partition("=") for line in headers.get("cookie", []) for part in line.split(";")]
        if any(one == name and same(given, value) for one, _, given in pairs):
            return True
        return any(self._is_credential(line) for line in headers.get("authorization", []))

    def _is_credential(self, line: str) -> bool:
        scheme, _, given = line.partition(" ")
        if scheme.lower() == "bearer":
            return same(given.strip(), self.secret)
        try:
            text = base64.b64decode(given.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
        except ValueError:  # no base64, or no text
            return False
        return same(text, f"{USER}:{self.secret}") or bool(self.login and same(text, self.login))


def guarded(app: App) -> Guard:
    """Return `app` behind a guard that reads secret, login and address from the environment.

    Raises:
        KeyError: There is no secret: nothing is served without one.
    """
    return Guard(app, os.environ[SECRET], os.environ.get(LOGIN, ""), os.environ.get(LISTEN, LOOPBACK[0]))


def is_own_host(header: str, listening: str) -> bool:
    """Tell whether a `Host` header names this machine, at any port: a tunnel's may be another than the server's.

    Beyond loopback every number will do, as no name can be bent to it.
    """
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if name in LOOPBACK:
        return True
    return listening not in LOOPBACK and (name in {listening, *_own_names()} or _is_number(name))


def is_own_page(headers: dict[str, list[str]], host: str) -> bool:
    """Tell whether what is asked for comes from a page of this server, from no page at all, or is opened as a page."""
    if any(origin not in {f"http://{host}", f"https://{host}"} for origin in headers.get("origin", [])):
        return False
    opened = headers.get("sec-fetch-mode") == ["navigate"] and headers.get("sec-fetch-dest") == ["document"]
    return opened or all(site in {"same-origin", "none"} for site in headers.get("sec-fetch-site", []))


def _own_names() -> set[str]:
    name = socket.gethostname().lower()
    return {name, f"{name}.local"}


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _read_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in pairs:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return headers
