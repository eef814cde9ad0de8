package api

// PutCustomerRequest is the body of PUT /v1/customers/{ref}, which makes the
// customer that the path names, or changes it if it is there. It is safe to
// repeat. What is absent stays as it is; null clears name, email, external_id,
// metadata and, to UTC, time_zone.
//
// The path says what the customer is called: its OrgCode, UserID or ExternalID
// need not be given again, and must not contradict it. A user within an
// organization is named by both codes: one in the path, the other here.
type PutCustomerRequest struct {
	ID         string           `json:"id,omitempty"`   // to import one
	Type       string           `json:"type,omitempty"` // needed to make one; never changes
	OrgCode    string           `json:"org_code,omitempty"`
	UserID     string           `json:"user_id,omitempty"`
	ExternalID Optional[string] `json:"external_id,omitzero"`
	Name       Optional[string] `json:"name,omitzero"`
	Email      Optional[string] `json:"email,omitzero"`
	// PlanCode is what a customer that is made starts on: absent, the default plan,
	// if there is one; null, none. One that is there keeps its plan, with a warning
	// CodePlanNotChanged if that is another.
	PlanCode Optional[string]            `json:"plan_code,omitzero"`
	AnchorOn *Time                       `json:"anchor_on,omitempty"`
	TimeZone Optional[string]            `json:"time_zone,omitzero"` // of IANA; default UTC
	Metadata Optional[map[string]string] `json:"metadata,omitzero"`
}
