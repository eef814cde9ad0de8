package cli

import (
	"context"
	"log/slog"

	"github.com/allot-dev/allot/internal/server"
)

// place is where an installation keeps its data.
type place struct {
	Data     string `default:"${data}" placeholder:"DIR" help:"Directory for the database and the key file. Default: ${default}." group:"Place:"`
	Database string `placeholder:"URL" help:"The database, sqlite:FILE; by default allot.db in the data directory." group:"Place:"`
	KeyFile  string `placeholder:"FILE" help:"The key that signing keys are sealed with; by default allot.key in the data directory. Keep it apart from backups of the database." group:"Place:"`
}

func (p *place) place() server.Place {
	return server.Place{Data: p.Data, Database: p.Database, KeyFile: p.KeyFile}
}

type serveCommand struct {
	place         `embed:""`
	Listen        string   `default:"${listen}" placeholder:"HOST:PORT" help:"Address to listen on; port 0 takes a free one. Default: ${default}."`
	Issuer        string   `placeholder:"URL" help:"Where clients find the server: the issuer of its tokens. By default http(s)://LISTEN."`
	Audience      []string `sep:" " placeholder:"AUDIENCE" help:"Further audience that tokens may be asked for; may be repeated."`
	TrustedIssuer []string `sep:" " placeholder:"URL=AUDIENCE" help:"Another issuer whose tokens for the audience are accepted; may be repeated."`
	TLSCert       string   `name:"tls-cert" placeholder:"FILE" help:"Certificate with its chain, PEM."`
	TLSKey        string   `name:"tls-key" placeholder:"FILE" help:"Private key of the certificate, PEM."`
	RateLimit     int      `placeholder:"N" help:"Requests a minute that each client may make; 0 is no limit."`
}

func (c *serveCommand) Run(ctx context.Context, s *session) error {
	return server.Run(ctx, server.Config{
		Place:          c.place.place(),
		Listen:         c.Listen,
		Issuer:         c.Issuer,
		Audiences:      c.Audience,
		TrustedIssuers: c.TrustedIssuer,
		TLSCert:        c.TLSCert,
		TLSKey:         c.TLSKey,
		RateLimit:      c.RateLimit,
		Log:            slog.New(slog.NewTextHandler(s.err, nil)),
	})
}
