"""The example of Kinde's page on BillingEntitlementsApi.get_billing_entitlements.

As published, but for what the page cannot mean or the package does not allow:
- the management client lives in kinde_sdk.management since version 2, not in kinde_sdk;
- host and access token go into one Configuration (the page's second one would lose the host);
- only one of the two cursors is given, and max_value is a number.
"""

import os
from pprint import pprint

import kinde_sdk.management as kinde_sdk
from kinde_sdk.management.models.get_billing_entitlements_response import GetBillingEntitlementsResponse
from kinde_sdk.management.rest import ApiException


def example(host, customer_id, starting_after):
    # Defining the host is optional and defaults to https://your_kinde_subdomain.kinde.com
    # Configure Bearer authorization (JWT): kindeBearerAuth
    configuration = kinde_sdk.Configuration(
        host=host,
        access_token=os.environ["BEARER_TOKEN"],
    )

    # Enter a context with an instance of the API client
    with kinde_sdk.ApiClient(configuration) as api_client:
        # Create an instance of the API class
        api_instance = kinde_sdk.BillingEntitlementsApi(api_client)
        page_size = 56  # int | Number of results per page. Defaults to 10 if parameter not sent. (optional)
        max_value = "2147483647"  # str | When the maximum limit of an entitlement is null, this value is returned as the maximum limit (optional)
        expand = "plans"  # str | Specify additional plan data to retrieve. Use "plans". (optional)

        try:
            # Get billing entitlements
            api_response: GetBillingEntitlementsResponse = api_instance.get_billing_entitlements(
                customer_id, page_size=page_size, starting_after=starting_after, max_value=max_value, expand=expand)
            print("The response of BillingEntitlementsApi->get_billing_entitlements:\n")
            pprint(api_response)
            return api_response
        except ApiException as e:
            print("Exception when calling BillingEntitlementsApi->get_billing_entitlements: %s\n" % e)
