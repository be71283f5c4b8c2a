"""Who is let through to a server of ours, and who is not."""

import asyncio
import base64
import os
import time
from typing import Any

import pytest

from thawline.servers.access import (
    OPEN,
    SECRET,
    cookie,
    make_link,
    make_secret,
    mlflow_credentials,
    prefect_credentials,
)
from thawline.servers.guard import Guard, guarded

PORT = 4200
OWN = f"127.0.0.1:{PORT}"


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


def ask(
    guard: Guard, headers: dict[str, str], *, path: str = "/", query: str = "", kind: str = "http"
) -> tuple[int, dict[str, str]]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    scope = {
        "type": kind,
        "path": path,
        "query_string": query.encode(),
        "server": ("127.0.0.1", PORT),
        "headers": [
            (name.lower().encode(), value.encode("latin-1")) for name, value in {"Host": OWN, **headers}.items()
        ],
    }
    asyncio.run(guard(scope, receive, send))
    first = sent[0]
    if first["type"] == "websocket.close":
        return 403, {}
    return first["status"], {name.decode(): value.decode() for name, value in first["headers"]}


def follow(guard: Guard, link: str) -> tuple[int, dict[str, str]]:
    path, _, query = link.partition("?")
    return ask(guard, {}, path=path.removeprefix(f"http://{OWN}"), query=query)


SECRETS = {
    "basic": {"Authorization": basic("thawline:s3cr3t")},
    "bearer": {"Authorization": "Bearer s3cr3t"},
    "the cookie": {"Cookie": "other=1; {}={}".format(*cookie("s3cr3t"))},
    "through a tunnel": {"Authorization": "Bearer s3cr3t", "Host": "localhost:8080"},
    "over IPv6": {"Authorization": "Bearer s3cr3t", "Host": "[::1]:4200"},
    "from its own page": {"Authorization": "Bearer s3cr3t", "Origin": f"http://{OWN}", "Sec-Fetch-Site": "same-origin"},
    "a page opened from a mail": {
        "Authorization": "Bearer s3cr3t",
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    },
}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_the_secret_lets_in(name: str, kind: str) -> None:
    assert ask(Guard(app, "s3cr3t"), SECRETS[name], kind=kind)[0] == 200


