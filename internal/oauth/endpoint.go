package oauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
)

const maxBody = 64 << 10

// retryAfter is in how many seconds to ask again what cannot be answered now.
const retryAfter = "1"

// ServeToken answers POST /oauth2/token: a token for client credentials, after
// RFC 6749, section 4.4, with the parameter audience that Kinde's clients send.
// The answer to a refusal is {"error","error_description"}. It is logged too, with
// its cause: some clients throw the answer away.
//
// Wrong secrets are counted for each client id and address, and for each address;
// after too many the answer to another is 429. The right one is always good for a token: whoever
// shares an address with a client, behind one proxy, could lock it out else, and
// nobody guesses 256 random bits.
func (s *Server) ServeToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	var asked attempt
	token, err := s.token(w, r, &asked)
	if err != nil {
		s.logRefusal(r, &asked, err)
		s.fail(w, r, err)
		return
	}
	s.onToken(r.Context(), token.Value)
	writeJSON(w, http.StatusOK, struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"` // seconds
		Scope       string `json:"scope"`
	}{token.Value, "bearer", int(token.Life / time.Second), strings.Join(token.Scopes, " ")})
}

// tooManyError is a failed attempt of a pair of address and client id, or from an
// address, that has failed too often before.
type tooManyError struct{ auth.Block }

func (e *tooManyError) Error() string { return "too many failed attempts" }

// errMethod is any method but those that a path has.
var errMethod = errors.New("method not allowed")

// attempt is what the log has of a request for a token. What the caller wrote is
// in it only if it cannot be a secret.
type attempt struct {
	client    string // "" until there is one, or if it is no client's id
	audiences []string
}

// logRefusal tells the operator why a client got no token.
func (s *Server) logRefusal(r *http.Request, asked *attempt, err error) {
	attrs := []slog.Attr{slog.String("client", asked.client), slog.String("address", remoteAddress(r))}
	refused, ok := errors.AsType[*Error](err)
	switch {
	case ok:
		attrs = append(attrs, slog.String("code", refused.Code), slog.String("cause", refused.Description))
		if refused.Code == codeAudience {
			attrs = append(attrs, slog.String("audience", fmt.Sprintf("%.200q", asked.audiences)))
		}
	case errors.Is(err, errMethod):
		attrs = append(attrs, slog.String("code", "invalid_request"), slog.String("cause", err.Error()))
	default:
		if _, tooMany := errors.AsType[*tooManyError](err); !tooMany {
			return // a fault of ours, which fail logs
		}
		attrs = append(attrs, slog.String("code", "temporarily_unavailable"), slog.String("cause", err.Error()))
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "token refused", attrs...)
}

func (s *Server) token(w http.ResponseWriter, r *http.Request, asked *attempt) (Token, error) {
	if r.Method != http.MethodPost {
		return Token{}, errMethod
	}
	form, err := readForm(w, r)
	if err != nil {
		return Token{}, err
	}
	switch form.Get("grant_type") {
	case "client_credentials":
	case "":
		return Token{}, refuse("invalid_request", "no grant_type: use client_credentials")
	default:
		return Token{}, refuse("unsupported_grant_type", "use client_credentials")
	}
	id, secret, err := credentials(r.Header, form)
	if err != nil {
		return Token{}, err
	}
	if isClientID(id) {
		asked.client = id
	}
	asked.audiences = form["audience"]
	address := remoteAddress(r)
	block := s.failures.Blocked(address, id)
	client, mark, ok, err := s.dir.authenticate(r.Context(), id, secret, block.Wait == 0)
	if err != nil {
		return Token{}, err
	}
	if !ok {
		if block.Wait > 0 {
			return Token{}, &tooManyError{block}
		}
		s.failures.Add(address, id)
		return Token{}, refuse("invalid_client", "unknown or revoked client, or wrong secret")
	}
	return s.give(r.Context(), client, mark, Request{
		Scopes:    strings.Fields(form.Get("scope")),
		Audiences: form["audience"],
	})
}

// readForm reads the body, which is the only place that parameters are taken
// from: what stands in a URL ends up in logs.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return nil, refuse("invalid_request", "send the parameters in the body, as application/x-www-form-urlencoded")
	}
	errBody := refuse("invalid_request", "the body could not be read: send at most %d bytes", maxBody)
	if r.ContentLength > maxBody { // nothing of it is waited for
		return nil, errBody
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, errBody
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, refuse("invalid_request", "the body is not application/x-www-form-urlencoded")
	}
	for name, values := range form {
		switch name {
		case "grant_type", "client_id", "client_secret", "scope":
			if len(values) > 1 {
				return nil, refuse("invalid_request", "%s is given twice: only audience may be", name)
			}
		}
	}
	return form, nil
}

