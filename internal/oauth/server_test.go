package oauth

import (
	"slices"
	"strings"
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
		{"http://allot:8080", nil, []string{
			"http://allot:8080/api", "https://allot:8080/api", "https://allot.kinde.com/api",
			"https://http://allot:8080/api", "https://https://allot:8080/api",
		}},
		{"https://allot.example/base", []string{"my-api", "", "https://b.example:1/x"}, []string{
			"https://allot.example/base/api", "https://allot.example/api", "http://allot.example/api",
			"https://allot.example.kinde.com/api", "https://http://allot.example/api", "https://https://allot.example/api",
			"my-api", "https://b.example:1/x", "https://b.example:1/api", "http://b.example:1/api",
			"https://b.example.kinde.com/api", "https://http://b.example:1/api", "https://https://b.example:1/api",
		}},
		{"http://allot:8080", []string{"plain.example.net", "api:1", "urn:x:y", "a.example/x"}, []string{
			"http://allot:8080/api", "https://allot:8080/api", "https://allot.kinde.com/api",
			"https://http://allot:8080/api", "https://https://allot:8080/api",
			"plain.example.net", "https://plain.example.net/api", "http://plain.example.net/api",
			"https://plain.example.net.kinde.com/api", "https://http://plain.example.net/api", "https://https://plain.example.net/api",
			"api:1", "https://api:1/api", "http://api:1/api", "https://api.kinde.com/api", "https://http://api:1/api", "https://https://api:1/api",
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

// A client that was given one name of the own machine asks a server that was
// given another.
func TestAudiencesOfLoopback(t *testing.T) {
	asked := []string{
		"http://localhost:8080/api", "https://localhost:8080/api", "https://localhost.kinde.com/api", "https://http://localhost:8080/api",
		"http://127.0.0.1:8080/api", "https://127.0.0.1:8080/api", "https://127.0.0.1.kinde.com/api", "https://http://127.0.0.1:8080/api",
		"http://[::1]:8080/api", "https://[::1]:8080/api", "https://[::1].kinde.com/api", "https://http://[::1]:8080/api",
	}
	for _, issuer := range []string{"http://localhost:8080", "http://LocalHost:8080", "http://127.0.0.1:8080", "http://[::1]:8080", "http://127.0.0.2:8080"} {
		got, err := Audiences(issuer, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got[0] != issuer+"/api" {
			t.Errorf("the first audience of %s is %s", issuer, got[0])
		}
		for _, a := range asked {
			if !slices.Contains(got, a) {
				t.Errorf("issuer %s: %s is not among its audiences", issuer, a)
			}
		}
		for _, a := range []string{"http://localhost:8081/api", "http://localhost/api", "https://allot.example/api"} {
			if slices.Contains(got, a) {
				t.Errorf("issuer %s: %s is among its audiences", issuer, a)
			}
		}
	}
	got, err := Audiences("https://allot.example", []string{"localhost:9090"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(got, "http://127.0.0.1:9090/api") {
		t.Errorf("a loopback name among further audiences is not known by the others: %q", got)
	}
	if got, _ := Audiences("https://allot.example", nil); slices.ContainsFunc(got, func(a string) bool { return strings.Contains(a, "localhost") }) {
		t.Errorf("an issuer that is not on this machine answers to its names: %q", got)
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
