"""The gates: who passes, who does not, and what happens when the plug is pulled."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Optional

import fastapi
import flask
import httpx
import pytest
from installation import Fault, Installation, Proxy

import allot as package
from allot.fastapi import gate
from allot.flask import Gate


class Asked:
    """An app of either framework with one guarded route, and how often its view ran."""

    def __init__(self, framework: str, url: str, credentials: dict[str, Any], **options: Any) -> None:
        self.ran = 0
        self.seen: Any = None
        self.framework = framework
        self.url, self.credentials = url, credentials
        feature = options.pop("feature_code", "reports")
        self.feature, self.options = feature, options
        if framework != "fastapi":
            self.blocking = package.Allot(url, **credentials, attempts=1)
            self.app = self._flask()

    def _flask(self) -> flask.Flask:
        app = flask.Flask("app")

        def customer() -> Optional[str]:
            return flask.request.headers.get("X-Customer")

        guard = Gate(self.blocking, self.feature, customer=customer, **self.options)

        def view() -> dict[str, bool]:
            self.ran += 1
            self.seen = flask.g.allot
            return {"ok": True}

        if self.framework == "flask":
            app.post("/")(guard(view))
        else:
            app.before_request(guard.before_request)
            app.post("/")(view)
        return app

    def post(self, customer: Optional[str]) -> tuple[int, Any]:
        headers = {"X-Customer": customer} if customer else {}
        if self.framework != "fastapi":
            answer = self.app.test_client().post("/", headers=headers)
            return answer.status_code, answer.json
        return asyncio.run(self._post(headers))

    async def _post(self, headers: dict[str, str]) -> tuple[int, Any]:
        async with package.AsyncAllot(self.url, **self.credentials, attempts=1) as client:
            api = fastapi_app(client, self)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://app") as http:
                answer = await http.post("/", headers=headers)
                body = answer.json()
                return answer.status_code, body.get("detail", body)


def fastapi_app(client: package.AsyncAllot, asked: Asked) -> fastapi.FastAPI:
    api = fastapi.FastAPI()

    def customer(request: fastapi.Request) -> Optional[str]:
        return request.headers.get("X-Customer")

    guard = gate(client, asked.feature, customer=customer, **asked.options)

    async def view(decision: Any) -> dict[str, bool]:
        asked.ran += 1
        asked.seen = decision
        return {"ok": True}

    view.__annotations__ = {"decision": Any}
    view.__defaults__ = (fastapi.Depends(guard),)
    api.post("/")(view)

    async def ping() -> dict[str, bool]:
        return {"ok": True}

    api.get("/ping")(ping)
    return api


@pytest.fixture(params=["flask", "flask before_request", "fastapi"])
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_consume_counts_until_the_limit(framework: str, server: Installation, org: str) -> None:
    asked = Asked(framework, server.url, server.credentials)
    assert [asked.post(org)[0] for _ in range(3)] == [200] * 3
    assert asked.seen.remaining == 0
    status, body = asked.post(org)
    assert status == 402 and asked.ran == 3
    assert body["error"] == "not_allowed"
    decision = body["decision"]
    assert (decision["allowed"], decision["reason"], decision["limit"], decision["used"]) == (
        False,
        "limit_reached",
        3,
        "3",
    )
    assert "sources" not in decision


def test_check_counts_nothing(framework: str, server: Installation, org: str) -> None:
    asked = Asked(framework, server.url, server.credentials, mode="check", units=3)
    assert [asked.post(org)[0] for _ in range(4)] == [200] * 4
    assert asked.seen.used == 0


def test_who_has_not_the_feature_or_is_nobody(framework: str, server: Installation, org: str) -> None:
    asked = Asked(framework, server.url, server.credentials, feature_code="sso", mode="check")
    assert asked.post(org)[0] == 403
    assert asked.post(None) == (403, {"error": "no_customer"})
    assert asked.post("org_code:nobody") == (403, {"error": "no_customer"})
    assert asked.ran == 0


def test_the_status_is_configurable(framework: str, server: Installation, org: str) -> None:
    assert Asked(framework, server.url, server.credentials, units=4, status=451).post(org)[0] == 451

    def by_reason(decision: package.Decision) -> int:
        return 409 if decision.reason == "limit_reached" else 500

    assert Asked(framework, server.url, server.credentials, units=4, status=by_reason).post(org)[0] == 409


def test_pull_the_plug(framework: str, own_server: Installation) -> None:
    with package.Allot(own_server.url, **own_server.credentials) as allot:
        allot.customers.ensure(org_code="acme")
    closed = Asked(framework, own_server.url, own_server.credentials)
    opened = Asked(framework, own_server.url, own_server.credentials, on_error="allow")
    assert [closed.post("org_code:acme")[0], opened.post("org_code:acme")[0]] == [200, 200]
    own_server.pull_the_plug()
    assert closed.post("org_code:acme") == (503, {"error": "unavailable"})
    assert closed.ran == 1
    assert opened.post("org_code:acme")[0] == 200
    assert opened.ran == 2 and opened.seen is None
    assert opened.post(None)[0] == 403  # nobody is not let in even then
    own_server.start()
    assert closed.post("org_code:acme")[0] == 200


def test_an_answer_that_is_not_a_yes(framework: str, server: Installation, proxy: Proxy, org: str) -> None:
    asked = Asked(framework, proxy.url, server.credentials)
    for status in (200, 429, 500, 503):
        proxy.faults = [Fault("/v1/consume", status)]
        assert asked.post(org) == (503, {"error": "unavailable"})
    assert asked.ran == 0


@pytest.mark.parametrize("on_error", ["deny", "allow"])
def test_a_fault_of_the_program_lets_nobody_in(framework: str, server: Installation, org: str, on_error: Any) -> None:
    wrong = {**server.credentials, "client_secret": "wrong"}
    for asked, kind in (
        (Asked(framework, server.url, wrong, on_error=on_error), package.AuthenticationError),
        (Asked(framework, server.url, server.credentials, on_error=on_error, feature_code="teleport"), package.NotFoundError),
    ):
        if framework != "fastapi":
            asked.app.testing = True
        with pytest.raises(kind):
            asked.post(org)
        assert asked.ran == 0


def test_the_event_loop_goes_on(server: Installation) -> None:
    """While Allot is silent, requests that do not need it are answered."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        asked = Asked("fastapi", f"http://127.0.0.1:{silent.getsockname()[1]}", server.credentials, timeout=10.0)

        async def main() -> None:
            async with package.AsyncAllot(asked.url, **asked.credentials, attempts=1) as client:
                api = fastapi_app(client, asked)
                async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://app") as http:
                    waiting = asyncio.ensure_future(http.post("/", headers={"X-Customer": "org_code:a"}))
                    connection, _ = await asyncio.get_running_loop().sock_accept(silent)  # Allot is being asked
                    for _ in range(20):
                        assert (await http.get("/ping")).status_code == 200
                    assert not waiting.done()
                    silent.close()
                    connection.close()
                    assert (await waiting).status_code == 503

        asyncio.run(main())


def test_gates_refuse_what_they_cannot_do() -> None:
    blocking = package.Allot("http://localhost", "id", "secret")
    other = package.AsyncAllot("http://localhost", "id", "secret")
    with pytest.raises(TypeError, match="AsyncAllot"):
        gate(blocking, "reports", customer=lambda: None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="an Allot"):
        Gate(other, "reports", customer=lambda: None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="on_error 'open'"):
        Gate(blocking, "reports", customer=lambda: None, on_error="open")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mode 'ask'"):
        gate(other, "reports", customer=lambda: None, mode="ask")  # type: ignore[arg-type]
