package server

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

func TestConfigReportsEveryFault(t *testing.T) {
	cfg := Config{
		Place:          Place{Database: "mysql://user:hunter2@host/db"},
		Listen:         "8080",
		Issuer:         "https://allot.example.com/",
		TrustedIssuers: []string{"https://id.example.com", "http://id.example.com=allot"},
		TLSCert:        "cert.pem",
		RateLimit:      -1,
		CORSOrigins:    []string{"https://app.example.com", "app.example.com"},
		UsageRetention: MinUsageRetention - 1,
	}
	err := cfg.Validate()
	faults, ok := errors.AsType[*ConfigError](err)
	if !ok {
		t.Fatalf("got %v, want a *ConfigError", err)
	}
	for _, want := range []string{
		`listen "8080": want host:port`,
		`database: want sqlite:FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE`,
		`issuer "https://allot.example.com/": want`,
		`rate-limit -1: want`,
		`usage-retention 47h59m59.999999999s: want at least 48 hours`,
		`cors-origin "app.example.com": want an origin`,
		`tls-cert and tls-key: want both or neither`,
		`trusted issuer "https://id.example.com": want URL=AUDIENCE`,
		`trusted issuer "http://id.example.com=allot": want https`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no fault %q", want)
		}
	}
	if len(faults.Faults) != 9 {
		t.Errorf("%d faults, want 9:\n%v", len(faults.Faults), err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password is shown:\n%v", err)
	}
}

