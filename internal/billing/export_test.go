package billing

// TermsDetails says how terms differ.
var TermsDetails = termsDetails
