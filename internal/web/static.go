package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// StaticPath is where files that pages load are served.
const StaticPath = "/static/"

//go:embed static
var files embed.FS

// Vendored are the files that others wrote, as npm gives them out, with their SHA-256.
var Vendored = []struct{ File, From, License, SHA256 string }{
	{"uplot-1.6.32.min.js", "uplot 1.6.32, dist/uPlot.iife.min.js", "MIT, Copyright (c) 2022 Leon Sorokin", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"},
	{"uplot-1.6.32.min.css", "uplot 1.6.32, dist/uPlot.min.css", "MIT, Copyright (c) 2022 Leon Sorokin", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"},
}

// staticFile is a file that pages load.
type staticFile struct {
	text        []byte
	contentType string
}

// byAddress are the files by their address, and addresses the addresses by the file's name.
var byAddress, addresses = readStatic()

func readStatic() (map[string]staticFile, map[string]string) {
	byAddress, addresses := map[string]staticFile{}, map[string]string{}
	entries, err := files.ReadDir("static")
	if err != nil {
		panic(err) // it is in the binary
	}
	for _, e := range entries {
		text, err := files.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(text)
		ext := path.Ext(e.Name())
		address := StaticPath + strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		byAddress[address] = staticFile{text, mime.TypeByExtension(ext)}
		addresses[e.Name()] = address
	}
	return byAddress, addresses
}

// Static is the address of a file in the folder static.
func Static(name string) (string, error) {
	address, ok := addresses[name]
	if !ok {
		return "", fmt.Errorf("no static file %q", name)
	}
	return address, nil
}

// Icon is where browsers look for a picture of a site whose page names none, such as one of
// JSON.
const Icon = "/favicon.ico"

// ServeIcon serves [Icon].
func ServeIcon(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, addresses["favicon.svg"], http.StatusFound)
}

// ServeStatic serves what pages load, at GET /static/{name}. What a name stands for never
// changes, so it may be kept for ever.
func ServeStatic(w http.ResponseWriter, r *http.Request) {
	f, ok := byAddress[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.text))
}
