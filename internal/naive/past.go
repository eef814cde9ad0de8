package naive

import "strings"

// entitlements answers for now, for the future, and for the past.
func (m *Model) entitlements(cu *Customer, c call) string {
	t := m.now
	if s, ok := c.query["at"]; ok {
		got, ok := parseTime(s)
		if !ok {
			return fail(400, "AT_INVALID")
		}
		t = got
	}
	if k, ok := c.query["known"]; ok && k != "now" {
		return fail(400, "KNOWN_INVALID")
	}
	if t < m.now && c.query["known"] != "now" {
		then := m.asOf(t)
		return then.list(then.customer("$"+cu.label), t)
	}
	return m.list(cu, t)
}

func (m *Model) list(cu *Customer, t T) string {
	if m.suspendedAt(cu, t) {
		return "200"
	}
	var parts []string
	for _, code := range m.listed() {
		if v := m.look(cu, code, t); v.entitled {
			parts = append(parts, " "+code+" "+v.body())
		}
	}
	return "200" + strings.Join(parts, " |")
}

// asOf runs again what was done by t, and adds the imports made since: they
// stand as if they had always been there.
func (m *Model) asOf(t T) *Model {
	then := New()
	for _, e := range m.lines {
		if e.at > t {
			break
		}
		then.now = e.at
		then.settle()
		then.Do(e.line)
	}
	then.now = t
	then.settle()
	then.cat = &Catalog{Features: m.cat.Features, Groups: then.cat.Groups, Versions: then.cat.Versions}
	for _, cu := range m.customers {
		if then.customer("$"+cu.label) == nil {
			then.customers = append(then.customers, &Customer{label: cu.label, kind: cu.kind, given: cu.given, made: cu.made, deleted: Never, zones: cu.zones[:1]})
		}
		for _, a := range cu.agreements {
			if a.origin != "import" || a.made <= t {
				continue
			}
			b := *a
			b.customer = then.customer("$" + cu.label)
			b.withdrawn, b.frozen = false, 0
			b.ownEnd = a.importedEnd
			b.seq = len(then.agreements)
			then.agreements = append(then.agreements, &b)
			b.customer.agreements = append(b.customer.agreements, &b)
		}
	}
	then.settle()
	return then
}
