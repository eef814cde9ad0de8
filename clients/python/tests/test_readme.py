"""The README and the example app do what they say."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import runpy
from pathlib import Path
from typing import Any, Dict

import httpx
import pytest
from installation import Installation

README = Path(__file__).parents[1] / "README.md"
EXAMPLE = Path(__file__).parents[3] / "examples" / "flask-app" / "app.py"


@pytest.fixture
def environment(own_server: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in own_server.environment.items():
        monkeypatch.setenv(name, value)


def test_readme(environment: None) -> None:
    """Run its blocks in order, as one program; "print(…)  # text" must print the text."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) >= 8
    names: Dict[str, Any] = {"__name__": "readme"}
    wanted = 0
    for block in blocks:
        want = re.findall(r"print\(.*\)  # (.*)", block)
        wanted += len(want)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, str(README), "exec"), names)
        if want:
            assert printed.getvalue().splitlines() == want

    assert wanted >= 9

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(names["api"])
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as http:
            return await http.post("/reports", headers={"X-Org": "acme"})

    assert asyncio.run(ask()).json() == {"left": "996"}


def test_readme_names_every_option_and_error() -> None:
    import inspect

    import allot
    from allot.flask import Gate

    text = README.read_text()
    for function in (allot.Allot.__init__, allot.AsyncAllot.__init__, Gate.__init__):
        for name in list(inspect.signature(function).parameters)[1:]:
            assert f"`{name}`" in text or name in ("allot", "feature_code"), name
    for name in allot.__all__:
        if name.endswith("Error"):
            assert f"`{name}`" in text, name


def test_example(environment: None) -> None:
    client = runpy.run_path(str(EXAMPLE))["app"].test_client()
    acme = {"X-Org": "acme"}

    assert client.post("/signup", json={"org": "acme"}).json == {"plan": "free"}
    assert client.post("/signup", json={"org": "acme"}).json == {"plan": "free"}
    assert client.get("/sso", headers=acme).status_code == 403
    assert [client.post("/reports", headers=acme).status_code for _ in range(4)] == [200, 200, 200, 402]
    assert client.post("/reports").status_code == 403

    assert client.post("/plan", headers=acme, json={"plan": "pro"}).json == {"plan": "pro"}
    assert client.get("/sso", headers=acme).json == {"sso": "on"}
    assert client.post("/reports", headers=acme).json == {"report": "done", "left": "996"}

    assert client.post("/plan", headers=acme, json={"plan": "free"}).json == {"plan": "free"}
    refused = client.post("/reports", headers=acme)
    assert refused.status_code == 402
    assert refused.json["decision"]["reason"] == "limit_reached"
    assert client.post("/plan", headers=acme, json={"plan": "gold"}).json == {"error": "PLAN_NOT_FOUND"}
