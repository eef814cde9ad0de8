package cli

import (
	"cmp"
	"context"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/allot-dev/allot/internal/server"
)

type adminCommands struct {
	Create  createAdmin  `cmd:"" help:"Make an administrator of the console and print a one-time link by which they choose their password."`
	Reset   resetAdmin   `cmd:"" help:"End all that lets an administrator in and print a link for a new password; lets them in again if they were disabled."`
	List    listAdmins   `cmd:"" help:"List administrators."`
	Disable disableAdmin `cmd:"" help:"Shut an administrator out, their sessions too."`
}

// linked is where one-time links lead.
type linked struct {
	place `embed:""`
	URL   string `name:"url" placeholder:"URL" env:"ALLOT_URL" help:"Where the server is, for the link. By default its ALLOT_ISSUER, or ${url}." group:"Server:"`
}

func (l *linked) url() string {
	return cmp.Or(l.URL, os.Getenv("ALLOT_ISSUER"), "http://"+server.DefaultListen)
}

// adminLink is an administrator with a one-time link, the only time that it is shown.
type adminLink struct {
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	URL       string     `json:"url,omitempty"` // absent for who signs in by the provider
	ExpiresOn *time.Time `json:"expires_on,omitempty"`
}

func (s *session) adminLink(made server.AdministratorLink) error {
	link := adminLink{Name: made.Name, Role: made.Role, URL: made.URL}
	if made.URL != "" {
		link.ExpiresOn = &made.ExpiresOn
	}
	return s.print(link, func(w io.Writer) {
		field(w, "administrator", link.Name)
		field(w, "role", link.Role)
		if link.URL != "" {
			field(w, "link", link.URL)
			field(w, "good until", link.ExpiresOn.Format(time.RFC3339))
		}
	})
}

type createAdmin struct {
	linked `embed:""`
	Name   string `arg:"" help:"What they sign in as: lower-case letters, digits, dots, dashes and underscores."`
	Role   string `enum:"viewer,operator,admin" default:"admin" placeholder:"viewer|operator|admin" help:"What they may do: see everything, also work with customers, or everything. Default: ${default}."`
}

func (c *createAdmin) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		made, err := i.CreateAdministrator(ctx, c.url(), c.Name, c.Role)
		if err != nil {
			return err
		}
		return s.adminLink(made)
	})
}

type resetAdmin struct {
	linked `embed:""`
	Name   string `arg:"" help:"The administrator's name."`
}

func (c *resetAdmin) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		made, err := i.ResetAdministrator(ctx, c.url(), c.Name)
		if err != nil {
			return err
		}
		return s.adminLink(made)
	})
}

type disableAdmin struct {
	place `embed:""`
	Name  string `arg:"" help:"The administrator's name."`
}

func (c *disableAdmin) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		if err := i.DisableAdministrator(ctx, c.Name); err != nil {
			return err
		}
		return s.print(map[string]string{"name": c.Name}, func(w io.Writer) { field(w, "disabled", c.Name) })
	})
}

// listedAdmin is an administrator as they are listed.
type listedAdmin struct {
	Name       string     `json:"name"`
	Role       string     `json:"role"` // of who signs in by the provider: as it was the last time
	SignsInBy  string     `json:"signs_in_by"`
	Sessions   int        `json:"sessions"`
	CreatedOn  time.Time  `json:"created_on"`
	DisabledOn *time.Time `json:"disabled_on"` // null while they may sign in
}

type listAdmins struct {
	place `embed:""`
}

func (c *listAdmins) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		all, err := i.Administrators(ctx)
		if err != nil {
			return err
		}
		list := make([]listedAdmin, len(all))
		for n, a := range all {
			list[n] = listedAdmin{Name: a.Name, Role: string(a.Role), SignsInBy: "password", Sessions: len(a.Sessions), CreatedOn: a.CreatedOn}
			switch {
			case a.ByProvider():
				list[n].SignsInBy = "provider"
			case !a.HasPassword():
				list[n].SignsInBy = "link"
			}
			if !a.DisabledOn.IsZero() {
				list[n].DisabledOn = &a.DisabledOn
			}
		}
		return s.print(map[string]any{"administrators": list}, func(w io.Writer) {
			row(w, "ADMINISTRATOR", "ROLE", "SIGNS IN BY", "SESSIONS", "CREATED", "DISABLED")
			for _, a := range list {
				disabled := ""
				if a.DisabledOn != nil {
					disabled = a.DisabledOn.Format(time.RFC3339)
				}
				row(w, a.Name, a.Role, a.SignsInBy, strconv.Itoa(a.Sessions), a.CreatedOn.Format(time.RFC3339), disabled)
			}
		})
	})
}
