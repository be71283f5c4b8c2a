"""The champion over HTTP: right answers in the order of the rows, or a clear refusal, whatever is sent."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from line import ROOT, Finished

from tasks.tracking.runs import load_registered

pytestmark = pytest.mark.slow

NUM_REQUESTS = 200
TEXTS = [
    "Win money now!!! Click here to claim the prize",
    "The patch fixes the build on Debian, thanks.",
    "Grüße aus Köln, bis später",
    "加入少许盐,立即领取奖金",
    "आपने पुरस्कार जीता है",
    "مرحبا، لقد ربحت جائزة",
    "🎉🎉🎉",
    "",
    "   \n\t ",
    "<script>alert(1)</script>",
    "NaN",
    "null",
]


@dataclass(frozen=True)
class Served:
    """A running server's address, and the same model loaded here."""

    address: str
    model: Any


@pytest.fixture(scope="module")
def served(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    log = tmp_path_factory.mktemp("serving") / "log"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/mails@champion", "--port", str(port)]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": finished.mlflow_uri, "PYTHONPATH": str(ROOT)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, "--env-manager", "local", "--workers", "1"],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 180
    try:
        while True:
            try:
                if httpx.get(f"{address}/ping", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8", errors="replace")[-3000:]
                time.sleep(0.5)
        yield Served(address, load_registered(finished.mlflow_uri, "mails@champion"))
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def split(texts: list[Any]) -> dict[str, Any]:
    return {"dataframe_split": {"columns": ["text"], "data": [[text] for text in texts]}}


REFUSED: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "application/json"),
    "empty body": ("", "application/json"),
    "a list": ("[1, 2]", "application/json"),
    "no known key": ('{"rows": [["a"]]}', "application/json"),
    "another column": (json.dumps({"dataframe_split": {"columns": ["body"], "data": [["a"]]}}), "application/json"),
    "an object for a text": (json.dumps(split([{"a": 1}])), "application/json"),
    "a list for a text": (json.dumps(split([["a", "b"]])), "application/json"),
    "rows of two lengths": (
        '{"dataframe_split": {"columns": ["text"], "data": [["a"], ["b", "c"]]}}',
        "application/json",
    ),
    "a picture": ("\x89PNG", "image/png"),
}


def test_two_hundred_requests_get_right_answers_in_order_or_a_clear_refusal(served: Served) -> None:
    huge = ["word " * 200_000, "<b>" * 200_000]
    answered = refused = 0
    with httpx.Client(base_url=served.address, timeout=120) as client:
        for number in range(NUM_REQUESTS):
            name = list(REFUSED)[number % len(REFUSED)] if number % 4 == 3 else ""
            if name:
                body, kind = REFUSED[name]
                answer = client.post("/invocations", content=body.encode(), headers={"content-type": kind})
                assert 400 <= answer.status_code < 500, f"{name}: {answer.status_code} {answer.text[:300]}"
                refused += 1
                continue
            texts = TEXTS[number % len(TEXTS) :] + TEXTS[: number % len(TEXTS)]
            texts = texts[: 1 + number % len(TEXTS)] + ([huge[number // 100]] if number % 100 == 0 else [])
            answer = client.post("/invocations", json=split(texts))
            assert answer.status_code == 200, answer.text[:300]
            expected = served.model.predict(pd.DataFrame({"text": texts}))
            got = pd.DataFrame(answer.json()["predictions"], dtype=object)  # None of a blank text stays None
            assert got["label"].tolist() == expected["label"].tolist()
            for column in expected.columns[1:]:
                assert got[column].tolist() == pytest.approx(expected[column].tolist(), abs=1e-6)
            answered += 1
    assert (answered, refused) == (150, 50)


def test_missing_texts_numbers_and_no_rows_are_answered_or_refused_but_never_a_fault(served: Served) -> None:
    for texts in ([None], ["a", None, "b"], [], [12], ["a", 3, "b"]):
        answer = httpx.post(f"{served.address}/invocations", json=split(texts), timeout=60)
        assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text[:300]
        if answer.status_code == 200:
            assert len(answer.json()["predictions"]) == len(texts)
