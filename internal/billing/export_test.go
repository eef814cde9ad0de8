package billing

// TermsDetails says how terms differ.
var TermsDetails = termsDetails

// For tests of the facts of the change log.
var (
	AgreementFacts = agreementFacts
	ParseAgreement = parseAgreement
	OverrideFacts  = overrideFacts
	ParseOverride  = parseOverride
	GrantFacts     = grantFacts
	ParseGrant     = parseGrant
	CustomerFacts  = customerFacts
	ParseCustomer  = parseCustomer
)
