"""Access: this machine alone without keys, and with keys whoever has one, for what its roles allow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving.wrong_requests import problem_of
from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.access import Access, read_access, require_keys
from tradesieve.serving.champion import Champion
from tradesieve.serving.client import ScoringClient
from tradesieve.serving.endpoints import build_application
from tradesieve.serving.metrics import Metrics

SCORE, PUSH, BOTH, ADMIN = ("s" * 30, "p" * 30, "b" * 30, "a" * 30)
KEYS = f"score:{SCORE}, push:{PUSH},score+push:{BOTH},admin:{ADMIN}"


def answer(
    method: str = "POST",
    path: str = "/score",
    *,
    access: Access | None = None,
    peer: str = "127.0.0.1",
    host: str = "127.0.0.1:3000",
    **headers: str,
) -> httpx.Response:
    """Send a request to an application that has no model yet: 422 is its own answer, what comes before is access."""
    metrics = Metrics()
    application = build_application(Champion(metrics), metrics)
    application.state.access = access or Access()
    transport = httpx.ASGITransport(application, client=(peer, 1234))

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(
                method, path, json={} if method == "POST" else None, headers={"Host": host, **headers}
            )

    return asyncio.run(send())


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost", "[::1]:3000", "127.0.0.2"])
def test_without_keys_programs_of_this_machine_are_answered(host: str) -> None:
    assert answer(host=host).status_code == 422


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"peer": "192.168.1.7"}, "this machine alone"),
        ({"peer": "2001:db8::1"}, "this machine alone"),
        ({"Origin": "https://evil.example"}, "no web page"),
        ({"Origin": "null"}, "no web page"),
        ({"host": "evil.example"}, "evil.example"),
        ({"host": "127.0.0.1.evil.example"}, "under a name of this machine"),
        ({"host": "192.168.1.5:3000"}, "under a name of this machine"),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/bars"), ("POST", "/score"), ("GET", "/model"), ("GET", "/x")])
def test_without_keys_nobody_else_is(named: dict[str, Any], said: str, method: str, path: str) -> None:
    problem = problem_of(answer(method, path, **named))
    assert (problem["status"], problem["type"]) == (403, "urn:tradesieve:not-local")
    assert said in problem["detail"]
    assert "TRADESIEVE_KEYS" in problem["hint"]


@pytest.mark.parametrize(
    ("key", "path", "status"),
    [
        (SCORE, "/score", 422), (SCORE, "/bars", 403), (PUSH, "/bars", 422), (PUSH, "/score", 403),
        (BOTH, "/score", 422), (BOTH, "/bars", 422), (ADMIN, "/score", 422), (ADMIN, "/bars", 422),
        (SCORE, "/v1/score", 422), (SCORE, "/v1/bars", 403), (PUSH, "/v1/score", 403), ("", "/v1/bars", 401),
        ("", "/score", 401), ("x" * 30, "/score", 401), (SCORE[:-1], "/score", 401), (SCORE + "s", "/bars", 401),
    ],
)  # fmt: skip
def test_a_key_may_what_its_roles_say(key: str, path: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    response = answer("POST", path, access=read_access({"TRADESIEVE_KEYS": KEYS}), peer="10.0.0.9", **headers)
    assert response.status_code == status
    if key:
        assert key not in response.text


@pytest.mark.parametrize("path", ["/model", "/metrics", "/", "/nothing"])
def test_reading_takes_any_key(path: str) -> None:
    access = read_access({"TRADESIEVE_KEYS": KEYS})
    response = answer("GET", path, access=access)
    assert problem_of(response)["type"] == "urn:tradesieve:no-key"
    assert response.headers["www-authenticate"] == "Bearer"
    assert answer("GET", path, access=access, Authorization=f"Bearer {PUSH}").status_code in (200, 404, 422)
    assert answer("GET", path, access=access, Authorization=f"Basic {PUSH}").status_code == 401


def test_keys_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# the bot\nscore+push:{BOTH}\n\nadmin:{ADMIN}  # mine\n")
    assert read_access({"TRADESIEVE_KEYS_FILE": str(path)}) == read_access(
        {"TRADESIEVE_KEYS": f"score+push:{BOTH},admin:{ADMIN}"}
    )


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("secret-secret-secret-secret", BadInput, "key 1 is not written ROLE:KEY"),
        (f"score:{SCORE},:{PUSH}", BadInput, "key 2 is not written ROLE:KEY"),
        (f"scores:{SCORE}", Unknown, "did you mean 'score'"),
        ("score:short-secret", BadInput, "key 1 has 12 characters, fewer than 24"),
        (f"score:{SCORE},push:{SCORE}", BadInput, "key 2 is there twice"),
    ],
)
def test_bad_keys_are_refused_without_being_shown(text: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        read_access({"TRADESIEVE_KEYS": text})
    assert not any(secret in str(caught.value) for secret in (SCORE, PUSH, "secret-secret", "short-secret"))


def test_a_file_without_keys_does_not_open_the_service(tmp_path: Path) -> None:
    empty = tmp_path / "keys"
    empty.write_text("# none yet\n")
    for path, said in ((empty, "has no key"), (tmp_path / "absent", "cannot be read")):
        with pytest.raises(BadInput, match=said):
            read_access({"TRADESIEVE_KEYS_FILE": str(path)})
    with pytest.raises(BadInput, match="both set"):
        read_access({"TRADESIEVE_KEYS_FILE": str(empty), "TRADESIEVE_KEYS": KEYS})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "10.0.0.1"])
def test_without_keys_it_listens_on_this_machine_alone(host: str) -> None:
    with pytest.raises(Refused, match="there are no keys"):
        require_keys(host, {})
    require_keys(host, {"TRADESIEVE_KEYS": KEYS})
    require_keys("127.0.0.1", {})
    require_keys("::1", {})


def test_by_default_bentoml_listens_on_this_machine_alone(artifact: Artifact, start_server: Callable[..., Any]) -> None:
    server = start_server(artifact.folder, host=None)
    assert server.url in server.text(), "the log names the address, and localhost for every address"


def test_a_bento_that_would_listen_everywhere_without_keys_does_not_start(
    artifact: Artifact, start_server: Callable[..., Any]
) -> None:
    server = start_server(artifact.folder, wait=False, BENTOML_HOST="0.0.0.0", host=None)
    assert server.process.wait(180) != 0
    assert "TRADESIEVE_KEYS" in server.text()
    assert "Traceback" not in server.text()


def test_a_service_with_keys_answers_its_clients(
    artifact: Artifact, start_server: Callable[..., Any], make_request: Callable[..., dict]
) -> None:
    server = start_server(artifact.folder, TRADESIEVE_KEYS=KEYS)
    assert httpx.post(f"{server.url}/score", json=make_request()).status_code == 401
    with (
        ScoringClient(server.url, timeout=10.0) as nobody,
        pytest.raises(BadInput, match="refused with 401: the request"),
    ):
        nobody.model()
    with ScoringClient(server.url, timeout=10.0, key=SCORE) as client:
        assert client.model()["fingerprint"] == artifact.fingerprint
    decided = httpx.post(f"{server.url}/score", json=make_request(), headers={"Authorization": f"Bearer {SCORE}"})
    assert decided.json()["model"] == artifact.fingerprint
    assert not any(key in server.text() for key in (SCORE, PUSH, BOTH, ADMIN))
