"""Agreements and usage: BillingAgreementsApi and BillingMeterUsageApi.

One customer's life, on free at first: later cases build on earlier ones.
"""

import datetime
import functools
import re

import requests

import kinde_sdk.management as kinde_sdk
from kinde_sdk.management.exceptions import BadRequestException, ForbiddenException

from cases import case, client, equal, refused, run, token

UNKNOWN_AGREEMENT = "agreement_" + "0" * 32

customer = run["python_metered_customer"]


@functools.cache
def agreements_api():
    return kinde_sdk.BillingAgreementsApi(client(token("client")))


@functools.cache
def usage_api(who="client"):
    return kinde_sdk.BillingMeterUsageApi(client(token(who)))


def agreements(**arguments):
    return agreements_api().get_billing_agreements(customer, **arguments).agreements


@functools.cache
def agreement(plan):
    """Id of the customer's agreement on the plan, kept as callers keep it: across plan changes."""
    [found] = [a.id for a in agreements(page_size=500) if a.plan_code == plan]
    return found


def subscribe(plan, **arguments):
    answer = agreements_api().create_billing_agreement(
        kinde_sdk.CreateBillingAgreementRequest(customer_id=customer, plan_code=plan, **arguments))
    assert answer is not None, "the SDK took the answer for none: its status is not 200"
    equal((answer.code, answer.message), ("OK", "Success"))


def record(plan, feature, value, **arguments):
    """Records usage against the customer's agreement on the plan."""
    record_against(agreement(plan), feature, value, **arguments)


def record_against(agreement_id, feature, value, who="client", headers=None, **arguments):
    answer = usage_api(who).create_meter_usage_record(
        kinde_sdk.CreateMeterUsageRecordRequest(
            customer_agreement_id=agreement_id, billing_feature_code=feature, meter_value=value, **arguments),
        _headers=headers)
    assert answer is not None, "the SDK took the answer for none: its status is not 200"
    equal((answer.code, answer.message), ("OK", "Success"))


def used(feature):
    """What was counted, by Allot's own API: Kinde's has no way to read usage back."""
    response = requests.post(run["url"] + "/v1/check", timeout=30,
                             headers={"Authorization": "Bearer " + token("client")},
                             json={"customer_id": customer, "feature_code": feature})
    response.raise_for_status()
    return response.json()["used"]


@case("usage")
def first_agreement():
    [free] = agreements()
    assert re.fullmatch("agreement_[0-9a-f]{32}", free.id), free.id
    equal((free.id, free.plan_code, free.expires_on), (agreement("free"), "free", None))
    equal([e.feature_code for e in free.entitlements], ["seats", "projects"])


@case("usage")
def delta_is_the_default():
    record("free", "seats", "2")
    record("free", "seats", "1", meter_type_code="delta")
    equal(used("seats"), "3")


@case("usage")
def usage_above_the_limit_is_recorded():
    record("free", "projects", "1")
    record("free", "projects", "0.5")
    equal(used("projects"), "1.5")


@case("usage")
def negative_delta_corrects():
    record("free", "projects", "-0.5")
    equal(used("projects"), "1")


@case("usage")
def absolute_replaces():
    record("free", "seats", "7", meter_type_code="absolute")
    equal(used("seats"), "7")
    record("free", "seats", "2", meter_type_code="absolute")
    equal(used("seats"), "2")


@case("usage")
def usage_never_falls_below_zero():
    refused(BadRequestException, "METER_VALUE_INVALID", lambda: record("free", "seats", "-2.000001"))
    equal(used("seats"), "2")


@case("usage", "400_FEATURE_NOT_FOUND_not_held")
def feature_of_another_plan():
    refused(BadRequestException, "FEATURE_NOT_FOUND", lambda: record("free", "emails", "1"))


