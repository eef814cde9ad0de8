package cli

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/server"
)

type clientCommands struct {
	Create createClient `cmd:"" help:"Make a client and print its secret, this once."`
	List   listClients  `cmd:"" help:"List clients, revoked ones too."`
	Revoke revokeClient `cmd:"" help:"Shut a client out, its tokens too."`
	Rotate rotateClient `cmd:"" help:"Give a client a new secret; the old one, and tokens made with it, are good no more, or only for a time."`
}

// clientSecret is a client with its secret, the only time that it is shown.
type clientSecret struct {
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	Scopes       []string `json:"scopes,omitzero"` // absent where they stay
}

func (s *session) clientSecret(c clientSecret) error {
	return s.print(c, func(w io.Writer) {
		field(w, "client id", c.ClientID)
		field(w, "client secret", c.ClientSecret)
		field(w, "scopes", strings.Join(c.Scopes, " "))
	})
}

type createClient struct {
	place `embed:""`
	Name  string `required:"" help:"What the client is, for people."`
	Scope string `required:"" placeholder:"\"A B\"|all" help:"What it may do: scopes separated by spaces, or all."`
	New   bool   `help:"Make a database where there is none although a key file or a lock file says that there was one."`
}

func (c *createClient) Run(ctx context.Context, s *session) error {
	place := c.place.place()
	place.New = c.New
	return opened(ctx, place, server.Create, func(i *server.Installation) error {
		client, secret, err := i.CreateClient(ctx, c.Name, strings.Fields(c.Scope))
		if err != nil {
			return err
		}
		return s.clientSecret(clientSecret{client.ID, secret, client.Scopes})
	})
}

// listedClient is a client as it is listed: without anything secret.
type listedClient struct {
	ClientID  string     `json:"client_id"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	CreatedOn time.Time  `json:"created_on"`
	RevokedOn *time.Time `json:"revoked_on"` // null while it may call
}

type listClients struct {
	place `embed:""`
}

func (c *listClients) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		clients, err := i.Clients(ctx)
		if err != nil {
			return err
		}
		list := make([]listedClient, len(clients))
		for n, client := range clients {
			list[n] = listedClient{ClientID: client.ID, Name: client.Name, Scopes: client.Scopes, CreatedOn: client.CreatedOn}
			if !client.RevokedOn.IsZero() {
				list[n].RevokedOn = &client.RevokedOn
			}
		}
		return s.print(map[string]any{"clients": list}, func(w io.Writer) {
			row(w, "CLIENT", "NAME", "CREATED", "REVOKED", "SCOPES")
			for _, c := range list {
				revoked := ""
				if c.RevokedOn != nil {
					revoked = c.RevokedOn.Format(time.RFC3339)
				}
				row(w, c.ClientID, c.Name, c.CreatedOn.Format(time.RFC3339), revoked, strings.Join(c.Scopes, " "))
			}
		})
	})
}

type revokeClient struct {
	place `embed:""`
	ID    string `arg:"" help:"The client's id."`
}

func (c *revokeClient) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		if err := i.RevokeClient(ctx, c.ID); err != nil {
			return err
		}
		return s.print(map[string]string{"client_id": c.ID}, func(w io.Writer) {
			field(w, "revoked", c.ID)
		})
	})
}

type rotateClient struct {
	place   `embed:""`
	ID      string `arg:"" help:"The client's id."`
	Overlap days   `placeholder:"DURATION" help:"Keep the old secret good for this long, such as 24h; tokens made with it last until they end. By default it ends at once, with its tokens."`
}

func (c *rotateClient) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		secret, err := i.RotateClient(ctx, c.ID, time.Duration(c.Overlap))
		if err != nil {
			return err
		}
		return s.clientSecret(clientSecret{ClientID: c.ID, ClientSecret: secret})
	})
}

// with opens the installation for one command. There must be one.
func (p *place) with(ctx context.Context, do func(*server.Installation) error) error {
	return opened(ctx, p.place(), server.Open, do)
}

func opened(
	ctx context.Context, place server.Place, open func(context.Context, server.Place) (*server.Installation, error),
	do func(*server.Installation) error,
) (err error) {
	i, err := open(ctx, place)
	if err != nil {
		return err
	}
	defer func() {
		if closing := i.Close(); err == nil {
			err = closing
		}
	}()
	return do(i)
}
