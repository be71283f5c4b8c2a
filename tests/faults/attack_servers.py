"""Attacks on the servers of a live `thawline up` or `thawline run`, as another user or a page in a browser makes them.

`python -m tests.faults.attack_servers ADDRESS...` asks each server, Prefect's or MLflow's, what only its owner may ask,
and writes what it answered; it ends with 1 if anything was answered otherwise than by 401 or 403. No login is needed to
find the addresses: any user of the machine sees who listens (`ss -lt`).
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

UUID = "00000000-0000-0000-0000-000000000000"
SHELL = [{"prefect.deployments.steps.run_shell_script": {"script": "touch /tmp/attacked"}}]
REFUSED = {401, 403}


@dataclass(frozen=True)
class Attack:
    """Something that is asked of a server."""

    name: str
    method: str
    path: str
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


PREFECT = (
    Attack("reading flow runs", "POST", "/api/flow_runs/filter", {}),
    Attack("reading deployments", "POST", "/api/deployments/filter", {}),
    Attack("reading a deployment by its name", "GET", "/api/deployments/name/train/when-due"),
    Attack("a shell command in pull_steps", "PATCH", f"/api/deployments/{UUID}", {"pull_steps": SHELL}),
    Attack("another root for a deployment", "PATCH", f"/api/deployments/{UUID}", {"parameters": {"root": "/tmp"}}),
    Attack("a flow run of a deployment", "POST", f"/api/deployments/{UUID}/create_flow_run", {"parameters": {}}),
    Attack("a flow run of its own", "POST", "/api/flow_runs/", {"flow_id": UUID, "state": {"type": "SCHEDULED"}}),
    Attack("blocks with their passwords", "POST", "/api/block_documents/filter", {"include_secrets": True}),
    Attack("an event", "POST", "/api/events", []),
    Attack("a variable", "POST", "/api/variables/", {"name": "x", "value": "y"}),
    Attack("the settings", "GET", "/api/admin/settings"),
    Attack("the database", "POST", "/api/admin/database/clear", {"confirm": True}),
    Attack("its health", "GET", "/api/health"),
    Attack("the pages", "GET", "/"),
    Attack("the pages' settings", "GET", "/ui-settings"),
    Attack("its description", "GET", "/openapi.json"),
)
MLFLOW = (
    Attack("reading an experiment", "GET", "/api/2.0/mlflow/experiments/get?experiment_id=0"),
    Attack("reading runs", "POST", "/api/2.0/mlflow/runs/search", {"experiment_ids": ["0", "1"]}),
    Attack("reading runs as the pages do", "POST", "/ajax-api/2.0/mlflow/runs/search", {"experiment_ids": ["1"]}),
    Attack("a new run", "POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "1"}),
    Attack("a tag of a run", "POST", "/api/2.0/mlflow/runs/set-tag", {"run_id": UUID, "key": "a", "value": "b"}),
    Attack("deleting a run", "POST", "/api/2.0/mlflow/runs/delete", {"run_id": UUID}),
    Attack("a model", "POST", "/api/2.0/mlflow/registered-models/create", {"name": "x"}),
    Attack("the champion", "POST", "/api/2.0/mlflow/registered-models/alias", {"name": "x", "alias": "champion"}),
    Attack("a file of a run", "GET", f"/get-artifact?path=evaluation.html&run_uuid={UUID}"),
    Attack("a file by its address", "GET", "/model-versions/get-artifact?path=x&name=x&version=1"),
    Attack("storing a file", "PUT", "/api/2.0/mlflow-artifacts/artifacts/x", {}),
    Attack("GraphQL", "POST", "/graphql", {"query": "{ mlflowGetExperiment(input: {experimentId: 0}) { apiError }}"}),
    Attack("its health", "GET", "/health"),
    Attack("the pages", "GET", "/"),
)
FORGED = ("/open", "/open?ticket=1.a.b", f"/open?ticket=9999999999.a.{'0' * 40}", "/open?ticket=é")
SOCKETS = ("/api/events/in", "/api/events/out", "/api/logs/out", "/api/task_runs/subscriptions/scheduled")


def disguises(address: str) -> dict[str, dict[str, str]]:
    """Return the headers under which each attack is made: none, of a page elsewhere, of a name bent to 127.0.0.1."""
    port = urlsplit(address).port
    return {
        "without a secret": {},
        "with a wrong password": {"Authorization": "Basic dGhhd2xpbmU6d3Jvbmc="},
        "with a wrong token": {"Authorization": "Bearer wrong"},
        "with a wrong cookie": {"Cookie": "thawline_00000000=0; prefect=1"},
        "from a page elsewhere": {"Origin": "http://evil.example"},
        "from a page of another port": {"Origin": f"http://127.0.0.1:{(port or 0) + 1}", "Sec-Fetch-Site": "same-site"},
        "from a page without an origin": {"Origin": "null"},
        "by a foreign name": {"Host": f"evil.example:{port}"},
        "by a name that begins like ours": {"Host": f"127.0.0.1.evil.example:{port}"},
    }


def attack(address: str, *, credential: Mapping[str, str] | None = None) -> Iterator[tuple[str, int]]:
    """Yield each attack with what the server at `address` answered.

    Args:
        address: A server's, without a path.
        credential: Headers that let in: with them, only what comes from elsewhere is tried, which no secret may help.
    """
    with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
        for disguise, headers in disguises(address).items():
            if credential is not None and not {"Host", "Origin"} & set(headers):
                continue
            for one in (*PREFECT, *MLFLOW):
                sent = {**one.headers, **headers, **(credential or {})}
                answer = client.request(one.method, one.path, json=one.body, headers=sent)
                yield f"{one.name}, {disguise}", answer.status_code
            yield f"asking for leave beforehand, {disguise}", _preflight(client, {**headers, **(credential or {})})
        for path in FORGED if credential is None else ():
            yield path, client.get(path).status_code
    for path in SOCKETS:
        origins = (None, "http://evil.example") if credential is None else ("http://evil.example",)
        for origin in origins:
            yield f"web socket {path}, origin {origin}", asyncio.run(_open_socket(address, path, origin, credential))


def _preflight(client: httpx.Client, headers: Mapping[str, str]) -> int:
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "content-type"}
    return client.options(f"/api/deployments/{UUID}", headers={**asked, **headers}).status_code


async def _open_socket(address: str, path: str, origin: str | None, credential: Mapping[str, str] | None) -> int:
    url = f"{address.replace('http', 'ws', 1)}{path}"
    try:
        async with connect(url, origin=origin, additional_headers=credential or {}, proxy=None, open_timeout=20):
            return 101
    except InvalidStatus as error:
        return error.response.status_code
    except WebSocketException:
        return 0


def main() -> int:
    """Attack the servers that the command line names; return 1 if one gave way."""
    failed = 0
    for address in sys.argv[1:]:
        answers = dict(attack(address.rstrip("/")))
        gave_way = {name: code for name, code in answers.items() if code not in REFUSED}
        failed += len(gave_way)
        print(json.dumps({"server": address, "attacks": len(answers), "gave way": gave_way}, indent=1))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
