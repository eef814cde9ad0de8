"""What the cases of Kinde's own Python SDK share: what a case is, and how one is run.

Importing it reads the run from standard input: where Allot is and what was put
into it, as `run` of conformance_test.go has it.
"""

import functools
import importlib.metadata
import json
import platform
import sys
import traceback

import requests

import kinde_sdk.management as kinde_sdk
from kinde_sdk.management.management_client import ManagementClient

run = json.load(sys.stdin)
suites = {}


def case(suite, name=None):
    """Makes the function a case of the suite, named after itself unless told otherwise."""
    def add(function):
        suites.setdefault(suite, []).append((name or function.__name__, function))
        return function
    return add


def main(wanted):
    failed = cases = 0
    for suite in wanted:
        for name, function in suites[suite]:
            line = {"case": f"{suite}/{name}", "ok": True}
            try:
                function()
            except Exception:
                line |= {"ok": False, "detail": traceback.format_exc()}
                failed += 1
            cases += 1
            print(json.dumps(line), flush=True)
    print(json.dumps({
        "sdk": "kinde-python-sdk",
        "version": importlib.metadata.version("kinde-python-sdk"),
        "runtime": "Python " + platform.python_version(),
        "cases": cases,
    }))
    return 1 if failed else 0


@functools.cache
def token(who):
    """A bearer token for run[who], fetched as Kinde's documentation says."""
    response = requests.post(run["url"] + "/oauth2/token", timeout=30, data={
        "grant_type": "client_credentials",
        "client_id": run[who]["client_id"],
        "client_secret": run[who]["client_secret"],
        "audience": run["url"] + "/api",
    })
    response.raise_for_status()
    return response.json()["access_token"]


def client(access_token):
    """The client generated from Kinde's API description, with a bearer token."""
    return kinde_sdk.ApiClient(kinde_sdk.Configuration(host=run["url"], access_token=access_token))


@functools.cache
def management(who="client"):
    """Kinde's own client, which fetches its tokens and speaks https only."""
    return ManagementClient(run["domain"], run[who]["client_id"], run[who]["client_secret"])


def terms(entitlements):
    """What the client was told, ids left out: to compare with the catalog."""
    return [{k: v for k, v in e.to_dict().items() if k != "id"} for e in entitlements]


def equal(got, want):
    assert got == want, f"\n got {got}\nwant {want}"


def refused(exception, code, call):
    """The call must raise exactly this exception, carrying exactly this one error."""
    try:
        answer = call()
    except exception as e:
        equal([error.code for error in e.data.errors], [code])
        assert e.data.errors[0].message, "an error without a message"
        return
    raise AssertionError(f"wanted {exception.__name__} {code}, was answered {answer}")
