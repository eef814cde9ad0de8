from __future__ import annotations

import asyncio
import inspect
import itertools
from pathlib import Path
from typing import Any, Callable, Coroutine, Iterator

import certifi
import pytest
from installation import Installation, Proxy

import allot as package


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The server that most tests share; each takes customers of its own."""
    running = Installation(tmp_path_factory.mktemp("allot") / "data")
    yield running
    running.pull_the_plug()


@pytest.fixture
def own_server(tmp_path: Any) -> Iterator[Installation]:
    """A server for a test that ends it."""
    running = Installation(tmp_path / "data")
    yield running
    running.pull_the_plug()


@pytest.fixture
def proxy(server: Installation) -> Iterator[Proxy]:
    running = Proxy(server.port)
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="session", autouse=True)
def few_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Lets the many clients of the tests read one certificate each, not the 150 they will not need."""
    first, end, _ = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----\n")
    bundle = tmp_path_factory.mktemp("certificates") / "one.pem"
    bundle.write_text(first + end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(bundle))
        yield


_numbers = itertools.count(1)


@pytest.fixture
def org(server: Installation) -> str:
    """A new organization on the plan free: 3 reports, 10 minutes."""
    code = f"org_{next(_numbers)}"
    with package.Allot(server.url, **server.credentials) as allot:
        allot.customers.create(org_code=code)
    return f"org_code:{code}"


@pytest.fixture(params=["Allot", "AsyncAllot"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Run a test's body with either client.

    The body is a coroutine function of the client and of ``done``, which waits
    for what a call of either client returns.
    """

    async def done(value: Any) -> Any:
        return await value if inspect.isawaitable(value) else value

    def run(body: Callable[..., Coroutine[Any, Any, Any]], url: str, **options: Any) -> Any:
        async def main() -> Any:
            if request.param == "Allot":
                with package.Allot(url, **options) as blocking:
                    return await body(blocking, done)
            async with package.AsyncAllot(url, **options) as allot:
                return await body(allot, done)

        return asyncio.run(main())

    return run
