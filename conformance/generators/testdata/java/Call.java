import org.openapitools.client.ApiClient;
import org.openapitools.client.api.BillingApi;
import org.openapitools.client.api.UsageApi;
import org.openapitools.client.model.ConsumeRequest;

public class Call {
  public static void main(String[] args) throws Exception {
    String customer = System.getenv("ALLOT_CUSTOMER");
    ApiClient client = new ApiClient();
    client.updateBaseUri(System.getenv("ALLOT_URL"));
    client.setRequestInterceptor(r -> r.header("Authorization", "Bearer " + System.getenv("ALLOT_TOKEN")));

    var page = new BillingApi(client).getBillingEntitlements(customer, null, null, null, null, null, null);
    var decision = new UsageApi(client).consume(
        new ConsumeRequest().customerId(customer).featureCode("seats").units("1"), null, null);
    var seats = page.getEntitlements().stream().filter(e -> e.getFeatureCode().equals("seats")).findFirst().get();
    System.out.printf("seats to %d; %s, %s used%n",
        seats.getEntitlementLimitMax(), decision.getReason().getValue(), decision.getUsed());
  }
}
