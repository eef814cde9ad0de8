import os

from allot_client import AuthenticatedClient
from allot_client.api.billing import get_billing_entitlements
from allot_client.api.usage import consume
from allot_client.models import ConsumeRequest

customer = os.environ["ALLOT_CUSTOMER"]
with AuthenticatedClient(base_url=os.environ["ALLOT_URL"], token=os.environ["ALLOT_TOKEN"]) as client:
    page = get_billing_entitlements.sync(client=client, customer_id=customer)
    body = ConsumeRequest(customer_id=customer, feature_code="seats", units="1")
    decision = consume.sync(client=client, body=body)
seats = next(e for e in page.entitlements if e.feature_code == "seats")
print(f"seats to {seats.entitlement_limit_max}; {decision.reason.value}, {decision.used} used")
