import os

from openapi_client import ApiClient, BillingApi, Configuration, ConsumeRequest, UsageApi

configuration = Configuration(host=os.environ["ALLOT_URL"], access_token=os.environ["ALLOT_TOKEN"])
with ApiClient(configuration) as client:
    page = BillingApi(client).get_billing_entitlements(os.environ["ALLOT_CUSTOMER"])
    decision = UsageApi(client).consume(
        ConsumeRequest(customer_id=os.environ["ALLOT_CUSTOMER"], feature_code="seats", units="1")
    )
seats = next(e for e in page.entitlements if e.feature_code == "seats")
print(f"seats to {seats.entitlement_limit_max}; {decision.reason}, {decision.used} used")
