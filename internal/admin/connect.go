package admin

// snippet is how a program asks its first question, in a language.
type snippet struct{ Language, Slug, Install, Code string }

// snippets ask the same in four languages: may the organization "demo" use a seat? They have
// the address and the credentials of the environment.
var snippets = []snippet{
	{"curl", "curl", "", `TOKEN=$(curl -sS "$ALLOT_URL/oauth2/token" -d grant_type=client_credentials \
  -u "$ALLOT_CLIENT_ID:$ALLOT_CLIENT_SECRET" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')

curl -sS "$ALLOT_URL/v1/check" -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -d '{"org_code": "demo", "feature_code": "seats"}'
`},
	{"Go", "go", "go get github.com/allot-dev/allot", `package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/allot-dev/allot/client"
)

func main() {
	allot, err := client.New(os.Getenv("ALLOT_URL"),
		client.WithCredentials(os.Getenv("ALLOT_CLIENT_ID"), os.Getenv("ALLOT_CLIENT_SECRET")))
	if err != nil {
		log.Fatal(err)
	}
	decision, err := allot.Check(context.Background(), client.CheckParams{OrgCode: "demo", FeatureCode: "seats"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(decision.Allowed, decision.Reason)
}
`},
	{"Python", "python", "pip install allot", `from allot import Allot

allot = Allot()
decision = allot.check("org_code:demo", "seats")
print(decision.allowed, decision.reason)
`},
	{"TypeScript", "typescript", "npm install @allot-dev/allot", `import { Allot } from "@allot-dev/allot";

const allot = new Allot();
const decision = await allot.check("org_code:demo", "seats");
console.log(decision.allowed, decision.reason);
`},
}
