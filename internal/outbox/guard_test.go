package outbox_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/outbox"
)

// nameServer answers each name with its addresses, in turn if there is a "|" between them,
// as one that rebinds does.
type nameServer struct {
	conn  net.PacketConn
	names map[string]string
	mu    sync.Mutex
	asked map[string]int
}

func newNameServer(t *testing.T, names map[string]string) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &nameServer{conn: conn, names: names, asked: map[string]int{}}
	go s.serve()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (s *nameServer) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := s.answer(buf[:n]); answer != nil {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

// answer is the message of RFC 1035 for one with a question.
func (s *nameServer) answer(query []byte) []byte {
	const header = 12
	var labels []string
	at := header
	for query[at] != 0 {
		labels = append(labels, string(query[at+1:at+1+int(query[at])]))
		at += 1 + int(query[at])
	}
	end := at + 5 // the root, the type and the class
	kind := binary.BigEndian.Uint16(query[at+1:])
	name := strings.ToLower(strings.Join(labels, "."))
	var records []byte
	count := uint16(0)
	for _, text := range strings.Fields(s.addresses(name, kind)) {
		addr := netip.MustParseAddr(text)
		if addr.Is4() != (kind == 1) {
			continue
		}
		data := addr.AsSlice()
		records = append(records, 0xc0, header, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(data)))
		records = append(records, data...)
		count++
	}
	out := append([]byte{query[0], query[1], 0x84, 0, 0, 1}, byte(count>>8), byte(count), 0, 0, 0, 0)
	return append(append(out, query[header:end]...), records...)
}

func (s *nameServer) addresses(name string, kind uint16) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	turns := strings.Split(s.names[name], "|")
	key := fmt.Sprint(name, kind)
	s.asked[key]++
	return turns[(s.asked[key]-1)%len(turns)]
}

// forbidden are hosts of URLs that nothing may reach.
var forbidden = []string{
	// IPv4: this host, private, shared, loopback, link-local with metadata, and the rest.
	"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1",
	"169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1",
	"192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
	"255.255.255.255", "168.63.129.16",
	// IPv6.
	"[::]", "[::1]", "[fe80::1]", "[fe80::1%25lo]", "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]",
	"[100::1]", "[2001:db8::1]", "[3fff::1]", "[2001:2::1]", "[2001:10::1]", "[5f00::1]", "[4000::1]",
	// IPv4 in IPv6: mapped, compatible, translated, NAT64, its local prefix, 6to4, Teredo, ISATAP.
	"[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]",
	"[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::10.0.0.1]", "[64:ff9b:1::8.8.8.8]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]",
	"[2001:0:7f00:1::1]", "[2001::1]", "[2606:4700::5efe:127.0.0.1]", "[2606:4700::200:5efe:10.0.0.1]",
	// Ways to write 127.0.0.1 that some resolvers know.
	"2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "0x7f.0.0.1", "127.1", "127.0.1", "0x7f.1", "127.0.0.1.",
	// Names.
	"localhost", "LOCALHOST", "localhost.", "loopback.test", "six.test", "mapped.test", "metadata.test", "several.test",
	"nat64.test", "zero.test",
}

var names = map[string]string{
	"loopback.test": "127.0.0.1", "six.test": "::1", "mapped.test": "::ffff:10.0.0.1", "metadata.test": "169.254.169.254",
	"several.test": "10.0.0.1 192.168.1.1 ::1 fe80::1", "nat64.test": "64:ff9b::7f00:1", "zero.test": "0.0.0.0",
	"public.test": "93.184.216.34 2606:4700::1", "mixed.test": "127.0.0.1 93.184.216.34", "rebinds.test": "93.184.216.34|127.0.0.1",
	"inside.test": "10.9.9.9",
}

func newGuard(t *testing.T, allowHTTP bool, allow ...string) *outbox.Guard {
	t.Helper()
	g, err := outbox.NewGuard(allowHTTP, allow)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var errDialed = errors.New("dialed")

// dials has a guard's connections noted and not made.
func dials(g *outbox.Guard) (dialed func() []string) {
	var mu sync.Mutex
	var all []string
	g.Dial(func(_ context.Context, _, address string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, address)
		return nil, errDialed
	})
	return func() []string { mu.Lock(); defer mu.Unlock(); return all }
}

func get(t *testing.T, g *outbox.Guard, target string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := g.Transport().RoundTrip(req)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// Whatever a URL says, no forbidden address is dialed, nor by a proxy of the environment.
func TestForbiddenIsNotReached(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:9")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:9")
	if len(forbidden) < 40 {
		t.Fatal("too few")
	}
	g := newGuard(t, true)
	g.Resolve(newNameServer(t, names))
	dialed := dials(g)
	for _, host := range forbidden {
		for _, scheme := range []string{"https", "http"} {
			if err := get(t, g, scheme+"://"+host+":8443/x"); err == nil || errors.Is(err, errDialed) {
				t.Errorf("%s://%s: %v", scheme, host, err)
			}
		}
	}
	if all := dialed(); len(all) > 0 {
		t.Errorf("dialed %v", all)
	}
	t.Logf("%d hosts, over https and http: %d reached", len(forbidden), len(dialed()))
}

