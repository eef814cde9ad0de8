"""Entitlements and agreements: BillingEntitlementsApi, and ManagementClient around it."""

import contextlib
import functools
import io
import json
import os
import re

import kinde_sdk.management as kinde_sdk
from kinde_sdk.management.exceptions import BadRequestException, ForbiddenException

from cases import case, client, equal, management, refused, run, terms, token
from seed_example import example

UNKNOWN_CUSTOMER = "customer_" + "0" * 32
UNKNOWN_ENTITLEMENT = "entitlement_" + "0" * 32


def entitlements_api(access_token):
    return kinde_sdk.BillingEntitlementsApi(client(access_token))


@functools.cache
def api():
    return entitlements_api(token("client"))


def everything(of=None):
    return api().get_billing_entitlements(of or run["customer"], page_size=500).entitlements


def walk(page_size, cursor, start=None):
    """Every page in the direction of the cursor parameter, in the order met."""
    pages = []
    at = {cursor: start} if start else {}
    while True:
        page = api().get_billing_entitlements(run["customer"], page_size=page_size, **at)
        assert len(page.entitlements) <= page_size, "a page larger than asked for"
        pages.append(page.entitlements)
        if not page.has_more:
            return pages
        equal(len(page.entitlements), page_size)
        assert len(pages) < 100, "the walk does not end"
        at = {cursor: page.entitlements[-1 if cursor == "starting_after" else 0].id}


# The client generated from Kinde's API description, given a bearer token.

@case("openapi")
def seed_example():
    os.environ["BEARER_TOKEN"] = token("client")
    first = everything()[0].id
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        answer = example(run["url"], run["customer"], first)
    assert "Exception when calling" not in printed.getvalue(), printed.getvalue()
    equal((answer.code, answer.message, answer.has_more), ("OK", "Success", False))
    equal(terms(answer.entitlements), [{"entitlement_limit_max": 2147483647} | e for e in run["pro"]][1:])
    equal([plan.code for plan in answer.plans], ["pro"])


@case("openapi")
def entitlements_are_those_of_the_plan():
    entitlements = everything()
    equal(terms(entitlements), run["pro"])
    for e in entitlements:
        assert re.fullmatch("entitlement_[0-9a-f]{32}", e.id), e.id
        assert e.price_name and e.feature_code and e.feature_name, e
    ids = [e.id for e in entitlements]
    equal(ids, sorted(set(ids)))


@case("openapi")
def default_plan():
    equal(terms(everything(of=run["free_customer"])), run["free"])


@case("openapi")
def default_page_is_ten():
    page = api().get_billing_entitlements(run["customer"])
    equal((len(page.entitlements), page.has_more), (10, True))
    equal(page.entitlements, everything()[:10])


for size in (1, 3, 7, 10, 499, 500):
    @case("openapi", f"forward_by_{size}")
    def forward(size=size):
        equal([e for page in walk(size, "starting_after") for e in page], everything())

    @case("openapi", f"backward_by_{size}")
    def backward(size=size):
        whole = everything()
        pages = walk(size, "ending_before", whole[-1].id)
        equal([e for page in reversed(pages) for e in page], whole[:-1])


@case("openapi")
def max_value():
    page = api().get_billing_entitlements(run["customer"], page_size=500, max_value="9007199254740991")
    equal(terms(page.entitlements), [{"entitlement_limit_max": 9007199254740991} | e for e in run["pro"]])


@case("openapi")
def expand_plans():
    page = api().get_billing_entitlements(run["customer"], page_size=3, expand="plans")
    equal([plan.code for plan in page.plans], ["pro"])
    assert page.plans[0].subscribed_on.tzinfo is not None, page.plans
    again = api().get_billing_entitlements(
        run["customer"], page_size=3, expand="plans", starting_after=page.entitlements[-1].id)
    equal(again.plans, page.plans)


@case("openapi")
def no_plans_without_expand():
    equal(api().get_billing_entitlements(run["customer"]).plans, None)


