"""What belongs to a user: UsersApi's billing customers, and the frontend's Entitlements."""

import functools
import json
import re

import kinde_sdk.frontend as frontend
import kinde_sdk.management as kinde_sdk
from kinde_sdk.auth.entitlements import Entitlements
from kinde_sdk.frontend import exceptions as frontend_exceptions
from kinde_sdk.frontend.api.billing_api import BillingApi
from kinde_sdk.management.exceptions import BadRequestException, ForbiddenException

from cases import case, client, equal, refused, run, terms, token


@functools.cache
def users_api(who="client"):
    return kinde_sdk.UsersApi(client(token(who)))


def all_entitlements(user_token):
    return Entitlements(run["url"], user_token).get_all_entitlements()


def billing_api(user_token):
    return BillingApi(frontend.ApiClient(frontend.Configuration(host=run["url"], access_token=user_token)))


def refused_account(exception, code, call):
    """As refused. The account API's description has no bodies for errors, so the SDK leaves them as text."""
    try:
        answer = call()
    except exception as e:
        [error] = json.loads(e.body)["errors"]
        equal(error["code"], code)
        assert error["message"], "an error without a message"
        return
    raise AssertionError(f"wanted {exception.__name__} {code}, was answered {answer}")


def create(user, who="client", **changed):
    """Makes the user a billing customer, and returns the ids of the customer and its agreement."""
    request = {"org_code": run["org_code"], "billing_email": "someone@example.com"} | changed
    answer = users_api(who).create_user_billing_customer(
        user, kinde_sdk.CreateUserBillingCustomerRequest(**request))
    assert answer is not None, "the SDK took the answer for none: its status is not 200"
    equal((answer.code, answer.message), ("OK", "Success"))
    return answer.billing_customer.id, answer.billing_customer.agreement_id


def agreements(customer):
    return kinde_sdk.BillingAgreementsApi(client(token("client"))).get_billing_agreements(customer).agreements


# Cases build on earlier ones: run["python_user"] is no customer at first.

@case("account")
def user_without_customer_has_nothing():
    equal(all_entitlements(run["python_user"]["token"]), [])


@case("account")
def create_billing_customer():
    customer, agreement_id = create(run["python_user"]["id"])
    assert re.fullmatch("customer_[0-9a-f]{32}", customer), customer
    [agreement] = agreements(customer)
    equal((agreement.id, agreement.plan_code, agreement.expires_on), (agreement_id, "solo", None))


@case("account")
def new_customer_has_the_default_plan():
    [projects] = all_entitlements(run["python_user"]["token"])
    equal((projects.feature_key, projects.price_name, projects.entitlement_limit_max), ("projects", "Projects", 2))


@case("account", "400_BILLING_CUSTOMER_EXISTS")
def second_billing_customer():
    refused(BadRequestException, "BILLING_CUSTOMER_EXISTS", lambda: create(run["python_user"]["id"]))
    equal(len(all_entitlements(run["python_user"]["token"])), 1)


@case("account")
def one_billing_customer_in_each_organization():
    create(run["python_user"]["id"], org_code="org_other")


@case("account")
def billing_customer_with_plan():
    customer, agreement_id = create("kp_with_plan", billing_plan_code="many")
    equal([(a.id, a.plan_code) for a in agreements(customer)], [(agreement_id, "many")])


for code, label, changed in (
    ("ORG_CODE_REQUIRED", "empty", {"org_code": ""}),
    ("BILLING_EMAIL_REQUIRED", "empty", {"billing_email": ""}),
    ("PLAN_NOT_FOUND", "unknown", {"billing_plan_code": "gold"}),
    ("PLAN_NOT_AVAILABLE", "of_organizations", {"billing_plan_code": "pro"}),
):
    @case("account", f"400_{code}_{label}")
    def not_created(code=code, changed=changed):
        refused(BadRequestException, code, lambda: create("kp_refused", **changed))


@case("account", "403_SCOPE_MISSING")
def scope_missing():
    refused(ForbiddenException, "SCOPE_MISSING", lambda: create("kp_refused", who="narrow"))


@case("account")
def all_entitlements_of_many_pages():
    entitlements = all_entitlements(run["user"]["token"])
    equal(terms(entitlements), run["many"])
    ids = [e.id for e in entitlements]
    equal(ids, sorted(set(ids)))


@case("account")
def entitlements_by_page():
    api, walked, after = billing_api(run["user"]["token"]), [], None
    while True:
        page = api.get_entitlements(page_size=7, starting_after=after)
        equal(page.data.org_code, run["org_code"])
        equal([(plan.key, plan.name) for plan in page.data.plans or []], [] if after else [("many", "Many")])
        walked += page.data.entitlements
        assert len(walked) <= len(run["many"]), "the walk does not end"
        if not page.metadata.has_more:
            break
        after = page.metadata.next_page_starting_after
        equal(after, walked[-1].id)
    equal(page.metadata.next_page_starting_after, None)
    equal(terms(walked), run["many"])


@case("account")
def what_the_organization_holds_is_kept_from_its_users():
    equal(all_entitlements(run["guest"]["token"]), [])


# The SDK never sends the key, whatever it is told; see Kinde's API description.

@case("account", "400_KEY_REQUIRED")
def entitlement_by_key():
    refused_account(frontend_exceptions.BadRequestException, "KEY_REQUIRED",
                    lambda: Entitlements(run["url"], run["user"]["token"]).get_entitlement("seats"))


for label, bearer in (
    ("client_token", lambda: token("client")),
    ("malformed_token", lambda: "not-a-token"),
):
    @case("account", f"403_INVALID_CREDENTIALS_{label}")
    def forbidden(bearer=bearer):
        refused_account(frontend_exceptions.ForbiddenException, "INVALID_CREDENTIALS",
                        lambda: all_entitlements(bearer()))


@case("account", "403_INVALID_CREDENTIALS_user_token_on_management")
def user_token_opens_nothing_else():
    refused(ForbiddenException, "INVALID_CREDENTIALS", lambda: kinde_sdk.BillingEntitlementsApi(
        client(run["user"]["token"])).get_billing_entitlements(run["customer"]))
