package billing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strconv"
)

// Of personal data (names, addresses, codes, notes, external ids, metadata) the change log
// has a digest, made with a key of the customer's own: so a row that was changed is told from
// one that was not, and once the key is destroyed, as a purge does, the digest says nothing.
// The log itself stays as it is.
const personalFact = "personal"

// noPersonal is the digest of a row that has no personal data.
const noPersonal = "none"

// personal adds the digest of a row, of which id is one of its kind, to what the log says of
// it. A customer of before has no key, and its rows no digest.
func (c *Customer) personal(facts map[string]string, id string, fields ...string) map[string]string {
	if c.DigestKey == "" {
		return facts
	}
	mac := hmac.New(sha256.New, []byte(c.DigestKey))
	write := func(text string) { mac.Write([]byte(strconv.Itoa(len(text)) + ":" + text)) }
	write(id)
	empty := true
	for _, text := range fields {
		write(text)
		empty = empty && text == ""
	}
	facts[personalFact] = noPersonal
	if !empty {
		facts[personalFact] = hex.EncodeToString(mac.Sum(nil)[:16])
	}
	return facts
}

// facts are what the change log says of the customer.
func (c *Customer) facts() map[string]string {
	return c.personal(customerFacts(c), c.ID.String(), c.OrgCode, c.UserID, c.ExternalID, c.Name, c.Email, metadataText(c.Metadata))
}

// agreementFacts are what the change log says of an agreement of the customer.
func (c *Customer) agreementFacts(a *Agreement) map[string]string {
	return c.personal(agreementFacts(a), a.ID.String(), a.ExternalID, metadataText(a.Metadata))
}

// overrideFacts are what the change log says of an override of the customer.
func (c *Customer) overrideFacts(o *Override) map[string]string {
	return c.personal(overrideFacts(o), o.ID.String(), o.Note)
}

// grantFacts are what the change log says of a grant of the customer.
func (c *Customer) grantFacts(g *Grant) map[string]string {
	return c.personal(grantFacts(g), g.ID.String(), g.Note, g.ExternalID, g.Asked, g.VoidedAs)
}

// sameRow reports whether a row is as the log has it. Programs that know of no digests, and
// customers of before, leave it out of the log.
func sameRow(logged, row map[string]string) bool {
	if logged[personalFact] == "" && row[personalFact] != "" {
		row = maps.Clone(row)
		delete(row, personalFact)
	}
	return maps.Equal(logged, row)
}

// forget takes the digests out of what was logged: the key is gone, and what they were of.
func (im *images) forget() {
	im.purged = true
	delete(im.customer, personalFact)
	for _, rows := range []map[string]map[string]string{im.agreements, im.overrides, im.grants} {
		for _, row := range rows {
			delete(row, personalFact)
		}
	}
}

// remains says what is left of a customer that was purged.
func (im *images) remains(f *Facts) (found []string) {
	c := &f.Customer
	if im.purged && c.OrgCode+c.UserID+c.ExternalID+c.Name+c.Email+metadataText(c.Metadata)+c.DigestKey != "" {
		found = append(found, "the customer was purged and has personal data")
	}
	return found
}

// GiveDigestKey gives the customer a key for the digests of its personal data, unless it has
// one, with the next change of whatever kind.
func (b *Book) GiveDigestKey(key string) {
	if b.Customer.DigestKey == "" && b.Customer.DeletedOn.IsZero() {
		b.Customer.DigestKey = key
	}
}
