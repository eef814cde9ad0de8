package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/allot-dev/allot/internal/server"
)

type tokenCommand struct {
	place    `embed:""`
	ClientID string   `required:"" placeholder:"ID" help:"The client that the token is for."`
	Issuer   string   `default:"${url}" placeholder:"URL" env:"ALLOT_ISSUER" help:"The issuer that the server is run with. Default: ${default}."`
	Audience []string `sep:" " placeholder:"AUDIENCE" help:"Audience of the token; may be repeated. By default ISSUER/api."`
	User     string   `placeholder:"ID" help:"Make it the token of this user, for the account API. For development only: in production users' tokens are those of your identity provider, named to the server by --trusted-issuer."`
	Org      string   `placeholder:"CODE" help:"The user's organization."`
}

func (c *tokenCommand) Run(ctx context.Context, s *session) error {
	if c.Org != "" && c.User == "" {
		return usagef("name the user too: --user ID", "--org is the organization of a user")
	}
	return c.with(ctx, func(i *server.Installation) error {
		token, err := i.Token(ctx, server.TokenRequest{
			Issuer: c.Issuer, ClientID: c.ClientID, Audiences: c.Audience, User: c.User, OrgCode: c.Org,
		})
		if err != nil {
			return err
		}
		if c.User != "" {
			fmt.Fprintln(s.err, "note: a user's token made here is for development only")
		}
		return s.print(token, func(w io.Writer) { fmt.Fprintln(w, token.AccessToken) })
	})
}

type keyCommands struct {
	Rotate rotateKey `cmd:"" help:"Sign with a new key from now on; the old one verifies until its tokens have ended."`
}

type rotateKey struct {
	place       `embed:""`
	LostKeyFile bool `name:"lost-key-file" help:"The key file is lost, or another: seal the new key with the one named, which is made if there is none. Secrets of webhooks have to be rotated then, and servers started again."`
}

func (c *rotateKey) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		id, err := i.RotateKey(ctx, c.LostKeyFile)
		if err != nil {
			return err
		}
		return s.print(map[string]string{"kid": id}, func(w io.Writer) { field(w, "kid", id) })
	})
}
