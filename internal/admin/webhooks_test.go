package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// A webhook is made once its effect was seen, its secret is shown there and nowhere else,
// and a form that is sent twice makes one.
func TestCreateWebhook(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	const path = "/console/webhooks"
	form := b.get(path).Wants(http.StatusOK).Form(path)
	form.Set("url", b.receiver.URL+"/new")
	form.Set("which", "some")
	form.Set("format", api.WebhookStandard)
	b.post(path, form).Wants(http.StatusBadRequest).Says("Choose at least one type of events")
	form["events"] = []string{api.EventCustomerCreated, api.EventAgreementCreated}
	p := b.post(path, form).Wants(http.StatusOK).Says("From now on these events are sent to", "/new", "customer.created, agreement.created")
	if n := len(b.hooks()); n != 1 {
		t.Fatalf("%d webhooks by looking", n)
	}
	form = p.Form(path)
	form.Set("do", "confirm")
	p = b.post(path, form).Wants(http.StatusOK).Says("Copy the secret now")
	secret := p.All("code", "id", "secret")[0].FirstChild.Data
	if !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("the secret is %q", secret)
	}
	b.post(path, form).Wants(http.StatusOK).Says(secret)
	hooks := b.hooks()
	if len(hooks) != 2 {
		t.Fatalf("%d webhooks after a form that was sent twice", len(hooks))
	}
	made := hooks[1]
	for _, path := range []string{path, path + "/" + made.ID} {
		if p := b.get(path).Wants(http.StatusOK); strings.Contains(p.Text, secret) {
			t.Errorf("%s has the secret", path)
		}
	}
	if got := strings.Join(made.Events, " "); got != "agreement.created customer.created" {
		t.Errorf("it is told of %s", got)
	}

	form.Set("key", "")
	form.Set("url", "ftp://example.com")
	p = b.post(path, form).Wants(http.StatusBadRequest)
	if fields := p.All("input", "aria-invalid", "true"); len(fields) != 1 {
		t.Errorf("%d fields are wrong: %s", len(fields), p.Said())
	}
	if got := p.Form(path).Get("url"); got != "ftp://example.com" {
		t.Errorf("the field has %q", got)
	}
}

func (b *busy) hooks() []api.Webhook {
	b.t.Helper()
	list, err := b.api.Webhooks.List(b.t.Context(), client.PageParams{PageSize: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	return list.Webhooks
}

// Each change of a webhook says its effect, and is made when that was seen.
func TestChangeWebhook(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	path := "/console/webhooks/" + b.hook.ID
	now := func() *api.Webhook {
		w, err := b.api.Webhooks.Get(t.Context(), b.hook.ID)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}

	form := b.get(path + "/edit").Wants(http.StatusOK).Form(path + "/edit")
	form.Set("description", "the new one")
	form.Set("which", "some")
	form["events"] = []string{api.EventLimitReached}
	p := b.post(path+"/edit", form).Wants(http.StatusOK).Says("Told of every event limit.reached", "Description", "the new one")
	if now().Description == "the new one" {
		t.Fatal("it was changed by looking")
	}
	form = p.Form(path + "/edit")
	form.Set("do", "edit")
	if got := b.post(path+"/edit", form).Wants(http.StatusOK).Form(path + "/edit").Get("description"); got != "the new one" {
		t.Errorf("the form has forgotten: %q", got)
	}
	form.Set("do", "confirm")
	b.post(path+"/edit", form).Wants(http.StatusSeeOther)
	if w := now(); w.Description != "the new one" || strings.Join(w.Events, " ") != api.EventLimitReached {
		t.Errorf("it is %+v", w)
	}

	b.get(path + "/rotate").Wants(http.StatusOK).Says("The one before signs as well")
	form = b.get(path + "/rotate").Form(path + "/rotate")
	if form.Get("overlap") != "86400" {
		t.Errorf("the overlap that is offered is %q", form.Get("overlap"))
	}
	secret := b.post(path+"/rotate", form).Wants(http.StatusOK).All("code", "id", "secret")[0].FirstChild.Data
	b.post(path+"/rotate", form).Wants(http.StatusOK).Says(secret)
	if now().OldSecretUntil == nil {
		t.Error("the old secret ended at once")
	}
	form.Set("overlap", "much")
	b.post(path+"/rotate", form).Wants(http.StatusBadRequest)
	form.Set("overlap", "99999999")
	form.Set("key", "OTHER")
	b.post(path+"/rotate", form).Wants(http.StatusBadRequest).Says("overlap")

	form = b.get(path + "/test").Wants(http.StatusOK).Says("says it is a test").Form(path + "/test")
	b.post(path+"/test", form).Wants(http.StatusOK).Says("It was taken: status 200")
	b.fails.Store(true)
	form = b.get(path + "/test").Form(path + "/test")
	b.post(path+"/test", form).Wants(http.StatusOK).Says("It was not taken: status 500")
	b.fails.Store(false)

	form = b.get(path + "/replay").Wants(http.StatusOK).Form(path + "/replay")
	if form.Get("after") != "0" { // there are less than a hundred
		t.Errorf("a replay is offered from %s", form.Get("after"))
	}
	b.post(path+"/replay", form).Wants(http.StatusSeeOther)
	form.Set("after", "-3")
	b.post(path+"/replay", form).Wants(http.StatusBadRequest)
	form.Set("after", "99999999")
	form.Set("key", "MORE")
	b.post(path+"/replay", form).Wants(http.StatusBadRequest)

	b.post(path+"/enable", b.get(path+"/enable").Wants(http.StatusOK).Form(path+"/enable")).Wants(http.StatusSeeOther)

	b.get(path + "/delete").Wants(http.StatusOK).Says("It cannot be taken back")
	b.post(path+"/delete", b.get(path+"/delete").Form(path+"/delete")).Wants(http.StatusSeeOther)
	b.get(path).Wants(http.StatusNotFound)
	b.get(path + "/edit").Wants(http.StatusNotFound)
	b.get("/console/webhooks/" + b.hook.ID + "/explode").Wants(http.StatusNotFound)
}

// The pages of deliveries, walked from the newest, show each once.
func TestDeliveries(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	for i := range 30 {
		b.customer("more-"+string(rune('a'+i%26))+string(rune('a'+i/26)), "free")
	}
	b.settled()
	var want []string
	until(t, "all are delivered", func() bool {
		want = nil
		for d, err := range b.api.Webhooks.AllDeliveries(t.Context(), b.hook.ID, client.PageParams{}) {
			if err != nil {
				t.Fatal(err)
			}
			if d.Status != api.DeliveryDelivered {
				return false
			}
			want = append([]string{d.ID}, want...)
		}
		return len(want) > 100
	})
	p := b.get("/console/webhooks/"+b.hook.ID).Wants(http.StatusOK).Says("delivered", "200")
	if p.Link("Newer") != "" {
		t.Error("there is something newer than the newest")
	}
	shown, pages := 0, 1
	for {
		shown += len(p.All("tr", "", "")) - 1
		older := p.Link("Older")
		if older == "" {
			break
		}
		if pages++; pages > 10 {
			t.Fatal("the pages do not end")
		}
		p = b.get(older).Wants(http.StatusOK)
	}
	if shown != len(want) {
		t.Errorf("%d deliveries are shown on %d pages, and there are %d", shown, pages, len(want))
	}
	newer := b.get(p.Link("Newer")).Wants(http.StatusOK)
	if newer.Link("Older") == "" {
		t.Error("from a newer page there is no way back")
	}
}
