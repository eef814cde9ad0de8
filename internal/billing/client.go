package billing

import "time"

// Client is a program that may call the API: an OAuth 2.0 client with the
// client-credentials grant. Package oauth has the rules; here is the record.
type Client struct {
	ID   string
	Name string
	// SecretHash is the SHA-256 of the secret, which is 256 random bits.
	SecretHash []byte
	Scopes     []string
	CreatedOn  time.Time
	RevokedOn  time.Time // zero while valid
}

// SigningKey is a key that access tokens are signed with. The private part is
// sealed with the installation's key file and is no use without it.
type SigningKey struct {
	ID        string // kid
	CreatedOn time.Time
	Public    []byte // PKIX DER
	Sealed    []byte // PKCS #8 DER, encrypted
	// RetiredOn is when the next key took over signing; zero for the one that
	// signs. A retired key verifies until the tokens it signed have ended.
	RetiredOn time.Time
}
