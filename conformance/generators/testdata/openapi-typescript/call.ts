import createClient from "openapi-fetch";
import type { paths } from "./generated/allot";

async function main() {
  const { ALLOT_URL, ALLOT_TOKEN, ALLOT_CUSTOMER } = process.env;
  const client = createClient<paths>({
    baseUrl: ALLOT_URL,
    headers: { Authorization: `Bearer ${ALLOT_TOKEN}` },
  });
  const page = await client.GET("/api/v1/billing/entitlements", {
    params: { query: { customer_id: ALLOT_CUSTOMER! } },
  });
  const decision = await client.POST("/v1/consume", {
    body: { customer_id: ALLOT_CUSTOMER, feature_code: "seats", units: "1" },
  });
  const seats = page.data!.entitlements.find((e) => e.feature_code === "seats")!;
  console.log(`seats to ${seats.entitlement_limit_max}; ${decision.data!.reason}, ${decision.data!.used} used`);
}

void main();
