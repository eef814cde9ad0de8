package signin

import (
	"errors"
	"net/http"
	"strings"

	"github.com/allot-dev/allot/internal/admin"
	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/web"
)

// linkForm is what the page of a one-time link shows.
type linkForm struct {
	Name     string
	Action   string
	Password bool // it is to be chosen
	Min      int  // characters
}

// link is what a link's page shows. Of a link that lets nobody in it says why.
func (p *Pages) link(c *call) (linkForm, error) {
	link, err := p.Accounts.Link(c.Context(), c.PathValue("token"))
	if err != nil {
		return linkForm{}, linkRefusal(err)
	}
	return linkForm{link.Name, linkPath + c.PathValue("token"), link.Purpose == record.ForPassword, MinPassword}, nil
}

func linkRefusal(err error) error {
	if bad, ok := errors.AsType[*LinkError](err); ok {
		return &web.Refusal{Status: http.StatusForbidden, Title: "This link lets nobody in", Message: bad.Reason + " Whoever gave it to you can make another one: allot admin reset NAME."}
	}
	return err
}

// showLink spends nothing: whoever looks into a mail follows the links in it.
func (p *Pages) showLink(c *call) error {
	form, err := p.link(c)
	if err != nil {
		return err
	}
	return c.show(http.StatusOK, "link", "Welcome, "+form.Name, "", form)
}

func (p *Pages) spendLink(c *call) error {
	form, err := p.link(c)
	if err != nil {
		return err
	}
	var entry Entry
	if !form.Password {
		entry, err = p.Accounts.EnterByLink(c.Context(), c.caller(), c.PathValue("token"))
	} else if c.PostFormValue("password") != c.PostFormValue("again") {
		return c.show(http.StatusBadRequest, "link", "Welcome, "+form.Name, "The two passwords are not the same.", form)
	} else {
		entry, err = p.Accounts.ChooseByLink(c.Context(), c.caller(), c.PathValue("token"), c.PostFormValue("password"))
	}
	if said, ok := errors.AsType[*billing.Error](err); ok && said.Kind == billing.Invalid {
		return c.show(http.StatusBadRequest, "link", "Welcome, "+form.Name, sentence(said.Message), form)
	}
	if errors.Is(err, ErrRefused) {
		err = errLinkUnknown // they were disabled in between
	}
	if err != nil {
		return linkRefusal(err)
	}
	return p.enter(c, entry, admin.Path)
}

// sentence is a message as a page says it.
func sentence(message string) string {
	return strings.ToUpper(message[:1]) + message[1:] + "."
}