// credentials are the client's, by HTTP Basic or in the form. Both may be given
// if they say the same.
func credentials(h http.Header, form url.Values) (id, secret string, err error) {
	id, secret, basic, err := basicCredentials(h)
	if err != nil {
		return "", "", err
	}
	formID, formSecret := form.Get("client_id"), form.Get("client_secret")
	if basic {
		if formID != "" && formID != id || formSecret != "" && formSecret != secret {
			return "", "", refuse("invalid_request", "the Authorization header and the body name different credentials: use one of them")
		}
	} else {
		id, secret = formID, formSecret
	}
	if id == "" || secret == "" {
		return "", "", refuse("invalid_client", "no credentials: send client_id and client_secret by HTTP Basic or in the body")
	}
	return id, secret, nil
}

// basicCredentials reports whether there are any.
func basicCredentials(h http.Header) (id, secret string, ok bool, err error) {
	values := h.Values("Authorization")
	if len(values) > 1 {
		return "", "", false, refuse("invalid_request", "more than one Authorization header")
	}
	if len(values) == 0 {
		return "", "", false, nil
	}
	scheme, encoded, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false, nil
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", false, refuse("invalid_client", "malformed HTTP Basic credentials")
	}
	id, secret, ok = strings.Cut(string(text), ":")
	if !ok {
		return "", "", false, refuse("invalid_client", "malformed HTTP Basic credentials")
	}
	return formDecoded(id), formDecoded(secret), true, nil
}

// formDecoded undoes the encoding that RFC 6749, section 2.3.1, asks of id and
// secret before they become Basic credentials. Clients that do not do it are
// understood too: ids and secrets are letters and digits, the same with and without.
func formDecoded(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// remoteAddress is that of the connection: headers that say otherwise can be
// made up.
func remoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// refusal is the body of an answer that is no success.
type refusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// throttled is the body of a 429: a refusal, and what every other route answers
// to too many requests, for those who read that.
type throttled struct {
	refusal
	Errors []throttledError `json:"errors"`
}

type throttledError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// fail writes the answer to an error. What is not the caller's fault is
// logged, and not shown.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if tooMany, ok := errors.AsType[*tooManyError](err); ok {
		const message = "too many failed attempts: check the secret, and try again later"
		seconds := strconv.Itoa(int(math.Ceil(tooMany.Wait.Seconds())))
		w.Header().Set("Retry-After", seconds)
		w.Header().Set("RateLimit-Limit", strconv.Itoa(tooMany.Limit))
		w.Header().Set("RateLimit-Remaining", "0")
		w.Header().Set("RateLimit-Reset", seconds)
		writeJSON(w, http.StatusTooManyRequests, throttled{
			refusal{"temporarily_unavailable", message},
			[]throttledError{{"TOO_MANY_REQUESTS", message}},
		})
		return
	}
	if errors.Is(err, errMethod) {
		w.Header().Set("Allow", http.MethodPost)
		writeJSON(w, http.StatusMethodNotAllowed, refusal{"invalid_request", "use POST"})
		return
	}
	if unavailable, is := errors.AsType[*billing.Error](err); is && unavailable.Kind == billing.Unavailable {
		s.log.ErrorContext(r.Context(), "oauth", "path", r.URL.Path, "error", err)
		w.Header().Set("Retry-After", retryAfter)
		writeJSON(w, http.StatusServiceUnavailable, refusal{"temporarily_unavailable", unavailable.Code + ": " + unavailable.Message})
		return
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		s.log.ErrorContext(r.Context(), "oauth", "path", r.URL.Path, "error", err)
		writeJSON(w, http.StatusInternalServerError, refusal{"server_error", "the server cannot answer this now"})
		return
	}
	status := http.StatusBadRequest
	if e.Code == "invalid_client" {
		status = http.StatusUnauthorized
		if r.Header.Get("Authorization") != "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="allot"`)
		}
	}
	writeJSON(w, status, refusal{e.Code, e.Description})
}

// writeJSON encodes before it writes the status. v is of this package and can
// be encoded.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error here is of a client that has gone
}
