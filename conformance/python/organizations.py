"""Where an application learns its customers: OrganizationsApi and UsersApi, alone and
through ManagementClient; and the frontend's links to a customer's page."""

import functools
import re

import kinde_sdk.frontend as frontend
import kinde_sdk.management as kinde_sdk
import requests
from kinde_sdk.frontend.api.self_serve_portal_api import SelfServePortalApi
from kinde_sdk.management.exceptions import BadRequestException, ForbiddenException

from cases import case, client, equal, management, refused, run, terms, token


@functools.cache
def organizations_api(who="client"):
    return kinde_sdk.OrganizationsApi(client(token(who)))


@functools.cache
def users_api(who="client"):
    return kinde_sdk.UsersApi(client(token(who)))


def create(api, **request):
    answer = api.create_organization(kinde_sdk.CreateOrganizationRequest(**{"name": "Python"} | request))
    assert answer is not None, "the SDK took the answer for none: its status is not 200"
    equal((answer.code, answer.message), ("OK", "Success"))
    assert re.fullmatch("org_[0-9a-f]{12}", answer.organization.code), answer
    return answer.organization


def becomes_a_customer(organizations, agreements, entitlements):
    made = create(organizations, is_create_billing_customer=True, billing_email="pay@example.com", billing_plan_code="pro")
    found = organizations.get_organization(made.code, expand="billing")
    equal((found.code, found.name, found.billing.billing_customer_id), (made.code, "Python", made.billing_customer_id))
    [agreement] = agreements.get_billing_agreements(made.billing_customer_id).agreements
    equal([(a.plan_code, a.agreement_id) for a in found.billing.agreements], [("pro", agreement.id)])
    held = entitlements.get_billing_entitlements(made.billing_customer_id, page_size=500)
    equal(terms(held.entitlements), run["pro"])
    equal(organizations.get_organization(made.code).billing, None)


@case("organizations")
def organization_that_becomes_a_customer():
    api = client(token("client"))
    becomes_a_customer(organizations_api(), kinde_sdk.BillingAgreementsApi(api), kinde_sdk.BillingEntitlementsApi(api))


@case("organizations_of_management", "organization_that_becomes_a_customer_through_the_management_client")
def through_the_management_client():
    of = management()
    becomes_a_customer(of.organizations_api, of.billing_agreements_api, of.billing_entitlements_api)


@case("organizations")
def default_plan():
    made = create(organizations_api(), is_create_billing_customer=True, billing_email="pay@example.com")
    found = organizations_api().get_organization(made.code, expand="billing")
    equal([a.plan_code for a in found.billing.agreements], ["free"])


@case("organizations")
def organization_that_is_no_customer():
    made = create(organizations_api(), handle="python", external_id="7", feature_flags={"beta": "str"})
    equal(made.billing_customer_id, None)
    refused(BadRequestException, "ORGANIZATION_NOT_FOUND", lambda: organizations_api().get_organization(made.code))


for code, label, request in (
    ("NAME_REQUIRED", "empty", {"name": ""}),
    ("BILLING_EMAIL_REQUIRED", "absent", {"is_create_billing_customer": True}),
    ("BILLING_EMAIL_INVALID", "text", {"is_create_billing_customer": True, "billing_email": "nobody"}),
    ("PLAN_NOT_FOUND", "unknown", {"is_create_billing_customer": True, "billing_email": "a@b.example", "billing_plan_code": "gold"}),
    ("PLAN_NOT_PUBLISHED", "draft", {"is_create_billing_customer": True, "billing_email": "a@b.example", "billing_plan_code": "next"}),
    ("PLAN_NOT_AVAILABLE", "of_users", {"is_create_billing_customer": True, "billing_email": "a@b.example", "billing_plan_code": "solo"}),
):
    @case("organizations", f"400_{code}_{label}")
    def not_created(code=code, request=request):
        refused(BadRequestException, code, lambda: create(organizations_api(), **request))


@case("organizations")
def user():
    found = users_api().get_user_data(run["user"]["id"], expand="billing")
    equal(found.id, run["user"]["id"])
    held = kinde_sdk.BillingEntitlementsApi(client(token("client"))).get_billing_entitlements(found.billing.customer_id, page_size=500)
    equal(len(held.entitlements), len(run["many"]))
    equal(users_api().get_user_data(run["user"]["id"]).billing, None)
    refused(BadRequestException, "USER_NOT_FOUND", lambda: users_api().get_user_data(run["guest"]["id"]))


@case("organizations")
def users_by_page():
    found, next_token = [], None
    while True:
        page = users_api().get_users(page_size=1, expand="organizations,identities,billing", next_token=next_token)
        equal((page.code, len(page.users)), ("OK", 1))
        found += page.users
        assert len(found) < 100, "the walk does not end"
        next_token = page.next_token
        if not next_token:
            break
    ids = [u.id for u in found]
    equal(ids, sorted(set(ids)))
    equal([u.id for u in users_api().get_users(user_id=run["user"]["id"]).users], [run["user"]["id"]])
    assert all(u.billing.customer_id for u in found), found


for code, label, arguments in (
    ("PAGE_SIZE_LIMIT_EXCEEDED", "501", {"page_size": 501}),
    ("NEXT_TOKEN_INVALID", "malformed", {"next_token": "!"}),
    ("EXPAND_INVALID", "unknown", {"expand": "roles"}),
    ("EMAIL_INVALID", "search", {"email": "someone@example.com"}),
):
    @case("organizations", f"users_400_{code}_{label}")
    def bad_page(code=code, arguments=arguments):
        refused(BadRequestException, code, lambda: users_api().get_users(**arguments))


@case("organizations", "403_SCOPE_MISSING")
def scope_missing():
    refused(ForbiddenException, "SCOPE_MISSING", lambda: create(organizations_api("narrow")))
    refused(ForbiddenException, "SCOPE_MISSING", lambda: organizations_api("narrow").get_organization(run["org_code"]))
    refused(ForbiddenException, "SCOPE_MISSING", lambda: users_api("narrow").get_users())


@case("organizations")
def portal_link():
    configuration = frontend.Configuration(host=run["url"], access_token=run["user"]["token"])
    link = SelfServePortalApi(frontend.ApiClient(configuration)).get_portal_link(
        subnav="plan_details", return_url=run["return_url"])
    page = requests.get(link.url, timeout=30)
    equal((page.status_code, ">Many<" in page.text), (200, True))
