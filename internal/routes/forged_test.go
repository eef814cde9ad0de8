package routes

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/auth"
)

type object = map[string]any

// forger makes tokens with the key k1 of our issuer, with k2 of another one, and with
// keys of its own, and counts what it has made.
type forger struct {
	t     *testing.T
	ours  *rsa.PrivateKey
	other *ecdsa.PrivateKey
	evil  *rsa.PrivateKey
	cases map[string]http.Header // by name: what is sent
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (f *forger) json(v any) string {
	f.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

func (f *forger) must(b []byte, err error) []byte {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

// header is a good one with changes; a nil value removes a name.
func (f *forger) header(changes object) string {
	return f.json(altered(object{"alg": "RS256", "kid": "k1", "typ": "JWT"}, changes))
}

// claims are good ones with changes.
func (f *forger) claims(changes object) string {
	return f.json(altered(object{
		"iss": issuerURL, "aud": []string{audience}, "azp": clientID, "iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix(),
		"jti": "1", "gty": []string{"client_credentials"}, "scope": strings.Join(allScopes(), " "), "v": "2",
	}, changes))
}

type null struct{}

func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

func altered(all, changes object) object {
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

// signed is what our own key has signed, as RS256, whatever it says.
func (f *forger) signed(header, payload string) string { return f.by(f.ours, header, payload) }

func (f *forger) by(key *rsa.PrivateKey, header, payload string) string {
	f.t.Helper()
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	digest := sha256.Sum256([]byte(text))
	return text + "." + b64(f.must(rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])))
}

func mac(key []byte, header, payload string) string {
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return text + "." + b64(h.Sum(nil))
}

// token adds a case that sends a token.
func (f *forger) token(token, name string, args ...any) {
	f.sends(http.Header{"Authorization": {"Bearer " + token}}, name, args...)
}

func (f *forger) sends(h http.Header, name string, args ...any) {
	f.t.Helper()
	name = fmt.Sprintf(name, args...)
	if f.cases[name] != nil {
		f.t.Fatalf("two cases %s", name)
	}
	f.cases[name] = h
}

func (f *forger) algorithms() {
	public := f.must(x509.MarshalPKIXPublicKey(f.ours.Public()))
	keys := map[string][]byte{
		"DER": public, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		"modulus": f.ours.N.Bytes(), "nothing": {}, "kid": []byte("k1"),
	}
	for _, alg := range []any{
		nil, null{}, "", "none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "RS384", "RS512", "PS256", "PS384",
		"PS512", "ES256", "ES384", "ES256K", "EdDSA", "dir", "RSA-OAEP", "rs256", "RS256 ", "RS256\x00", "RS257", 1, true,
		[]string{"RS256"}, object{"alg": "RS256"},
	} {
		header, payload := f.header(object{"alg": alg}), f.claims(nil)
		f.token(f.signed(header, payload), "alg %v, our signature", alg)
		f.token(b64([]byte(header))+"."+b64([]byte(payload))+".", "alg %v, no signature", alg)
	}
	for _, alg := range []string{"HS256", "hs256", "RS256", "none"} {
		for name, key := range keys {
			f.token(mac(key, f.header(object{"alg": alg}), f.claims(nil)), "alg %s by HMAC with %s", alg, name)
		}
	}
	for _, alg := range []jose.SignatureAlgorithm{jose.PS256, jose.RS384, jose.RS512, jose.PS512} {
		f.token(f.jose(alg, f.ours, "k1"), "our key as %s", alg)
	}
}

func (f *forger) jose(alg jose.SignatureAlgorithm, key any, kid string) string {
	f.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(f.claims(nil)))
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	return string(f.must([]byte(text), err))
}

func (f *forger) keys() {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, kid := range []string{"k1", "k2", "mine"} {
		f.token(f.jose(jose.RS256, f.evil, kid), "another RSA key as %s", kid)
		f.token(f.jose(jose.EdDSA, ed, kid), "an Ed25519 key as %s", kid)
		f.token(f.jose(jose.ES256, ec, kid), "an EC key as %s", kid)
	}
	f.token(f.jose(jose.ES256, f.other, "k2"), "our claims by the other issuer's key")
	f.token(f.signed(f.header(nil), f.claims(object{"iss": foreignURL})), "the other issuer's claims by our key")
	f.token(f.signed(f.header(object{"kid": "k2"}), f.claims(object{"iss": foreignURL})), "the other issuer's claims and kid by our key")

	jwk := jose.JSONWebKey{Key: f.evil.Public(), KeyID: "mine", Algorithm: "RS256", Use: "sig"}
	for name, v := range map[string]any{
		"jwk": jwk, "jku": "https://evil.example/jwks", "x5u": "https://evil.example/cert",
		"x5c": []string{"MIIB"}, "x5t": "AAAA", "x5t#S256": "AAAA", "iss": issuerURL, "epk": jwk,
	} {
		for _, kid := range []any{nil, "k1", "mine"} {
			f.token(f.by(f.evil, f.header(object{name: v, "kid": kid}), f.claims(nil)), "%s beside the kid %v", name, kid)
		}
	}
	for _, kid := range []any{
		nil, null{}, "", 1, true, []string{"k1"}, object{"k1": 1}, "K1", "k1 ", " k1", "k1\x00", "k1\n", "k2", "k9", "../../dev/null",
		"k1' or '1'='1", "k1;select 1", "file:///dev/null", "https://evil.example/k1", "%6b1", "k1/../k1", "κ1", "ｋ1", "*",
		strings.Repeat("k", 4000),
	} {
		f.token(f.signed(f.header(object{"kid": kid}), f.claims(nil)), "kid %.40v", kid)
	}
}

func (f *forger) kinds() {
	for _, typ := range []any{
		null{}, "", "ID", "id", "id_token+jwt", "logout+jwt", "application/logout+jwt", "LOGOUT+JWT", "dpop+jwt", "secevent+jwt",
		"rt+jwt", "Refresh", "JWE", "JOSE", "text/jwt", "application/application/jwt", " JWT", "JWT\x00", 1, []string{"JWT"},
	} {
		f.token(f.signed(f.header(object{"typ": typ}), f.claims(nil)), "typ %v", typ)
	}
	for name, crit := range map[string]object{
		"empty": {"crit": []string{}}, "null": {"crit": null{}}, "text": {"crit": "exp"}, "object": {"crit": object{}},
		"absent": {"crit": []string{"b64"}}, "b64": {"crit": []string{"b64"}, "b64": true}, "alg": {"crit": []string{"alg"}},
		"unknown": {"crit": []string{"x"}, "x": 1}, "exp": {"crit": []string{"exp"}, "exp": 1}, "twice": {"crit": []string{"x", "x"}, "x": 1},
		"crit": {"crit": []string{"crit"}}, "number": {"crit": []any{1}}, "no name": {"crit": []string{""}, "": 1},
	} {
		f.token(f.signed(f.header(crit), f.claims(nil)), "crit %s", name)
	}
	f.token(f.signed(f.header(object{"b64": false}), f.claims(nil)), "b64 false")
	f.token(b64([]byte(f.header(object{"b64": false, "crit": []string{"b64"}})))+"."+f.claims(nil)+".AAAA", "payload unencoded")
	for name, c := range map[string]object{
		"typ ID": {"typ": "ID"}, "typ Refresh": {"typ": "Refresh"}, "typ Offline": {"typ": "Offline"}, "typ Logout": {"typ": "Logout"},
		"typ 1": {"typ": 1}, "token_use id": {"token_use": "id"}, "token_use refresh": {"token_use": "refresh"},
		"at_hash": {"at_hash": "x"}, "c_hash": {"c_hash": "x"}, "events": {"events": object{"http://schemas.openid.net/event/backchannel-logout": object{}}},
		"sub": {"sub": "kp_ada"}, "sub in capitals": {"sub": strings.ToUpper(clientID)}, "gty of a user": {"gty": "authorization_code"},
	} {
		f.token(f.signed(f.header(nil), f.claims(c)), "of another kind: %s", name)
	}
}

// values are of every type, and none is what any claim may be.
var values = map[string]any{
	"null": null{}, "true": true, "an object": object{}, "a number": 1, "a list of numbers": []any{1}, "a nested list": []any{[]string{"x"}},
}

func (f *forger) claimed() {
	for claim, more := range map[string]map[string]any{
		"iss": {
			"absent": nil, "empty": "", "a list": []string{issuerURL}, "with a slash": issuerURL + "/", "in capitals": strings.ToUpper(issuerURL),
			"by http": "http" + strings.TrimPrefix(issuerURL, "https"), "with a port": issuerURL + ":443", "with a user": "https://x@issuer.example",
			"with a fragment": issuerURL + "#", "below": issuerURL + "/x", "above": "https://example", "longer": issuerURL + ".evil.example",
			"with a blank": " " + issuerURL, "with a zero": issuerURL + "\x00", "in Cyrillic": strings.Replace(issuerURL, "e", "е", 1),
		},
		"aud": {
			"absent": nil, "empty": "", "an empty list": []string{}, "a list of nothing": []string{""}, "null in a list": []any{null{}},
			"a mixed list": []any{audience, 1}, "nested": []any{[]string{audience}}, "path in capitals": "https://allot.example/API", "with a slash": audience + "/",
			"with a query": audience + "?", "a part": audience[:len(audience)-1], "more": audience + "x", "joined": audience + "," + audience,
			"in a sentence": "x " + audience, "with a blank": audience + " ", "another": "https://other.example/api", "the issuer": issuerURL, "a star": "*",
		},
		"exp": {
			"absent": nil, "empty": "", "text": fmt.Sprint(noon.Add(time.Hour).Unix()), "a date": noon.Add(time.Hour), "now": noon.Unix(),
			"a second ago": noon.Unix() - 1, "a moment ago": float64(noon.Unix()) - 0.5, "zero": 0, "negative": -1, "very negative": -1e300,
			"beyond time": 1e300, "beyond integers": json.Number("9223372036854775808"), "the last integer": json.Number("9223372036854775807"),
			"a list": []int64{noon.Add(time.Hour).Unix()},
		},
		"nbf": {
			"text": fmt.Sprint(noon.Unix()), "to come": noon.Unix() + 1, "in years": noon.AddDate(10, 0, 0).Unix(), "beyond time": 1e300,
			"a list": []int64{noon.Unix()}, "empty": "",
		},
		"iat": {"text": fmt.Sprint(noon.Unix()), "a list": []int64{noon.Unix()}, "empty": "", "a date": noon},
		"azp": {"absent": nil, "empty": "", "a list": []string{clientID}},
		"gty": {"text of another": "password", "a list of another": []string{"refresh_token"}},
		"jti": {"a list": []string{"1"}},
		"scope": {
			"absent": nil, "empty": "", "in capitals": strings.ToUpper(strings.Join(allScopes(), " ")), "with commas": strings.Join(allScopes(), ","),
			"a star": "*", "stars": "read:* update:*", "all": "all", "parts": "read: :catalog read catalog", "a nested list": []any{allScopes()},
			"with a blank that is none": strings.Join(allScopes(), "\u200b"), "alike": "reаd:catalog reаd:billing_entitlements",
		},
	} {
		all := maps.Clone(values)
		if claim == "nbf" || claim == "iat" {
			delete(all, "null") // as good as absent
			delete(all, "a number")
		}
		if claim == "gty" {
			delete(all, "null")
		}
		if claim == "jti" {
			delete(all, "null")
		}
		maps.Copy(all, more)
		for name, v := range all {
			changes := object{claim: v}
			if claim == "scope" {
				changes["scp"] = nil
			}
			f.token(f.signed(f.header(nil), f.claims(changes)), "%s: %s", claim, name)
		}
	}
}

func (f *forger) doubled() {
	for _, name := range []string{"iss", "aud", "azp", "exp", "scope", "gty", "jti"} {
		good := f.claims(nil)
		f.token(f.signed(f.header(nil), `{"`+name+`":"evil",`+good[1:]), "claim %s before", name)
		f.token(f.signed(f.header(nil), good[:len(good)-1]+`,"`+name+`":null}`), "claim %s behind", name)
		escaped := fmt.Sprintf(`\u%04x`, name[0]) + name[1:]
		f.token(f.signed(f.header(nil), `{"`+escaped+`":"evil",`+good[1:]), "claim %s escaped", name)
		f.token(f.signed(f.header(nil), f.claims(object{name: nil, strings.ToUpper(name): "x"})), "claim %s in capitals only", name)
		if name == "gty" || name == "jti" {
			delete(f.cases, "claim "+name+" in capitals only") // need not be there
		}
	}
	for _, name := range []string{"alg", "kid", "typ"} {
		good := f.header(nil)
		f.token(f.signed(`{"`+name+`":"none",`+good[1:], f.claims(nil)), "header %s before", name)
		f.token(f.signed(good[:len(good)-1]+`,"`+name+`":"none"}`, f.claims(nil)), "header %s behind", name)
		if name != "typ" {
			f.token(f.signed(f.header(object{name: nil, strings.ToUpper(name): "k1"}), f.claims(nil)), "header %s in capitals only", name)
		}
	}
}

func (f *forger) shapes() {
	header, payload := f.header(nil), f.claims(nil)
	token := f.signed(header, payload)
	p := strings.Split(token, ".")
	for n := range 9 {
		if n != 3 {
			f.token(strings.Join(slices.Repeat(p, 3)[:n], "."), "%d parts", n)
		}
	}
	for name, text := range map[string]string{
		"opaque": "opaque", "dots": "..", "dot before": "." + token, "dot behind": token + ".", "no header": "." + p[1] + "." + p[2],
		"no payload": p[0] + ".." + p[2], "parts exchanged": p[1] + "." + p[0] + "." + p[2], "quoted": `"` + token + `"`,
		"twice": token + "," + token, "escaped": strings.ReplaceAll(token, ".", "%2E"), "with a scheme": "JWT " + token,
		"flattened JSON":  `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`,
		"general JSON":    `{"payload":"` + p[1] + `","signatures":[{"protected":"` + p[0] + `","signature":"` + p[2] + `"}]}`,
		"unsigned header": `{"header":{"alg":"RS256","kid":"k1"},"payload":"` + p[1] + `","signature":"` + p[2] + `"}`,
		"nested":          f.signed(f.header(object{"cty": "JWT"}), token),
		"as JWE":          b64([]byte(`{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k1"}`)) + "." + b64(make([]byte, 256)) + ".AAAAAAAAAAAAAAAA." + p[1] + ".AAAAAAAAAAAAAAAAAAAAAA",
		"as JWE dir":      b64([]byte(`{"alg":"dir","enc":"A256GCM","kid":"k1"}`)) + "..AAAAAAAAAAAAAAAA." + p[1] + ".AAAAAAAAAAAAAAAAAAAAAA",
		"compressed":      f.signed(f.header(object{"zip": "DEF", "enc": "A256GCM"}), "\x00\x01\x02"),
	} {
		f.token(text, "%s", name)
	}
	for _, blank := range []string{" ", "\t", "\n", "\r\n", "\x00", "=", "==", "%3D", "+", "/", "~", "é"} {
		for i := range p {
			q := slices.Clone(p)
			q[i] += blank
			f.token(strings.Join(q, "."), "%q behind part %d", blank, i+1)
			if i > 0 { // before the first they are the header's
				q[i] = blank + p[i]
				f.token(strings.Join(q, "."), "%q before part %d", blank, i+1)
			}
		}
	}
	for i, part := range p {
		last := strings.IndexByte(alphabet, part[len(part)-1])
		if spare := len(part) % 4; spare > 1 { // bits of the last letter that decode to nothing
			q := slices.Clone(p)
			q[i] = part[:len(part)-1] + string(alphabet[last^1])
			f.token(strings.Join(q, "."), "part %d spelled otherwise", i+1)
		}
	}
	for name, body := range map[string]string{
		"nothing": "", "null": "null", "a list": "[" + payload + "]", "text": `"x"`, "a number": "1", "true": "true", "cut": payload[:len(payload)-1],
		"more behind": payload + "{}", "rubbish behind": payload + "x", "a comma": payload[:len(payload)-1] + ",}", "a comment": payload[:1] + "/**/" + payload[1:],
		"single quotes": strings.ReplaceAll(payload, `"`, `'`), "a mark before": "\ufeff" + payload, "a zero behind": payload + "\x00",
		"UTF-16": strings.Join(strings.Split(payload, ""), "\x00"), "depth": strings.Repeat("[", 3000), "a deep claim": payload[:len(payload)-1] + `,"x":` + strings.Repeat("[", 2500),
		"NaN": strings.Replace(payload, `"exp":`, `"exp":NaN,"x":`, 1), "Infinity": strings.Replace(payload, `"exp":`, `"exp":Infinity,"x":`, 1),
		"a plus": strings.Replace(payload, `"exp":`, `"exp":+`, 1), "hexadecimal": strings.Replace(payload, `"exp":`, `"exp":0x`, 1), "a zero before": strings.Replace(payload, `"exp":`, `"exp":0`, 1),
	} {
		f.token(f.signed(header, body), "payload is %s", name)
		if name != "depth" && name != "a deep claim" && !strings.Contains(body, `"exp":`) {
			f.token(f.signed(body, payload), "header is %s", name)
		}
	}
	f.token(f.signed(header, f.claims(object{"pad": strings.Repeat("x", auth.MaxTokenBytes)})), "too long")
	f.token(f.signed(f.header(object{"pad": strings.Repeat("x", auth.MaxTokenBytes)}), payload), "header too long")
	f.token(strings.Repeat("a.", 3000), "6,000 bytes of dots")
	f.token(f.signed(header, f.claims(object{"azp": "\xff\xfe"}))[:200], "cut")
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func (f *forger) signatures() {
	token := f.signed(f.header(nil), f.claims(nil))
	p := strings.Split(token, ".")
	text := p[0] + "." + p[1]
	signature, err := base64.RawURLEncoding.DecodeString(p[2])
	if err != nil {
		f.t.Fatal(err)
	}
	size := len(signature)
	for i := 0; i < size; i += 16 {
		other := slices.Clone(signature)
		other[i] ^= 1
		f.token(text+"."+b64(other), "bit of byte %d of the signature", i)
	}
	for _, n := range []int{0, 1, 32, 64, size - 1} {
		f.token(text+"."+b64(signature[:n]), "%d bytes of the signature", n)
	}
	number := func(n *big.Int) string { return b64(n.FillBytes(make([]byte, max(size, (n.BitLen()+7)/8)))) }
	one, n, s := big.NewInt(1), f.ours.N, new(big.Int).SetBytes(signature)
	for name, other := range map[string]*big.Int{
		"zero": {}, "one": one, "the modulus": n, "the modulus less one": new(big.Int).Sub(n, one), "with the modulus added": new(big.Int).Add(s, n),
		"less from the modulus": new(big.Int).Sub(n, s), "squared": new(big.Int).Exp(s, big.NewInt(2), n),
	} {
		f.token(text+"."+number(other), "signature: %s", name)
	}
	f.token(text+"."+b64(append([]byte{0}, signature...)), "a zero before the signature")
	f.token(text+"."+b64(append(slices.Clone(signature), 0)), "a zero behind the signature")
	f.token(text+"."+b64(append(slices.Clone(signature), signature...)), "the signature twice")
	d1, d512, d256 := sha1.Sum([]byte(text)), sha512.Sum512([]byte(text)), sha256.Sum256([]byte(text))
	f.token(text+"."+b64(f.must(rsa.SignPKCS1v15(nil, f.ours, crypto.SHA1, d1[:]))), "SHA-1")
	f.token(text+"."+b64(f.must(rsa.SignPKCS1v15(nil, f.ours, crypto.SHA512, d512[:]))), "SHA-512")
	f.token(text+"."+b64(f.must(rsa.SignPKCS1v15(nil, f.ours, 0, d256[:]))), "a digest without its name")
	f.token(text+"."+b64(f.must(rsa.SignPSS(rand.Reader, f.ours, crypto.SHA256, d256[:], nil))), "PSS under RS256")
	f.token(text+"."+strings.Split(f.signed(f.header(nil), f.claims(object{"jti": "2"})), ".")[2], "the signature of another token")
	for i := 0; i < len(p[1]); i += 16 {
		other := []byte(p[1])
		other[i] = alphabet[(strings.IndexByte(alphabet, other[i])+1)%64]
		f.token(p[0]+"."+string(other)+"."+p[2], "letter %d of the payload", i)
	}
	for i := range len(p[0]) / 4 {
		other := []byte(p[0])
		other[4*i] = alphabet[(strings.IndexByte(alphabet, other[4*i])+1)%64]
		f.token(string(other)+"."+p[1]+"."+p[2], "letter %d of the header", 4*i)
	}
	// The other issuer's: of s and -s both verify, unless the text says which.
	claims := f.claims(object{"iss": foreignURL})
	ec := b64([]byte(`{"alg":"ES256","kid":"k2"}`)) + "." + b64([]byte(claims))
	for name, rs := range map[string][2]*big.Int{"zeros": {{}, {}}, "ones": {one, one}, "the order": {elliptic.P256().Params().N, elliptic.P256().Params().N}} {
		f.token(ec+"."+b64(append(rs[0].FillBytes(make([]byte, 32)), rs[1].FillBytes(make([]byte, 32))...)), "ES256 of %s", name)
	}
	digest := sha256.Sum256([]byte(ec))
	f.token(ec+"."+b64(f.must(ecdsa.SignASN1(rand.Reader, f.other, digest[:]))), "ES256 as ASN.1")
}

func (f *forger) headers() {
	token := f.signed(f.header(nil), f.claims(nil))
	for name, values := range map[string][]string{
		"no header": nil, "empty": {""}, "scheme only": {"Bearer"}, "scheme and a blank": {"Bearer "}, "no scheme": {token}, "Basic": {"Basic " + token},
		"Digest": {"Digest " + token}, "another scheme": {"JWT " + token}, "a colon": {"Bearer: " + token}, "a tab": {"Bearer\t" + token}, "glued": {"Bearer" + token},
		"two headers": {"Bearer " + token, "Bearer " + token}, "two tokens": {"Bearer " + token + " " + token}, "with a parameter": {"Bearer token=" + token},
		"in angles": {"Bearer <" + token + ">"},
	} {
		f.sends(http.Header{"Authorization": values}, "header: %s", name)
	}
	f.sends(http.Header{"X-Authorization": {"Bearer " + token}, "Cookie": {"access_token=" + token}, "Proxy-Authorization": {"Bearer " + token}}, "in other headers")
}

// Every token that is not one of ours, however it was made, is 403 and says nothing
// else; none is a fault of ours.
func TestForgedTokens(t *testing.T) {
	f := &forger{t: t, cases: map[string]http.Header{}}
	var errs [3]error
	f.ours, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	f.evil, errs[1] = rsa.GenerateKey(rand.Reader, 2048)
	f.other, errs[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	issuer := func(url, kid string, key auth.Key) auth.Issuer {
		return auth.Issuer{URL: url, Audiences: []string{audience}, Key: func(_ context.Context, asked string) (auth.Key, error) {
			if asked != kid {
				return auth.Key{}, fmt.Errorf("%w: no key %q", auth.ErrInvalidCredentials, asked)
			}
			return key, nil
		}}
	}
	st := newStore(t)
	worldOn(t, st, 0).settle(t)
	w := worldOn(t, st, 0, func(c *Config) {
		var err error
		c.Verifier, err = auth.NewVerifier(auth.Options{Now: func() time.Time { return noon }, Issuers: []auth.Issuer{
			issuer(issuerURL, "k1", auth.Key{Public: f.ours.Public(), Algorithm: jose.RS256}),
			issuer(foreignURL, "k2", auth.Key{Public: f.other.Public(), Algorithm: jose.ES256}),
		}})
		if err != nil {
			t.Fatal(err)
		}
	})
	asks := func(target string, h http.Header) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "GET", target, nil)
		maps.Copy(r.Header, h)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		return rec
	}
	targets := []string{"/v1/catalog", "/api/v1/billing/entitlements?customer_id=" + acme}
	good := http.Header{"Authorization": {"Bearer " + f.signed(f.header(nil), f.claims(nil))}}
	for _, target := range targets {
		if rec := asks(target, good); rec.Code != 200 {
			t.Fatalf("the good one: %d %s", rec.Code, rec.Body)
		}
	}

	f.algorithms()
	f.keys()
	f.kinds()
	f.claimed()
	f.doubled()
	f.shapes()
	f.signatures()
	f.headers()
	t.Logf("%d tokens", len(f.cases))
	if len(f.cases) < 500 {
		t.Errorf("%d tokens, want 500 at least", len(f.cases))
	}
	for name, h := range f.cases {
		for _, target := range targets {
			rec := asks(target, h)
			var body api.Errors
			err := json.Unmarshal(rec.Body.Bytes(), &body)
			want := "INVALID_CREDENTIALS"
			if strings.Contains(name, "scope") && strings.Contains(rec.Body.String(), "SCOPE_MISSING") {
				want = "SCOPE_MISSING"
			}
			if rec.Code != 403 || err != nil || len(body.Errors) != 1 || body.Errors[0].Code != want || rec.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s: %s: %d %s, want 403 %s", name, target, rec.Code, rec.Body, want)
			}
		}
	}
	// It is not that nothing would be let in any more.
	if rec := asks(targets[0], good); rec.Code != 200 {
		t.Errorf("the good one, in the end: %d %s", rec.Code, rec.Body)
	}
}

