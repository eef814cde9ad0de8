use openapi::apis::{billing_api, configuration::Configuration, usage_api};
use openapi::models::ConsumeRequest;
use std::env::var;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let customer = var("ALLOT_CUSTOMER")?;
    let configuration = Configuration {
        base_path: var("ALLOT_URL")?,
        bearer_access_token: Some(var("ALLOT_TOKEN")?),
        ..Configuration::default()
    };
    let page = billing_api::get_billing_entitlements(&configuration, &customer, None, None, None, None, None, None).await?;
    let mut consume = ConsumeRequest::new("seats".to_string());
    consume.customer_id = Some(customer);
    consume.units = Some("1".to_string());
    let decision = usage_api::consume(&configuration, consume, None, None).await?;
    let seats = page.entitlements.iter().find(|e| e.feature_code == "seats").ok_or("no seats")?;
    let reason = serde_json::to_value(decision.reason)?;
    println!("seats to {}; {}, {} used", seats.entitlement_limit_max.ok_or("no limit")?, reason.as_str().unwrap_or(""), decision.used);
    Ok(())
}
