package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
)

// kindStatus is the status that each kind of error has in each dialect.
//
// Kinde: an error of the request is 400, unknown things included
var kindStatus = map[dialect]map[billing.Kind]int{
	kinde: {
		billing.Invalid:  http.StatusBadRequest,
		billing.NotFound: http.StatusBadRequest,
		billing.Conflict: http.StatusBadRequest,
	},
	account: {
		billing.Invalid:  http.StatusBadRequest,
		billing.NotFound: http.StatusNotFound,
	},
	native: {
		billing.Invalid:  http.StatusBadRequest,
		billing.NotFound: http.StatusNotFound,
		billing.Conflict: http.StatusConflict,
	},
	open: {
		billing.Invalid:  http.StatusBadRequest,
		billing.NotFound: http.StatusNotFound,
	},
}

// parameters are what the errors of use cases are about, by the error's code, as
// each route shaped after Kinde's names it.
var parameters = map[string]map[string]string{
	"GET /api/v1/billing/agreements": {
		api.CodeFeatureNotFound: "feature_code",
	},
	"POST /api/v1/billing/agreements": {
		api.CodePlanNotFound:     "plan_code",
		api.CodePlanNotPublished: "plan_code",
		api.CodePlanNotAvailable: "plan_code",
	},
	"DELETE /api/v1/billing/agreements": {
		api.CodeAgreementNotFound: "agreement_id",
	},
	"POST /api/v1/billing/meter_usage": {
		api.CodeAgreementNotFound:      "customer_agreement_id",
		api.CodeAgreementNotActive:     "customer_agreement_id",
		api.CodeFeatureNotFound:        "billing_feature_code",
		api.CodeFeatureNotMetered:      "billing_feature_code",
		api.InvalidCode("meter_value"): "meter_value",
	},
	"POST /api/v1/users/{user_id}/billing_customer": {
		api.CodePlanNotFound:     "billing_plan_code",
		api.CodePlanNotPublished: "billing_plan_code",
		api.CodePlanNotAvailable: "billing_plan_code",
	},
}

// named is an error whose messages name the parameters of a route, which is
// given by its method and pattern.
func named(route string, err error) error {
	of, ok := parameters[route]
	if !ok {
		return err
	}
	name := func(e *billing.Error) *billing.Error {
		parameter, ok := of[e.Code]
		if !ok || strings.Contains(e.Message, parameter) {
			return e
		}
		with := *e
		with.Message = parameter + ": " + e.Message
		return &with
	}
	if several, ok := errors.AsType[billing.Errors](err); ok {
		out := make(billing.Errors, len(several))
		for i, e := range several {
			out[i] = name(e)
		}
		return out
	}
	if one, ok := errors.AsType[*billing.Error](err); ok {
		return name(one)
	}
	return err
}

// refusal is the status and the body that an error is answered with. Of an
// error that is not meant for the caller it shows nothing but the request id.
func refusal(d dialect, requestID string, err error) (int, api.Errors) {
	if errors.Is(err, errThrottled) {
		return http.StatusTooManyRequests, oneError(api.CodeTooManyRequests,
			"this client asks more often than it may; RateLimit-Reset says in how many seconds its limit is whole again")
	}
	if errors.Is(err, errNotReady) {
		return http.StatusServiceUnavailable, oneError(api.CodeNotReady, "requests cannot be answered now")
	}
	// Kinde: bad credentials are 403, never 401
	if missing, ok := errors.AsType[*auth.MissingScopeError](err); ok {
		return http.StatusForbidden, oneError(api.CodeScopeMissing, missing.Error())
	}
	if errors.Is(err, auth.ErrInvalidCredentials) {
		if d == account {
			return http.StatusForbidden, oneError(api.CodeInvalidCredentials,
				"a bearer token of a user is required, valid now and for this API; the identity provider gives one")
		}
		return http.StatusForbidden, oneError(api.CodeInvalidCredentials,
			"a bearer token of a client is required, valid now and for this API; POST /oauth2/token gives one")
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		status := http.StatusRequestEntityTooLarge
		if d == kinde {
			status = http.StatusBadRequest
		}
		return status, oneError(api.CodeBodyTooLarge, fmt.Sprintf("the body must be at most %d MiB", large.Limit>>20))
	}
	if several, ok := errors.AsType[billing.Errors](err); ok && len(several) > 0 {
		return billingRefusal(d, requestID, several)
	}
	if one, ok := errors.AsType[*billing.Error](err); ok {
		return billingRefusal(d, requestID, billing.Errors{one})
	}
	return http.StatusInternalServerError, internalError(requestID)
}

// billingRefusal takes the status from the first error: those that come
// together are of one kind.
func billingRefusal(d dialect, requestID string, errs billing.Errors) (int, api.Errors) {
	status, ok := kindStatus[d][errs[0].Kind]
	if !ok {
		return http.StatusInternalServerError, internalError(requestID)
	}
	body := api.Errors{Errors: make([]api.Error, len(errs))}
	for i, e := range errs {
		body.Errors[i] = api.Error{Code: e.Code, Message: e.Message}
	}
	return status, body
}

func internalError(requestID string) api.Errors {
	return oneError(api.CodeInternalError, "a fault of the server, not of the request; its log has it under request id "+requestID)
}

func oneError(code, message string) api.Errors {
	return api.Errors{Errors: []api.Error{{Code: code, Message: message}}}
}
