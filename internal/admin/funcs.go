package admin

import (
	"html/template"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/web"
)

// funcs are what the console's templates may call beside what all may.
var funcs = template.FuncMap{
	"decimal": func(d api.Decimal) string { return web.Number(string(d)) },
	"words":   func(s string) string { return strings.ReplaceAll(s, "_", " ") },
	"value":   func(v *api.ConfigValue) string { return valueText(v) },
	"actionLevel": func(action string) string {
		switch action {
		case api.ActionCreate, api.ActionPublish, api.ActionUnarchive:
			return "good"
		case api.ActionArchive:
			return "warn"
		}
		return "accent"
	},
	"deliveryLevel": func(status string) string {
		switch status {
		case api.DeliveryDelivered:
			return "good"
		case api.DeliveryFailed:
			return "bad"
		}
		return "warn"
	},
}
