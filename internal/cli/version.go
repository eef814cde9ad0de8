package cli

import (
	"io"
	"runtime"
	"runtime/debug"

	"github.com/allot-dev/allot/internal/server"
)

type versionCommand struct{}

// build is what this program was built from.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"time,omitempty"`     // of the commit
	Modified bool   `json:"modified,omitempty"` // there were changes beyond the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
	SQLite   string `json:"sqlite"`
}

// build is that of this program.
func (s *session) build() build {
	b := build{
		Version:  s.version,
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		SQLite:   server.SQLiteVersion,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		if b.Version == "" {
			b.Version = info.Main.Version
		}
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				b.Commit = setting.Value
			case "vcs.time":
				b.Time = setting.Value
			case "vcs.modified":
				b.Modified = setting.Value == "true"
			}
		}
	}
	if b.Version == "" {
		b.Version = "(devel)"
	}
	return b
}

func (versionCommand) Run(s *session) error {
	b := s.build()
	return s.print(b, func(w io.Writer) {
		field(w, "allot", b.Version)
		commit := b.Commit
		if b.Modified {
			commit += " (modified)"
		}
		field(w, "commit", commit)
		field(w, "time", b.Time)
		field(w, "go", b.Go+" "+b.Platform)
		field(w, "sqlite", b.SQLite)
	})
}
