import { BillingApi, Configuration, UsageApi } from "./generated/index";

async function main() {
  const { ALLOT_URL, ALLOT_TOKEN, ALLOT_CUSTOMER } = process.env;
  const customerId = ALLOT_CUSTOMER!;
  const configuration = new Configuration({ basePath: ALLOT_URL, accessToken: ALLOT_TOKEN });
  const page = await new BillingApi(configuration).getBillingEntitlements({ customerId });
  const decision = await new UsageApi(configuration).consume({
    consumeRequest: { customerId, featureCode: "seats", units: "1" },
  });
  const seats = page.entitlements.find((e) => e.featureCode === "seats")!;
  console.log(`seats to ${seats.entitlementLimitMax}; ${decision.reason}, ${decision.used} used`);
}

void main();
