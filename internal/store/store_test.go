package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenURL(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, url := range []string{
		"sqlite:one.db", "sqlite:sub/one.db", "sqlite:" + dir + "/two.db", "sqlite://" + dir + "/three.db",
	} {
		st, err := Open(t.Context(), Options{URL: url})
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		st.Close()
	}
	for _, name := range []string{"one.db", "sub/one.db", "two.db", "three.db"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	for url, want := range map[string]string{
		"postgres://u:secret@h:port/db": "HOST:PORT",
		"sqlite:":                       "names no file",
		"sqlite://":                     "names no file",
		"mysql://u:secret@h/db":         "sqlite:FILE or postgres://",
		"secret.db":                     "sqlite:FILE",
		"":                              "sqlite:FILE",
	} {
		_, err := Open(t.Context(), Options{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want an error with %q and no secret", url, err, want)
		}
	}
}

func TestReplicaOfSQLite(t *testing.T) {
	opts := Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "allot.db"), ReplicaURL: "postgres://h/db"}
	if st, err := Open(t.Context(), opts); err == nil {
		st.Close()
		t.Error("SQLite is opened with a replica")
	}
}

func TestOpenModes(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "allot.db")
	tool, err := Open(t.Context(), Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	server, err := Open(t.Context(), Options{URL: url, Mode: Serve})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if second, err := Open(t.Context(), Options{URL: url, Mode: Serve}); err == nil {
		second.Close()
		t.Error("two servers have one database")
	}
}