// Every route with every scope alone, with none, and with those it wants: what it wants
// opens it, and nothing else does.
func TestScopeMatrix(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	cells, open := 0, 0
	for _, route := range All(Config{}) {
		if route.Scope == "" {
			continue
		}
		wanted := strings.Fields(route.Scope)
		sets := [][]string{{}, wanted}
		for _, s := range allScopes() {
			sets = append(sets, []string{s})
		}
		for _, scopes := range sets {
			cells++
			may := !slices.ContainsFunc(wanted, func(s string) bool { return !slices.Contains(scopes, s) })
			if !may {
				w.refuses(t, route, w.token(t, scopes...), "SCOPE_MISSING")
				continue
			}
			open++
			target := targetOf(route)
			if strings.HasPrefix(target, "/v1/events") {
				target += "?wait=0"
			}
			rec := w.ask(t, route.Method, target, "", "Authorization", "Bearer "+w.token(t, scopes...))
			if rec.Code == 403 || rec.Code >= 500 {
				t.Errorf("%s %s with %q: %d %s", route.Method, route.Pattern, scopes, rec.Code, rec.Body)
			}
		}
	}
	t.Logf("%d cells, %d open", cells, open)
	if cells < 1000 || open < 2*len(allScopes()) {
		t.Errorf("%d cells, %d of them open", cells, open)
	}
}
