"""Retries, keys, tokens, limits, errors: what happens to every request."""

from __future__ import annotations

import asyncio
import logging
import pickle
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator

import pytest
from installation import Fault, Installation, Proxy

import allot as package
from allot import _exchange

Run = Callable[..., Any]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The waits between attempts, which take no time."""
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr("allot._sync.time", _Time(asked))
    monkeypatch.setattr("allot._async.asyncio.sleep", sleep)
    yield asked


class _Time:
    def __init__(self, asked: list[float]) -> None:
        self.sleep = asked.append
        self.monotonic = time.monotonic


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Moves the clock that tokens and deadlines are measured by."""
    moved = [0.0]
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + moved[0])

    def move(seconds: float) -> None:
        moved[0] += seconds

    yield move


def test_a_dropped_answer_counts_once(run: Run, server: Installation, proxy: Proxy, org: str, waits: list[float]) -> None:
    proxy.faults = [Fault("/v1/consume"), Fault("/v1/consume", 503), Fault("/v1/consume", 500)]

    async def body(allot: Any, done: Any) -> None:
        assert (await done(allot.consume(org, "reports"))).used == 1
        assert (await done(allot.check(org, "reports"))).used == 1

    run(body, proxy.url, **server.credentials)
    keys = [seen.key for seen in proxy.seen if seen.path == "/v1/consume"]
    assert len(keys) == 4 and keys[0] and len(set(keys)) == 1
    assert len(waits) == 3


def test_two_calls_have_two_keys(run: Run, server: Installation, proxy: Proxy, org: str) -> None:
    async def body(allot: Any, done: Any) -> None:
        await done(allot.consume(org, "reports"))
        await done(allot.consume(org, "reports"))

    run(body, proxy.url, **server.credentials)
    assert len({seen.key for seen in proxy.seen if seen.path == "/v1/consume"}) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_is_honoured(
    run: Run, server: Installation, proxy: Proxy, org: str, waits: list[float], status: int
) -> None:
    proxy.faults = [Fault("/v1/check", status, {"Retry-After": "2"}), Fault("/v1/check", status)]

    async def body(allot: Any, done: Any) -> None:
        assert await done(allot.check(org, "reports"))

    run(body, proxy.url, **server.credentials)
    assert 2 <= waits[0] <= 2.2 and waits[1] <= 0.4


def test_a_wait_beyond_the_timeout_is_not_waited_for(
    run: Run, server: Installation, proxy: Proxy, org: str, waits: list[float]
) -> None:
    proxy.faults = [Fault("/v1/consume", 429, {"Retry-After": "20"}, "TOO_MANY_REQUESTS")]

    async def body(allot: Any, done: Any) -> None:
        with pytest.raises(package.RateLimitedError) as error:
            await done(allot.consume(org, "reports"))
        assert error.value.retry_after == 20

    run(body, proxy.url, **server.credentials)
    assert waits == []


def test_what_is_not_safe_to_repeat_is_not_repeated(
    run: Run, server: Installation, proxy: Proxy, org: str, waits: list[float]
) -> None:
    async def body(allot: Any, done: Any) -> None:
        agreement = (await done(allot.customers.get(org))).agreements[0].id
        proxy.faults = [Fault("/v1/agreements", 503)]
        with pytest.raises(package.UnavailableError):
            await done(allot.agreements.cancel(agreement))
        proxy.faults = [Fault("/v1/agreements", 429)]
        assert (await done(allot.agreements.cancel(agreement))).status == "ended"

    run(body, proxy.url, **server.credentials)


def test_what_was_recorded_before_a_bulk_that_fails(run: Run, server: Installation, proxy: Proxy, org: str) -> None:
    proxy.faults = [Fault("/v1/usage", 400, code="BODY_INVALID", after=1)]

    async def body(allot: Any, done: Any) -> None:
        customer = (await done(allot.customers.get(org))).id
        records = [{"customer_id": customer, "feature_code": "minutes", "value": "0.001"}] * 1001
        with pytest.raises(package.InvalidRequestError) as error:
            await done(allot.usage.record(records))
        assert len(error.value.recorded) == 1000

    run(body, proxy.url, **server.credentials)


def test_one_token_for_many_calls(server: Installation, proxy: Proxy, org: str) -> None:
    with package.Allot(proxy.url, **server.credentials) as allot, ThreadPoolExecutor(12) as pool:
        assert all(pool.map(lambda _: allot.check(org, "reports"), range(24)))
    assert proxy.count("/oauth2/token") == 1

    async def many() -> None:
        async with package.AsyncAllot(proxy.url, **server.credentials) as client:
            assert all(await asyncio.gather(*(client.check(org, "reports") for _ in range(24))))

    asyncio.run(many())
    assert proxy.count("/oauth2/token") == 2