@case("usage")
def upgrade():
    subscribe("pro", is_invoice_now=True, is_prorate=True)
    old, new = agreements()
    equal((old.id, old.plan_code, new.plan_code), (agreement("free"), "free", "pro"))
    equal((old.current_period_start, old.current_period_end), (None, None))
    equal(new.expires_on, None)
    # The old one ends at the instant the new one begins, in the cycle that goes on.
    [plan] = kinde_sdk.BillingEntitlementsApi(client(token("client"))).get_billing_entitlements(
        customer, expand="plans").plans
    equal(old.expires_on, plan.subscribed_on)
    assert new.current_period_start <= old.expires_on < new.current_period_end, (old, new)


@case("usage")
def usage_is_kept_across_the_upgrade():
    equal((used("seats"), used("projects")), ("2", "1"))


@case("usage")
def ended_agreement_still_counts():
    record("free", "seats", "1")
    equal(used("seats"), "3")
    record("pro", "seats", "1")
    equal(used("seats"), "4")


@case("usage")
def ended_agreement_counts_what_only_the_new_plan_has():
    record("free", "storage", "1")
    equal(used("storage"), "1")


@case("usage")
def decimals_are_exact():
    for _ in range(10):
        record("pro", "api_calls", "0.1")
    equal(used("api_calls"), "1")
    record("pro", "api_calls", "0.000001")
    equal(used("api_calls"), "1.000001")
    record("pro", "emails", "999999999999.999999")
    record("pro", "emails", "-999999999999.999998")
    equal(used("emails"), "0.000001")


def from_now(**length):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**length)


@case("usage")
def timestamp_without_offset_is_utc():
    record("pro", "exports", "1", meter_usage_timestamp=from_now().replace(tzinfo=None))
    refused(BadRequestException, "METER_USAGE_TIMESTAMP_INVALID", lambda: record(
        "pro", "exports", "1", meter_usage_timestamp=from_now(minutes=10).replace(tzinfo=None)))
    equal(used("exports"), "1")


@case("usage")
def timestamp_with_offset():
    sydney = datetime.timezone(datetime.timedelta(hours=11))
    record("pro", "exports", "1", meter_usage_timestamp=from_now().astimezone(sydney))
    refused(BadRequestException, "METER_USAGE_TIMESTAMP_INVALID", lambda: record(
        "pro", "exports", "1", meter_usage_timestamp=from_now(minutes=10).astimezone(sydney)))
    equal(used("exports"), "2")


@case("usage")
def late_delta_counts_now():
    record("pro", "exports", "1", meter_usage_timestamp=from_now(days=-400))
    equal(used("exports"), "3")


@case("usage")
def late_absolute_is_refused():
    refused(BadRequestException, "METER_USAGE_TIMESTAMP_INVALID", lambda: record(
        "pro", "exports", "0", meter_usage_timestamp=from_now(days=-400), meter_type_code="absolute"))
    equal(used("exports"), "3")


@case("usage")
def idempotency_key_counts_once():
    key = {"Idempotency-Key": "export 4"}
    record("pro", "exports", "1", headers=key)
    record("pro", "exports", "1", headers=key)
    equal(used("exports"), "4")
    refused(BadRequestException, "IDEMPOTENCY_KEY_REUSED", lambda: record("pro", "exports", "2", headers=key))