@case("openapi")
def status_and_headers():
    answer = api().get_billing_entitlements_with_http_info(run["customer"])
    headers = {name.lower(): value for name, value in answer.headers.items()}
    equal((answer.status_code, headers["content-type"]), (200, "application/json; charset=utf-8"))


@case("openapi")
def body_has_no_null_and_no_more_than_documented():
    body = api().get_billing_entitlements_without_preload_content(run["customer"], page_size=500, expand="plans").read()
    assert b"null" not in body, body
    answer = json.loads(body)
    equal(set(answer), {"code", "message", "has_more", "entitlements", "plans"})
    documented = set(kinde_sdk.GetBillingEntitlementsResponseEntitlementsInner.model_fields)
    for e in answer["entitlements"]:
        assert set(e) <= documented, e
    for plan in answer["plans"]:
        equal(set(plan), {"code", "subscribed_on"})


for code, label, customer, arguments in (
    ("CUSTOMER_ID_REQUIRED", "empty", "", {}),
    ("CUSTOMER_NOT_FOUND", "unknown", UNKNOWN_CUSTOMER, {}),
    ("CUSTOMER_NOT_FOUND", "malformed", "no such form", {}),
    ("PAGE_SIZE_LIMIT_EXCEEDED", "501", None, {"page_size": 501}),
    ("PAGE_SIZE_INVALID", "0", None, {"page_size": 0}),
    ("PAGE_SIZE_INVALID", "negative", None, {"page_size": -1}),
    ("TOO_MANY_PARAMETERS", "both_cursors", None,
     {"starting_after": UNKNOWN_ENTITLEMENT, "ending_before": UNKNOWN_ENTITLEMENT}),
    ("STARTING_AFTER_INVALID", "malformed", None, {"starting_after": "entitlement_1"}),
    ("ENDING_BEFORE_INVALID", "other_kind", None, {"ending_before": "agreement_" + "0" * 32}),
    ("MAX_VALUE_INVALID", "text", None, {"max_value": "plenty"}),
    ("MAX_VALUE_INVALID", "negative", None, {"max_value": "-1"}),
    ("MAX_VALUE_INVALID", "too_large", None, {"max_value": "9007199254740992"}),
    ("EXPAND_INVALID", "unknown", None, {"expand": "features"}),
):
    @case("openapi", f"400_{code}_{label}")
    def bad_request(code=code, customer=customer, arguments=arguments):
        who = run["customer"] if customer is None else customer
        refused(BadRequestException, code, lambda: api().get_billing_entitlements(who, **arguments))


def resigned(access_token):
    """The token with one letter of its signature changed: well-formed, but not ours."""
    head, claims, signature = access_token.split(".")
    return ".".join((head, claims, ("B" if signature[0] == "A" else "A") + signature[1:]))


for label, bearer in (
    ("no_token", lambda: None),
    ("malformed_token", lambda: "not-a-token"),
    ("wrongly_signed_token", lambda: resigned(token("client"))),
):
    @case("openapi", f"403_INVALID_CREDENTIALS_{label}")
    def forbidden(bearer=bearer):
        refused(ForbiddenException, "INVALID_CREDENTIALS",
                lambda: entitlements_api(bearer()).get_billing_entitlements(run["customer"]))


@case("openapi", "403_SCOPE_MISSING")
def scope_missing():
    refused(ForbiddenException, "SCOPE_MISSING",
            lambda: entitlements_api(token("narrow")).get_billing_entitlements(run["customer"]))


# ManagementClient. Later cases build on earlier ones, as an application's life does.

def entitlements_of(customer, **arguments):
    return management().billing_entitlements_api.get_billing_entitlements(customer, page_size=500, **arguments)


def agreements_of(customer, **arguments):
    return management().billing_agreements_api.get_billing_agreements(customer, **arguments).agreements


def subscribe(customer, plan):
    answer = management().billing_agreements_api.create_billing_agreement(
        kinde_sdk.CreateBillingAgreementRequest(customer_id=customer, plan_code=plan))
    assert answer is not None, "the SDK took the answer for none: its status is not 200"
    equal((answer.code, answer.message), ("OK", "Success"))