func TestConfigFault(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  Config
		want string // "" if the configuration is right
	}{
		{"nothing said", Config{}, ""},
		{"optional events", Config{Events: []string{"usage.reset", "hold.expired"}}, ""},
		{"another event", Config{Events: []string{"trial.ended"}}, "events \"trial.ended\": want usage.reset or hold.expired"},
		{"all interfaces", Config{Listen: ":8080"}, ""},
		{"free port", Config{Listen: "127.0.0.1:0"}, ""},
		{"IPv6", Config{Listen: "[::1]:8080"}, ""},
		{"database file", Config{Place: Place{Database: "sqlite:/var/lib/allot/allot.db"}}, ""},
		{"issuer behind a proxy", Config{Issuer: "https://allot.example.com"}, ""},
		{"trusted issuer", Config{TrustedIssuers: []string{"https://id.example.com=allot", "https://id.example.com=other"}}, ""},
		{"origins", Config{CORSOrigins: []string{"https://app.example.com", "http://localhost:3000", "http://[::1]:8080", "*"}}, ""},
		{"retention", Config{UsageRetention: MinUsageRetention}, ""},
		{"no cache", Config{CacheSize: NoCache}, ""},
		{"stale and replica", Config{
			Place: Place{Database: "postgres://localhost/allot"}, DatabaseReplica: "postgres://replica/allot", ServeStale: time.Minute,
		}, ""},
		{"metrics", Config{Metrics: "127.0.0.1:0"}, ""},
		{"negative cache", Config{CacheSize: -2}, "cache-size -2"},
		{"negative stale", Config{ServeStale: -1}, "serve-stale -1ns"},
		{"stale without cache", Config{CacheSize: NoCache, ServeStale: time.Minute}, "a cache-size above 0"},
		{"replica of SQLite", Config{DatabaseReplica: "postgres://replica/allot"}, "SQLite has none"},
		{"replica that is SQLite", Config{
			Place: Place{Database: "postgres://localhost/allot"}, DatabaseReplica: "sqlite:x",
		}, "SQLite has none"},
		{"replica without cache", Config{
			Place: Place{Database: "postgres://localhost/allot"}, DatabaseReplica: "postgres://replica/allot", CacheSize: NoCache,
		}, "nothing but the cache reads the replica"},
		{"replica nowhere", Config{
			Place: Place{Database: "postgres://localhost/allot"}, DatabaseReplica: "mysql://replica",
		}, "database-replica: want"},
		{"metrics without port", Config{Metrics: "localhost"}, "metrics"},
		{"negative retention", Config{UsageRetention: -time.Hour}, "usage-retention -1h0m0s"},
		{"origin with slash", Config{CORSOrigins: []string{"https://app.example.com/"}}, "cors-origin"},
		{"origin with path", Config{CORSOrigins: []string{"https://app.example.com/x"}}, "cors-origin"},
		{"origin with capitals", Config{CORSOrigins: []string{"https://App.example.com"}}, "cors-origin"},
		{"origin with the usual port", Config{CORSOrigins: []string{"https://app.example.com:443"}}, "cors-origin"},
		{"origin of many", Config{CORSOrigins: []string{"https://*.example.com"}}, "cors-origin"},
		{"origin of nobody", Config{CORSOrigins: []string{"null"}}, "cors-origin"},
		{"origin with user", Config{CORSOrigins: []string{"https://me@app.example.com"}}, "cors-origin"},
		{"port too high", Config{Listen: "127.0.0.1:65536"}, "want a port from 0 to 65535"},
		{"port by name", Config{Listen: "127.0.0.1:http"}, "want a port from 0 to 65535"},
		{"listen with scheme", Config{Listen: "http://127.0.0.1:8080"}, "want host:port"},
		{"no file", Config{Place: Place{Database: "sqlite:"}}, "sqlite:FILE"},
		{"postgres", Config{Place: Place{Database: "postgres://localhost/allot"}}, ""},
		{"postgres port", Config{Place: Place{Database: "postgres://localhost:x/allot"}}, "HOST:PORT"},
		{"issuer without host", Config{Issuer: "https://"}, "want a URL"},
		{"itself trusted", Config{Issuer: "https://a.example.com", TrustedIssuers: []string{"https://a.example.com=x"}}, "own issuer"},
		{"scopes of a trusted issuer", Config{
			TrustedIssuers:      []string{"https://id.example.com=allot"},
			TrustedIssuerScopes: []string{"https://id.example.com=read:catalog", "read:customers", "https://id.example.com=all"},
			TrustedIssuerDeny:   []string{"https://id.example.com=c1", "c2"},
		}, ""},
		{"scope that there is not", Config{
			TrustedIssuers: []string{"https://id.example.com=allot"}, TrustedIssuerScopes: []string{"https://id.example.com=read:catalog read:all"},
		}, `unknown scope "read:all": valid are`},
		{"scopes of nobody", Config{TrustedIssuerScopes: []string{"read:catalog"}}, `trusted-issuer-scope "read:catalog": want URL=`},
		{"no scopes", Config{
			TrustedIssuers: []string{"https://id.example.com=allot"}, TrustedIssuerScopes: []string{"https://id.example.com="},
		}, `trusted-issuer-scope "https://id.example.com=": want URL=`},
		{"scopes of another", Config{
			TrustedIssuers: []string{"https://id.example.com=allot"}, TrustedIssuerScopes: []string{"https://id.example.com/=all"},
		}, "no trusted-issuer has this URL"},
		{"client of another denied", Config{
			TrustedIssuers: []string{"https://id.example.com=allot"}, TrustedIssuerDeny: []string{"https://id.example=c"},
		}, "no trusted-issuer has this URL"},
		{"no certificate", Config{TLSCert: "missing.pem", TLSKey: "missing-key.pem"}, "missing.pem"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.cfg.Validate()
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
}

func TestIssuer(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40123}
	for _, test := range []struct {
		cfg     Config
		want    string
		exposed bool
	}{
		{Config{Listen: "127.0.0.1:0"}, "http://127.0.0.1:40123", false},
		{Config{Listen: "localhost:0"}, "http://localhost:40123", false},
		{Config{Listen: "[::1]:0"}, "http://[::1]:40123", false},
		{Config{Listen: ":0"}, "http://localhost:40123", true},
		{Config{Listen: "0.0.0.0:0"}, "http://localhost:40123", true},
		{Config{Listen: "[::]:0"}, "http://localhost:40123", true},
		{Config{Listen: "allot.internal:0"}, "http://allot.internal:40123", true},
		{Config{Listen: "0.0.0.0:0", TLSCert: "c", TLSKey: "k"}, "https://localhost:40123", false},
		{Config{Listen: "0.0.0.0:0", Issuer: "https://allot.example.com"}, "https://allot.example.com", false},
	} {
		if got := test.cfg.issuer(addr); got != test.want {
			t.Errorf("issuer of %+v is %s, want %s", test.cfg, got, test.want)
		}
		if got := test.cfg.exposed(); got != test.exposed {
			t.Errorf("%+v is exposed: %v, want %v", test.cfg, got, test.exposed)
		}
	}
}