for code, label, agreement_id, feature, value in (
    ("CUSTOMER_AGREEMENT_ID_REQUIRED", "empty", "", "seats", "1"),
    ("AGREEMENT_NOT_FOUND", "unknown", UNKNOWN_AGREEMENT, "seats", "1"),
    ("AGREEMENT_NOT_FOUND", "malformed", "agreement_1", "seats", "1"),
    ("BILLING_FEATURE_CODE_REQUIRED", "empty", None, "", "1"),
    ("FEATURE_NOT_FOUND", "unknown", None, "flying", "1"),
    ("FEATURE_NOT_METERED", "unmetered", None, "sso", "1"),
    ("FEATURE_NOT_METERED", "charge", None, "base_price", "1"),
    ("METER_VALUE_REQUIRED", "empty", None, "seats", ""),
    ("METER_VALUE_INVALID", "text", None, "seats", "plenty"),
    ("METER_VALUE_INVALID", "exponent", None, "seats", "1e3"),
    ("METER_VALUE_INVALID", "seven_digits", None, "seats", "0.0000001"),
    ("METER_VALUE_INVALID", "too_large", None, "seats", "1000000000000"),
):
    @case("usage", f"400_{code}_{label}")
    def bad_record(code=code, agreement_id=agreement_id, feature=feature, value=value):
        before = used("seats")
        against = agreement("pro") if agreement_id is None else agreement_id
        refused(BadRequestException, code, lambda: record_against(against, feature, value))
        equal(used("seats"), before)


@case("usage", "403_SCOPE_MISSING")
def scope_missing():
    refused(ForbiddenException, "SCOPE_MISSING", lambda: record("pro", "seats", "1", who="narrow"))


@case("usage")
def agreements_with_feature():
    subscribe("extra_seats")
    equal([a.plan_code for a in agreements(feature_code="seats")], ["free", "pro", "extra_seats"])
    equal([a.plan_code for a in agreements(feature_code="projects")], ["free", "pro"])
    equal([a.plan_code for a in agreements(feature_code="sso")], ["pro"])
    equal(agreements(feature_code="early_access"), [])
    refused(BadRequestException, "FEATURE_NOT_FOUND", lambda: agreements(feature_code="flying"))


def walk(page_size, cursor, start=None, **arguments):
    """Every page of the agreements in the direction of the cursor parameter, in the order met."""
    pages, at = [], {cursor: start}
    while True:
        page = agreements_api().get_billing_agreements(customer, page_size=page_size, **at, **arguments)
        assert len(page.agreements) <= page_size, "a page larger than asked for"
        pages.append(page.agreements)
        if not page.has_more:
            return pages
        equal(len(page.agreements), page_size)
        assert len(pages) < 10, "the walk does not end"
        at = {cursor: page.agreements[-1 if cursor == "starting_after" else 0].id}


for size in (1, 2, 3, 500):
    @case("usage", f"agreements_forward_by_{size}")
    def forward(size=size):
        equal([a.plan_code for page in walk(size, "starting_after") for a in page], ["free", "pro", "extra_seats"])

    @case("usage", f"agreements_backward_by_{size}")
    def backward(size=size):
        pages = walk(size, "ending_before", start=agreement("extra_seats"))
        equal([a.plan_code for page in reversed(pages) for a in page], ["free", "pro"])

    @case("usage", f"agreements_with_feature_by_{size}")
    def forward_with_feature(size=size):
        pages = walk(size, "starting_after", feature_code="projects")
        equal([a.plan_code for page in pages for a in page], ["free", "pro"])


for code, label, arguments in (
    ("PAGE_SIZE_LIMIT_EXCEEDED", "501", {"page_size": 501}),
    ("PAGE_SIZE_INVALID", "0", {"page_size": 0}),
    ("TOO_MANY_PARAMETERS", "both_cursors", {"starting_after": UNKNOWN_AGREEMENT, "ending_before": UNKNOWN_AGREEMENT}),
    ("STARTING_AFTER_INVALID", "malformed", {"starting_after": "agreement_1"}),
    ("ENDING_BEFORE_INVALID", "other_kind", {"ending_before": "entitlement_" + "0" * 32}),
):
    @case("usage", f"agreements_400_{code}_{label}")
    def bad_page(code=code, arguments=arguments):
        refused(BadRequestException, code, lambda: agreements(**arguments))


@case("usage")
def ended_agreement_whose_feature_is_gone():
    subscribe("free")
    refused(BadRequestException, "AGREEMENT_NOT_ACTIVE", lambda: record("pro", "api_calls", "1"))
    record("pro", "seats", "1")
    equal(used("seats"), "5")
