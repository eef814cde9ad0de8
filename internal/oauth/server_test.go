package oauth

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAudiences(t *testing.T) {
	for _, c := range []struct {
		issuer string
		extra  []string
		want   []string
	}{
		{"http://localhost:8080", nil, []string{
			"http://localhost:8080/api", "https://localhost:8080/api", "https://localhost.kinde.com/api",
			"https://http://localhost:8080/api", "https://https://localhost:8080/api",
		}},
		{"https://allot.example/base", []string{"my-api", "", "https://b.example:1/x"}, []string{
			"https://allot.example/base/api", "https://allot.example/api", "http://allot.example/api",
			"https://allot.example.kinde.com/api", "https://http://allot.example/api", "https://https://allot.example/api",
			"my-api", "https://b.example:1/x", "https://b.example:1/api", "http://b.example:1/api",
			"https://b.example.kinde.com/api", "https://http://b.example:1/api", "https://https://b.example:1/api",
		}},
		{"http://localhost:8080", []string{"plain.example.net", "api:1", "LocalHost", "urn:x:y", "a.example/x"}, []string{
			"http://localhost:8080/api", "https://localhost:8080/api", "https://localhost.kinde.com/api",
			"https://http://localhost:8080/api", "https://https://localhost:8080/api",
			"plain.example.net", "https://plain.example.net/api", "http://plain.example.net/api",
			"https://plain.example.net.kinde.com/api", "https://http://plain.example.net/api", "https://https://plain.example.net/api",
			"api:1", "https://api:1/api", "http://api:1/api", "https://api.kinde.com/api", "https://http://api:1/api", "https://https://api:1/api",
			"LocalHost", "https://LocalHost/api", "http://LocalHost/api",
			"https://LocalHost.kinde.com/api", "https://http://LocalHost/api", "https://https://LocalHost/api",
			"urn:x:y", "a.example/x",
		}},
	} {
		got, err := Audiences(c.issuer, c.extra)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.issuer, diff)
		}
	}
	for _, issuer := range []string{"", "localhost:8080", "http://", "http://:8080", "http://a/", "http://a?b", "http://a#b", "http://u@a", "ftp://a"} {
		if got, err := Audiences(issuer, nil); err == nil {
			t.Errorf("issuer %q: %q, want an error", issuer, got)
		}
	}
}

func TestNewServerTokenLife(t *testing.T) {
	dir := newNode(t).dir
	for life, good := range map[time.Duration]bool{
		0: true, time.Second: true, MaxTokenLife: true,
		-1: false, time.Millisecond: false, 1500 * time.Millisecond: false, MaxTokenLife + time.Second: false,
	} {
		if _, err := NewServer(Options{Directory: dir, Issuer: issuerURL, TokenLife: life}); (err == nil) != good {
			t.Errorf("life %s: err = %v", life, err)
		}
	}
}
