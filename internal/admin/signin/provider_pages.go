package signin

import (
	"errors"
	"net/http"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/web"
)

var errNoProvider = &web.Refusal{Status: http.StatusNotFound, Title: "There is no such page", Message: "Nobody signs in by a provider here."}

// leave leads to the provider.
func (p *Pages) leave(c *call) error {
	if p.Provider == nil {
		return errNoProvider
	}
	to, kept, err := p.Provider.Leave(c.Context(), localNext(c.URL.Query().Get("next")))
	if err != nil {
		return p.providerRefusal(c, err)
	}
	p.setCookie(c.w, tripCookie, kept, tripLife)
	return c.goTo(to, "")
}

// comeBack lets in who comes from the provider.
func (p *Pages) comeBack(c *call) error {
	if p.Provider == nil {
		return errNoProvider
	}
	kept, _ := p.cookie(c.Request, tripCookie)
	p.setCookie(c.w, tripCookie, "", -time.Second) // for one return
	person, next, err := p.Provider.Return(c.Context(), c.URL.Query(), kept)
	if err != nil {
		return p.providerRefusal(c, err)
	}
	entry, err := p.Accounts.EnterByProvider(c.Context(), c.caller(), person)
	if err != nil {
		return p.providerRefusal(c, err)
	}
	return p.enter(c, entry, localNext(next))
}

func (p *Pages) providerRefusal(c *call, err error) error {
	refused, ok := errors.AsType[*ProviderError](err)
	unavailable, is := errors.AsType[*billing.Error](err)
	if ok || is && unavailable.Kind == billing.Unavailable {
		p.Accounts.logRefusal(c.Context(), c.caller(), err)
	}
	if !ok {
		return err
	}
	return &web.Refusal{Status: http.StatusForbidden, Title: "You are not signed in", Message: refused.Reason}
}