@case("management")
def entitlements():
    equal(terms(entitlements_of(run["customer"]).entitlements), run["pro"])


@case("management")
def agreements():
    [agreement] = agreements_of(run["customer"])
    assert re.fullmatch("agreement_[0-9a-f]{32}", agreement.id), agreement.id
    assert re.fullmatch("sbg_[0-9a-f]{32}", agreement.billing_group_id), agreement.billing_group_id
    equal((agreement.plan_code, agreement.expires_on), ("pro", None))
    assert agreement.current_period_start < agreement.current_period_end, agreement
    equal([(e.feature_code, e.entitlement_id) for e in agreement.entitlements],
          [(e.feature_code, e.id) for e in entitlements_of(run["customer"]).entitlements])


@case("management")
def agreements_with_feature():
    equal([a.plan_code for a in agreements_of(run["customer"], feature_code="sso")], ["pro"])
    equal(agreements_of(run["customer"], feature_code="early_access"), [])
    refused(BadRequestException, "FEATURE_NOT_FOUND",
            lambda: agreements_of(run["customer"], feature_code="flying"))


@case("management")
def upgrade():
    customer = run["python_customer"]
    equal(terms(entitlements_of(customer).entitlements), run["free"])
    subscribe(customer, "pro")
    after = entitlements_of(customer, expand="plans")
    equal(terms(after.entitlements), run["pro"])
    equal([plan.code for plan in after.plans], ["pro"])
    old, new = agreements_of(customer)
    equal((old.plan_code, new.plan_code), ("free", "pro"))
    equal((old.expires_on, new.expires_on), (after.plans[0].subscribed_on, None))
    equal((old.current_period_start, old.current_period_end), (None, None))


@case("management")
def plan_already_held_is_kept():
    before = entitlements_of(run["python_customer"]).entitlements
    subscribe(run["python_customer"], "pro")
    equal(entitlements_of(run["python_customer"]).entitlements, before)
    equal(len(agreements_of(run["python_customer"])), 2)


@case("management")
def add_on_beside_the_plan():
    subscribe(run["python_customer"], "extra_seats")
    after = entitlements_of(run["python_customer"], expand="plans")
    equal([plan.code for plan in after.plans], ["pro", "extra_seats"])
    seats = [(e.price_name, e.unit_amount, e.entitlement_limit_max)
             for e in after.entitlements if e.feature_code == "seats"]
    equal(seats, [("Pro seat", 900, 15), ("Extra seat", 700, 15)])


@case("management")
def agreements_by_page():
    walked, after = [], None
    for _ in range(3):
        page = management().billing_agreements_api.get_billing_agreements(
            run["python_customer"], page_size=1, starting_after=after)
        walked += page.agreements
        after = page.agreements[-1].id
    equal(page.has_more, False)
    equal([a.plan_code for a in walked], ["free", "pro", "extra_seats"])


for code, customer, plan in (
    ("CUSTOMER_NOT_FOUND", UNKNOWN_CUSTOMER, "pro"),
    ("PLAN_CODE_REQUIRED", None, ""),
    ("PLAN_NOT_FOUND", None, "gold"),
    ("PLAN_NOT_PUBLISHED", None, "next"),
    ("PLAN_NOT_AVAILABLE", None, "solo"),
):
    @case("management", f"400_{code}")
    def not_subscribed(code=code, customer=customer, plan=plan):
        refused(BadRequestException, code, lambda: subscribe(customer or run["python_customer"], plan))


@case("management", "403_SCOPE_MISSING")
def narrow_client():
    refused(ForbiddenException, "SCOPE_MISSING",
            lambda: management("narrow").billing_entitlements_api.get_billing_entitlements(run["customer"]))


# The test counts the requests that these five calls make.

@case("tokens")
def five_calls():
    for _ in range(5):
        equal(terms(entitlements_of(run["customer"]).entitlements), run["pro"])
