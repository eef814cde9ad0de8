package billing

import (
	"maps"
	"testing"
)

// Each field with personal data is in the digest of its row, and the key is.
func TestPersonalDigest(t *testing.T) {
	row := func(c Customer, a Agreement, o Override, g Grant) []string {
		return []string{c.facts()[personalFact], c.agreementFacts(&a)[personalFact], c.overrideFacts(&o)[personalFact], c.grantFacts(&g)[personalFact]}
	}
	base := Customer{DigestKey: "k"}
	first := row(base, Agreement{}, Override{}, Grant{})
	for i, digest := range first {
		if digest != noPersonal {
			t.Errorf("row %d without personal data has the digest %q", i, digest)
		}
	}
	seen := map[string]string{}
	for name, change := range map[string]func(*Customer, *Agreement, *Override, *Grant){
		"org code":     func(c *Customer, _ *Agreement, _ *Override, _ *Grant) { c.OrgCode = "x" },
		"user id":      func(c *Customer, _ *Agreement, _ *Override, _ *Grant) { c.UserID = "x" },
		"external id":  func(c *Customer, _ *Agreement, _ *Override, _ *Grant) { c.ExternalID = "x" },
		"name":         func(c *Customer, _ *Agreement, _ *Override, _ *Grant) { c.Name = "x" },
		"email":        func(c *Customer, _ *Agreement, _ *Override, _ *Grant) { c.Email = "x" },
		"metadata":     func(c *Customer, _ *Agreement, _ *Override, _ *Grant) { c.Metadata = map[string]string{"x": "x"} },
		"a's external": func(_ *Customer, a *Agreement, _ *Override, _ *Grant) { a.ExternalID = "x" },
		"a's metadata": func(_ *Customer, a *Agreement, _ *Override, _ *Grant) { a.Metadata = map[string]string{"x": "x"} },
		"note":         func(_ *Customer, _ *Agreement, o *Override, _ *Grant) { o.Note = "x" },
		"g's note":     func(_ *Customer, _ *Agreement, _ *Override, g *Grant) { g.Note = "x" },
		"g's external": func(_ *Customer, _ *Agreement, _ *Override, g *Grant) { g.ExternalID = "x" },
		"asked":        func(_ *Customer, _ *Agreement, _ *Override, g *Grant) { g.Asked = "x" },
		"voided as":    func(_ *Customer, _ *Agreement, _ *Override, g *Grant) { g.VoidedAs = "x" },
	} {
		c, a, o, g := base, Agreement{}, Override{}, Grant{}
		change(&c, &a, &o, &g)
		changed := 0
		for _, digest := range row(c, a, o, g) {
			if digest == noPersonal {
				continue
			}
			changed++
			if other := seen[digest]; other != "" {
				t.Errorf("%s and %s have one digest", name, other)
			}
			seen[digest] = name
		}
		if changed != 1 {
			t.Errorf("%s changes %d digests, want 1", name, changed)
		}
		c.DigestKey = "other"
		for _, digest := range row(c, a, o, g) {
			if seen[digest] != "" {
				t.Errorf("%s has one digest under two keys", name)
			}
		}
	}
	if _, ok := (&Customer{Name: "x"}).facts()[personalFact]; ok {
		t.Error("a customer without a key has a digest")
	}
}

// A purge takes the key: the log stays as it is, and is held against what is left.
func TestPurgedDigests(t *testing.T) {
	c := Customer{DigestKey: "k", Name: "Ada", Type: Organization, Status: Active}
	o := Override{Note: "her note"}
	im := images{customer: c.facts(), overrides: map[string]map[string]string{"o": c.overrideFacts(&o)}}
	im.forget()
	c.DigestKey, c.Name, o.Note = "", "", ""
	if !sameRow(im.customer, c.facts()) || !maps.Equal(im.overrides["o"], c.overrideFacts(&o)) {
		t.Error("what is left of a purged customer differs from the log")
	}
	if found := im.remains(&Facts{Customer: c}); len(found) > 0 {
		t.Errorf("what remains: %q", found)
	}
	c.Email = "ada@example.com"
	if found := im.remains(&Facts{Customer: c}); len(found) != 1 {
		t.Errorf("an address that is left: %q", found)
	}
}
