package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/server"
)

type tokenCommand struct {
	place    `embed:""`
	ClientID string   `required:"" placeholder:"ID" help:"The client that the token is for."`
	Issuer   string   `default:"${url}" placeholder:"URL" help:"The issuer that the server is run with. Default: ${default}."`
	Audience []string `sep:" " placeholder:"AUDIENCE" help:"Audience of the token; may be repeated. By default ISSUER/api."`
}

func (c *tokenCommand) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		token, err := i.Token(ctx, c.Issuer, c.ClientID, c.Audience)
		if err != nil {
			return err
		}
		return s.token(token)
	})
}

func (s *session) token(t api.Token) error {
	return s.print(t, func(w io.Writer) { fmt.Fprintln(w, t.AccessToken) })
}

type keyCommands struct {
	Rotate rotateKey `cmd:"" help:"Sign with a new key from now on; the old one verifies until its tokens have ended."`
}

type rotateKey struct {
	place `embed:""`
}

func (c *rotateKey) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		id, err := i.RotateKey(ctx)
		if err != nil {
			return err
		}
		return s.print(map[string]string{"kid": id}, func(w io.Writer) { field(w, "kid", id) })
	})
}