STRANGERS: dict[str, tuple[int, dict[str, str]]] = {
    "nothing": (401, {}),
    "an empty password": (401, {"Authorization": basic("thawline:")}),
    "another user": (401, {"Authorization": basic("root:s3cr3t")}),
    "no base64": (401, {"Authorization": "Basic \xff\xfe"}),
    "no text": (401, {"Authorization": "Basic /////w=="}),
    "another way": (401, {"Authorization": "Digest s3cr3t"}),
    "the secret as a cookie": (401, {"Cookie": "{}=s3cr3t".format(cookie("s3cr3t")[0])}),
    "another server's cookie": (401, {"Cookie": "{}={}".format(*cookie("other"))}),
    "an empty login": (401, {"Authorization": basic("")}),
    "a foreign name": (403, {"Authorization": "Bearer s3cr3t", "Host": "evil.example"}),
    "a name like ours": (403, {"Authorization": "Bearer s3cr3t", "Host": "127.0.0.1.evil.example"}),
    "no name": (403, {"Authorization": "Bearer s3cr3t", "Host": ""}),
    "a broken name": (403, {"Authorization": "Bearer s3cr3t", "Host": "[::1"}),
    "a number that is not ours": (403, {"Authorization": "Bearer s3cr3t", "Host": "10.0.0.1"}),
    "a foreign page": (403, {**SECRETS["the cookie"], "Origin": "https://evil.example"}),
    "a page of another port": (403, {**SECRETS["the cookie"], "Origin": "http://127.0.0.1:9999"}),
    "a page without an address": (403, {**SECRETS["the cookie"], "Origin": "null"}),
    "a picture in a foreign page": (403, {**SECRETS["the cookie"], "Sec-Fetch-Site": "cross-site"}),
    "a frame in a page of another port": (
        403,
        {
            **SECRETS["the cookie"],
            "Sec-Fetch-Site": "same-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "iframe",
        },
    ),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_nobody_else_is_let_in(name: str) -> None:
    status, headers = STRANGERS[name]
    assert ask(Guard(app, "s3cr3t"), headers)[0] == status
    assert ask(Guard(app, "s3cr3t"), headers, kind="websocket")[0] == 403
    assert ask(Guard(app, "s3cr3t"), headers, path="/api/health")[0] == status


def test_a_link_opens_its_page_once_and_leaves_a_cookie_that_scripts_do_not_see() -> None:
    guard = Guard(app, "s3cr3t")
    link = make_link(f"http://{OWN}", "s3cr3t", "/#/experiments/1/runs?a=b&c=d")
    status, headers = follow(guard, link)
    assert status == 303
    assert headers["location"] == "/#/experiments/1/runs?a=b&c=d"
    name, _, value = headers["set-cookie"].split(";")[0].partition("=")
    assert (name, value) == cookie("s3cr3t")
    assert {"HttpOnly", "SameSite=Lax"} <= {part.strip() for part in headers["set-cookie"].split(";")}
    assert "s3cr3t" not in headers["set-cookie"] + link
    assert follow(guard, link)[0] == 401
    assert ask(guard, {"Cookie": f"{name}={value}"})[0] == 200


def test_a_link_is_good_for_one_server_one_page_and_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    guard, made = Guard(app, "s3cr3t"), time.time()
    link = make_link(f"http://{OWN}", "s3cr3t", "/#/a")
    assert follow(guard, link.replace("%2Fa", "%2Fb"))[0] == 401
    assert follow(guard, f"{link}&to=//evil.example")[0] == 303  # the first is the one that counts
    for other in (
        make_link(f"http://{OWN}", "other"),
        make_link("http://127.0.0.1:5000", "s3cr3t"),
        f"http://{OWN}{OPEN}",
    ):
        assert follow(guard, other.replace(":5000", f":{PORT}"))[0] == 401
    late = make_link(f"http://{OWN}", "s3cr3t")
    monkeypatch.setattr("thawline.servers.access.time.time", lambda: made + 660)
    assert follow(guard, late)[0] == 401


def test_beyond_loopback_a_login_lets_in_and_numbers_and_its_own_names_are_hosts() -> None:
    guard = Guard(app, "s3cr3t", login="somebody:0123456789ab", host="0.0.0.0")
    login = {"Authorization": basic("somebody:0123456789ab")}
    assert ask(guard, {**login, "Host": "10.0.0.1:4200"})[0] == 200
    assert ask(guard, {**login, "Host": os.uname().nodename})[0] == 200
    assert ask(guard, {**login, "Host": "evil.example"})[0] == 403
    assert ask(guard, {"Authorization": basic("somebody:wrong")})[1]["www-authenticate"] == 'Basic realm="thawline"'
    assert ask(Guard(app, "s3cr3t"), login)[0] == 401


def test_nothing_is_served_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET, raising=False)
    with pytest.raises(KeyError, match=SECRET):
        guarded(app)


def test_clients_give_the_secret_and_keep_what_else_they_were_told_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_CLIENT_CUSTOM_HEADERS", '{"X-Own": "1"}')
    given = prefect_credentials("s3cr3t")
    assert given["PREFECT_API_AUTH_STRING"] == "thawline:s3cr3t"
    assert given["PREFECT_CLIENT_CUSTOM_HEADERS"] == f'{{"X-Own": "1", "Authorization": "{basic("thawline:s3cr3t")}"}}'
    assert mlflow_credentials("s3cr3t") == {
        "MLFLOW_TRACKING_USERNAME": "thawline",
        "MLFLOW_TRACKING_PASSWORD": "s3cr3t",
    }
    assert len({make_secret() for _ in range(100)}) == 100