def test_a_token_is_fetched_again_before_it_ends(
    run: Run, server: Installation, proxy: Proxy, org: str, clock: Callable[[float], None]
) -> None:
    async def body(allot: Any, done: Any) -> None:
        await done(allot.check(org, "reports"))
        until = allot._tokens._token.until
        clock(until - time.monotonic() - 5)
        await done(allot.check(org, "reports"))
        assert proxy.count("/oauth2/token") == 1
        clock(5)
        await done(allot.check(org, "reports"))
        assert proxy.count("/oauth2/token") == 2

    run(body, proxy.url, **server.credentials)


def test_a_refused_token_is_fetched_again_once(run: Run, server: Installation, proxy: Proxy, org: str) -> None:
    refused = Fault("/v1/", 403, code="INVALID_CREDENTIALS")

    async def body(allot: Any, done: Any) -> None:
        await done(allot.check(org, "reports"))
        proxy.faults = [refused]
        assert (await done(allot.consume(org, "reports"))).used == 1
        proxy.faults = [refused, refused]
        with pytest.raises(package.AuthenticationError):
            await done(allot.check(org, "reports"))

    run(body, proxy.url, **server.credentials)
    assert proxy.count("/oauth2/token") == 3


def test_a_failed_fetch_is_shared(server: Installation, proxy: Proxy, org: str, waits: list[float]) -> None:
    proxy.faults = [Fault("/oauth2/token", 503)] * 100
    with package.Allot(proxy.url, **server.credentials, attempts=1) as allot, ThreadPoolExecutor(8) as pool:
        for fault in pool.map(lambda _: _fault(allot, org), range(8)):
            assert isinstance(fault, package.UnavailableError)


def _fault(allot: package.Allot, org: str) -> Any:
    try:
        return allot.check(org, "reports")
    except package.AllotError as error:
        return error


def test_exactly_as_many_as_the_limit(server: Installation, org: str) -> None:
    with package.Allot(server.url, **server.credentials) as allot, ThreadPoolExecutor(16) as pool:
        decisions = list(pool.map(lambda _: allot.consume(org, "minutes"), range(25)))
    assert sum(d.allowed for d in decisions) == 10

    async def many() -> int:
        async with package.AsyncAllot(server.url, **server.credentials) as client:
            return sum(map(bool, await asyncio.gather(*(client.consume(org, "reports") for _ in range(20)))))

    assert asyncio.run(many()) == 3


def test_errors_by_situation(run: Run, server: Installation, org: str) -> None:
    narrow = server.client("narrow", "read:catalog")
    secrets: dict[str, Any] = {"client_id": narrow["client_id"], "client_secret": narrow["client_secret"]}

    async def expect(
        allot: Any, done: Any, kind: type[package.AllotError], code: str, feature: str = "reports", who: str = org
    ) -> None:
        with pytest.raises(kind) as error:
            await done(allot.check(who, feature))
        assert error.value.code == code and error.value.request_id
        assert code in str(error.value) and error.value.request_id in str(error.value)

    async def no_scope(allot: Any, done: Any) -> None:
        await expect(allot, done, package.PermissionDeniedError, "SCOPE_MISSING")

    async def bad_secret(allot: Any, done: Any) -> None:
        await expect(allot, done, package.AuthenticationError, "INVALID_CLIENT")

    async def others(allot: Any, done: Any) -> None:
        await expect(allot, done, package.NotFoundError, "FEATURE_NOT_FOUND", "nothing")
        await expect(allot, done, package.NotFoundError, "CUSTOMER_NOT_FOUND", who="org_code:nobody")
        with pytest.raises(package.InvalidRequestError):
            await done(allot.check(org, "reports", units=0))

    run(no_scope, server.url, **secrets)
    run(bad_secret, server.url, **{**secrets, "client_secret": "wrong"})
    run(others, server.url, **server.credentials)


