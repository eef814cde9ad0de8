package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// remote is where the server is and how to get in.
type remote struct {
	URL          string `name:"url" default:"${url}" placeholder:"URL" env:"ALLOT_URL" help:"Where the server is. Default: ${default}." group:"Server:"`
	Token        string `placeholder:"TOKEN" env:"ALLOT_TOKEN" help:"An access token; in place of client id and secret." group:"Server:"`
	ClientID     string `placeholder:"ID" env:"ALLOT_CLIENT_ID" help:"The client to call as." group:"Server:"`
	ClientSecret string `placeholder:"SECRET" env:"ALLOT_CLIENT_SECRET" help:"Its secret; better given in the environment." group:"Server:"`
}

// open returns a client of the server. It sends nothing yet.
func (r *remote) open() (*client.Client, error) {
	const hint = "set ALLOT_TOKEN, or ALLOT_CLIENT_ID and ALLOT_CLIENT_SECRET; allot client create prints them"
	var credentials client.Option
	switch {
	case r.Token != "":
		credentials = client.WithToken(r.Token)
	case r.ClientID != "" && r.ClientSecret != "":
		credentials = client.WithCredentials(r.ClientID, r.ClientSecret)
	case r.ClientID != "":
		return nil, usagef(hint, "%w: the client secret is missing", errNoCredentials)
	case r.ClientSecret != "":
		return nil, usagef(hint, "%w: the client id is missing", errNoCredentials)
	default:
		return nil, usagef(hint, "%w for %s", errNoCredentials, r.URL)
	}
	c, err := client.New(r.URL, credentials)
	if err != nil {
		return nil, &usageError{err, "give the server's address with --url or ALLOT_URL"}
	}
	return c, nil
}

// customerArg names a customer on the command line.
type customerArg struct {
	Customer name `arg:"" help:"The customer's id, org_code=CODE, user_id=ID or external_id=ID."`
}

// byCode takes what names a customer by a code apart: org_code=CODE, or org_code:CODE as a
// path of the API has it.
func byCode(customer name) (key, code string, is bool) {
	text := string(customer)
	i := strings.IndexAny(text, "=:")
	if i < 0 {
		return "", "", false
	}
	return text[:i], text[i+1:], true
}

// id is the customer's id, looked up if the argument is a code.
func (a *customerArg) id(ctx context.Context, c *client.Client) (string, error) {
	key, code, isCode := byCode(a.Customer)
	var params client.CustomerParams
	switch {
	case !isCode:
		return string(a.Customer), nil
	case key == "org_code" && code != "":
		params.OrgCode = code
	case key == "user_id" && code != "":
		params.UserID = code
	case key == "external_id" && code != "":
		params.ExternalID = code
	default:
		return "", usagef("customers are named by id, org_code=CODE, user_id=ID or external_id=ID", "customer %q names nobody", a.Customer)
	}
	var found string
	for customer, err := range c.Customers.All(ctx, params) {
		switch {
		case err != nil:
			return "", err
		case key == "org_code" && customer.UserID != "":
			// A user within the organization; the organization itself is meant.
		case found != "":
			return "", &hintedError{
				fmt.Errorf("there are several customers with %s %q", key, code),
				"allot customer list shows them; name the one by its id",
			}
		default:
			found = customer.ID
		}
	}
	if found == "" {
		return "", &hintedError{
			fmt.Errorf("there is no customer with %s %q", key, code),
			"allot customer list shows who there is",
		}
	}
	return found, nil
}

// instantArg reads a time from a flag; nil for "".
func instantArg(flag, value string) (*api.Time, error) {
	if value == "" {
		return nil, nil
	}
	t, err := api.ParseTime(value)
	if err != nil {
		return nil, usagef("times are ISO 8601, such as 2026-11-22 or 2026-11-22T10:00:00Z", "--%s: %w", flag, err)
	}
	return api.NewTime(t), nil
}

// chosen is the value of an optional flag that takes one of a few; "" if it was
// not given.
func chosen(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}