// A name that has another address each time: the one that was judged is dialed.
func TestRebinding(t *testing.T) {
	g := newGuard(t, false)
	g.Resolve(newNameServer(t, names))
	dialed := dials(g)
	for range 40 {
		_ = get(t, g, "https://rebinds.test/x")
		_ = get(t, g, "https://mixed.test/x")
	}
	all := dialed()
	for _, address := range all {
		if address != "93.184.216.34:443" {
			t.Errorf("dialed %s", address)
		}
	}
	if len(all) != 60 {
		t.Errorf("dialed %d times, want each of the one and every second of the other", len(all))
	}
}

// With real connections: what listens on the own machine hears nothing, unless it is
// permitted, and a redirect to it is not followed.
func TestOwnMachineIsNotReached(t *testing.T) {
	var reached atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer inside.Close()
	outside := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusTemporaryRedirect))
	defer outside.Close()
	u, err := url.Parse(inside.URL)
	if err != nil {
		t.Fatal(err)
	}
	resolver := newNameServer(t, names)
	strict := newGuard(t, true)
	strict.Resolve(resolver)
	for _, host := range []string{"127.0.0.1", "localhost", "loopback.test", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"} {
		if err := get(t, strict, "http://"+host+":"+u.Port()); err == nil {
			t.Errorf("%s answered", host)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("it was reached %d times", n)
	}
	for _, allow := range []string{"127.0.0.0/8", "127.0.0.1", "loopback.test"} {
		g := newGuard(t, true, allow)
		g.Resolve(resolver)
		before := reached.Load()
		if err := get(t, g, "http://loopback.test:"+u.Port()); err != nil || reached.Load() != before+1 {
			t.Errorf("with %s permitted: %v", allow, err)
		}
	}
	before := reached.Load()
	g := newGuard(t, true, "127.0.0.1")
	if err := get(t, g, outside.URL); err != nil || reached.Load() != before {
		t.Errorf("a redirect: %v, and followed %d times", err, reached.Load()-before)
	}
}

func TestPermits(t *testing.T) {
	g := newGuard(t, false, "10.9.0.0/16", "fd00::/8", "hooks.internal")
	for text, want := range map[string]bool{
		"93.184.216.34": true, "1.1.1.1": true, "172.15.0.1": true, "172.32.0.1": true, "100.63.0.1": true, "100.128.0.1": true,
		"2606:4700::1111": true, "2a00:1450::1": true, "64:ff9b::8.8.8.8": true, "2002:808:808::1": true, "::ffff:8.8.8.8": true,
		"10.9.1.1": true, "::ffff:10.9.1.1": true, "fd12::1": true, "10.8.1.1": false, "fc00::1": false,
	} {
		if got := g.Permits(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if _, err := outbox.NewGuard(false, []string{"10.0.0.0/33", "ok.example", "a b"}); err == nil ||
		!strings.Contains(err.Error(), `"10.0.0.0/33"`) || !strings.Contains(err.Error(), `"a b"`) {
		t.Errorf("wrong networks: %v", err)
	}
}

func TestURLs(t *testing.T) {
	g := newGuard(t, false, "10.9.0.0/16")
	for text, want := range map[string]string{
		"https://hooks.example/a?b=c": "", "https://hooks.example:8443": "", "https://93.184.216.34/": "", "https://10.9.1.1/": "",
		"https://[2606:4700::1]:443/": "", "https://xn--bcher-kva.example/": "",
		"http://hooks.example/":         "--webhook-allow-http",
		"https://user:pw@hooks.example": "without a user name", "https://@hooks.example": "without a user name",
		"https://hooks.example/#x": "fragment", "https://hooks.example/#": "fragment",
		"https://hooks.example:22/": "port", "https://hooks.example:0/": "port", "https://hooks.example:/": "port", "https://hooks.example:65536/": "port",
		"https://127.0.0.1/": "public address", "https://[::1]/": "public address", "https://[::ffff:10.0.0.1]/": "public address", "https://10.8.1.1/": "public address",
		"https://2130706433/": "name of a host", "https://0x7f000001/": "name of a host", "https://0177.0.0.1/": "name of a host", "https://127.1/": "name of a host",
		"https://bücher.example/": "name of a host", "https://a_b.example/": "", "https://-a.example/": "name of a host", "https://a..b/": "name of a host",
		"ftp://hooks.example": "a URL such as", "https:///x": "a URL such as", "https:hooks.example": "a URL such as", "": "a URL such as",
		"https://hooks.example/ x": "a URL such as", "https://hooks.example/\n": "a URL such as", "//hooks.example": "a URL such as",
		"https://hooks.example/" + strings.Repeat("x", 2048): "a URL such as",
	} {
		if got := g.URLFault(text); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
	open := newGuard(t, true)
	if got := open.URLFault("http://hooks.example:8080/"); got != "" {
		t.Errorf("http: %s", got)
	}
}

// However large an answer is, and however long it takes to come, a request ends.
func TestAnswersAreNotRead(t *testing.T) {
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	r := newRig(t, sqliteURL(t), "a", func(o *outbox.Options) { o.Guard = newGuard(t, true, "127.0.0.1") })
	defer r.close(t)
	r.SetTransport(newGuard(t, true, "127.0.0.1").Transport())
	w, _ := r.webhook(t, endless.URL, "standard")
	began := time.Now()
	tested, err := r.Test(t.Context(), w.ID)
	if err != nil || !tested.Delivered || tested.Answer != 200 || time.Since(began) > 10*time.Second {
		t.Errorf("tested: %+v, %v", tested, err)
	}
}