def test_no_answer(run: Run, org: str, server: Installation, waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, never answers
        port = silent.getsockname()[1]

        async def body(allot: Any, done: Any) -> None:
            began = time.monotonic()
            with pytest.raises(package.UnavailableError) as error:
                await done(allot.check(org, "reports", timeout=0.2))
            assert time.monotonic() - began < 5
            assert error.value.status is None

        run(body, f"http://127.0.0.1:{port}", **server.credentials)

    async def refused(allot: Any, done: Any) -> None:
        with pytest.raises(package.UnavailableError, match="no connection"):
            await done(allot.agreements.cancel("agreement_1"))

    run(refused, f"http://127.0.0.1:{port}", **server.credentials)
    assert len(waits) == 3  # nothing was sent, so it was tried again


def test_an_answer_of_something_else(run: Run, server: Installation, proxy: Proxy, org: str) -> None:
    async def body(allot: Any, done: Any) -> None:
        await done(allot.check(org, "reports"))
        proxy.faults = [Fault("/v1/check", 200)]  # {"errors": …}
        with pytest.raises(package.UnavailableError, match="no Decision"):
            await done(allot.check(org, "reports"))
        proxy.faults = [Fault("/v1/check", 302, {"Location": "http://127.0.0.1:9/"})]
        with pytest.raises(package.AllotError) as error:
            await done(allot.check(org, "reports"))
        assert error.value.status == 302

    run(body, proxy.url, **server.credentials)


def test_secrets_are_nowhere(run: Run, server: Installation, org: str, caplog: pytest.LogCaptureFixture) -> None:
    secret = server.credentials["client_secret"]
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []

    async def good(allot: Any, done: Any) -> None:
        await done(allot.check(org, "reports"))
        texts.extend([repr(allot), repr(vars(allot)), repr(allot._settings), repr(vars(allot._tokens))])
        texts.append(repr(allot._settings.credentials.request()))
        assert not any(allot._tokens._token.value in text for text in [*texts, caplog.text])

    async def bad(allot: Any, done: Any) -> None:
        with pytest.raises(package.AuthenticationError) as error:
            await done(allot.check(org, "reports"))
        texts.extend([str(error.value), repr(error.value), repr(vars(error.value))])

    run(good, server.url, **server.credentials)
    run(bad, server.url, client_id="nobody", client_secret=secret)
    assert not any(secret in text for text in [*texts, caplog.text])


def test_settings(server: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALLOT_URL", "ALLOT_CLIENT_ID", "ALLOT_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="url, client_id, client_secret.*ALLOT_URL, ALLOT_CLIENT_ID, ALLOT_CLIENT_SECRET"):
        package.Allot()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with package.Allot() as allot:
        assert allot.customers.ensure(org_code="by_environment").org_code == "by_environment"
    for url in ("localhost:8080", "ftp://localhost", "http://user:pass@localhost", "http://localhost?x=1"):
        with pytest.raises(ValueError, match="the url of Allot") as error:
            package.AsyncAllot(url)
        assert "pass" not in str(error.value)
    with pytest.raises(ValueError, match="idempotency key"):
        package.Allot().consume("org_code:a", "reports", idempotency_key="käse")


def test_errors_travel_between_processes() -> None:
    refused = package.RefusedError(package.Decision(False, "limit_reached", "reports"))
    late = package.RateLimitedError("slow down", code="TOO_MANY_REQUESTS", status=429, retry_after=2.0)
    for error in (refused, late):
        copied = pickle.loads(pickle.dumps(error))
        assert type(copied) is type(error) and str(copied) == str(error) and vars(copied) == vars(error)


def test_times_and_waits_are_read() -> None:
    from allot._answers import _time

    assert _time("2027-01-02T03:04:05Z").isoformat() == "2027-01-02T03:04:05+00:00"
    assert _time("2027-01-02T03:04:05.1234567Z").isoformat() == "2027-01-02T03:04:05.123456+00:00"
    assert _time("2027-01-02T03:04:05.5+11:00").isoformat() == "2027-01-02T03:04:05.500000+11:00"
    asked = [
        _exchange._asked_wait(_exchange.Reply(503, {"retry-after": text}, b""))
        for text in ("3", "Thu, 01 Jan 1970 00:00:00 GMT", "soon")
    ]
    assert asked == [3.0, 0.0, None]


def test_a_hold_that_is_not_released_ends_by_itself(
    server: Installation, proxy: Proxy, org: str, caplog: pytest.LogCaptureFixture
) -> None:
    with package.Allot(proxy.url, **server.credentials, attempts=1) as allot:
        with pytest.raises(KeyError, match="ours"):
            with allot.hold(org, "minutes"):
                proxy.faults = [Fault("/v1/holds", 503)]
                raise KeyError("ours")
    assert "is not released" in caplog.text


def test_a_cancelled_block_releases_its_hold(server: Installation, org: str) -> None:
    async def main() -> None:
        async with package.AsyncAllot(server.url, **server.credentials) as allot:
            held = asyncio.Event()

            async def work() -> None:
                async with allot.hold(org, "minutes", units=5):
                    held.set()
                    await asyncio.Event().wait()

            task = asyncio.ensure_future(work())
            await held.wait()
            assert (await allot.check(org, "minutes")).held == 5
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await allot.check(org, "minutes")).held == 0

    asyncio.run(main())


def test_a_call_that_is_given_up_does_not_end_the_fetch_of_a_token(server: Installation, org: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def answer_late() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            done.wait()
            text = b'{"access_token":"late","expires_in":3600}'
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
            connection.close()

        threading.Thread(target=answer_late, daemon=True).start()

        async def main() -> None:
            async with package.AsyncAllot(f"http://127.0.0.1:{listener.getsockname()[1]}", "id", "secret") as allot:
                with pytest.raises(package.UnavailableError):
                    await allot.check(org, "reports", timeout=0.05)
                fetch = allot._tokens._fetch
                assert fetch and not fetch.done()
                done.set()
                assert (await fetch).value == "late"

        asyncio.run(main())
