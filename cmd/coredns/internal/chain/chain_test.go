package chain

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering"
	"github.com/coredns-ordering/ordering/cmd/coredns/internal/corefile"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // registers the default plugins

	"github.com/miekg/dns"
)

func TestMain(m *testing.M) {
	dnsserver.Directives = ordering.Directives(dnsserver.Directives)
	corefile.LogTo(os.Stderr)
	os.Exit(m.Run())
}

// opened returns the Chain of a Corefile, in which DIR is a directory with these files.
func opened(t *testing.T, text string, files map[string]string) *Chain {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Open(input(strings.ReplaceAll(text, "DIR", dir)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func input(text string) caddy.Input {
	return caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(text)}
}

// asked returns what a client gets for a name.
func asked(t *testing.T, c *Chain, client, name string, qtype uint16) *Response {
	t.Helper()
	servers := c.Servers(name)
	if len(servers) == 0 {
		t.Fatalf("nobody serves %s", name)
	}
	return askedAt(t, c, servers[0], client, name, qtype)
}

func askedAt(t *testing.T, c *Chain, s *Server, client, name string, qtype uint16) *Response {
	t.Helper()
	r := new(dns.Msg).SetQuestion(name, qtype)
	r.SetEdns0(1232, false)
	res, err := c.Ask(s, netip.MustParseAddr(client), r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// addrs returns the addresses in an answer.
func addrs(res *Response) (all []string) {
	if res.Msg == nil {
		return nil
	}
	for _, rr := range res.Answer {
		if a, ip4, ok := rrset.Address(rr); ok {
			all = append(all, a.NetipAs(ip4).String())
		}
	}
	return all
}

const zone = `$ORIGIN example.org.
@     300 IN SOA ns hostmaster 1 7200 900 1209600 300
www   300 IN A 192.0.2.1
      300 IN A 10.1.0.1
far   300 IN CNAME www.example.net.
`

// upstream returns the address of a server that answers every A query with these addresses.
func upstream(t *testing.T, addrs ...string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	server := &dns.Server{PacketConn: conn, NotifyStartedFunc: func() { close(started) },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
			res := new(dns.Msg).SetReply(r)
			for _, a := range addrs {
				rr, err := dns.NewRR(r.Question[0].Name + " 300 IN A " + a)
				if err == nil && r.Question[0].Qtype == dns.TypeA {
					res.Answer = append(res.Answer, rr)
				}
			}
			if err := w.WriteMsg(res); err != nil {
				t.Error(err)
			}
		})}
	go server.ActivateAndServe()
	<-started
	t.Cleanup(func() { server.Shutdown() })
	return conn.LocalAddr().String()
}

func TestPluginsAnswerAsInTheServer(t *testing.T) {
	up := upstream(t, "192.0.2.7", "10.1.0.7")
	c := opened(t, `
example.org {
	ordering
	file DIR/zone
	cache
}
auto.example {
	ordering
	auto {
		directory DIR db\.(.*) {1}
	}
}
hosts.example {
	ordering
	hosts DIR/hosts
}
template.example {
	ordering
	template IN A {
		answer "{{ .Name }} 60 IN A 192.0.2.1"
		answer "{{ .Name }} 60 IN A 10.1.0.1"
	}
}
six.example {
	dns64 {
		allow_ipv4
	}
	ordering
	forward . `+up+`
}
acl.example {
	acl {
		block net 10.0.0.0/8
	}
	ordering
	forward . `+up+`
}
. {
	ordering
	forward . `+up+`
	cache
	log
	errors
	trace
	dnstap tcp://127.0.0.1:1
	loop
	reload
	metadata
}`, map[string]string{"zone": zone, "db.auto.example": strings.ReplaceAll(zone, "example.org", "auto.example"),
		"hosts": "192.0.2.1 www.hosts.example\n10.1.0.1 www.hosts.example\n"})
	for _, tt := range []struct {
		name  string
		qtype uint16
		addrs string
		from  string
	}{
		{"www.example.org.", dns.TypeA, "10.1.0.1 192.0.2.1", "file"},
		{"www.example.org.", dns.TypeA, "10.1.0.1 192.0.2.1", "cache"},
		{"far.example.org.", dns.TypeA, "10.1.0.7 192.0.2.7", "forward"},
		{"www.auto.example.", dns.TypeA, "10.1.0.1 192.0.2.1", "auto"},
		{"www.hosts.example.", dns.TypeA, "10.1.0.1 192.0.2.1", "hosts"},
		{"www.template.example.", dns.TypeA, "10.1.0.1 192.0.2.1", "template"},
		{"www.six.example.", dns.TypeAAAA, "64:ff9b::a01:7 64:ff9b::c000:207", "forward"},
		{"other.example.net.", dns.TypeA, "10.1.0.7 192.0.2.7", "forward"},
		{"other.example.net.", dns.TypeA, "10.1.0.7 192.0.2.7", "cache"},
	} {
		res := asked(t, c, "10.1.0.9", tt.name, tt.qtype)
		if got := strings.Join(addrs(res), " "); got != tt.addrs || res.From != tt.from || len(res.Ordered) == 0 {
			t.Errorf("%s gets %s from %s, explained %d times; want %s from %s",
				tt.name, got, res.From, len(res.Ordered), tt.addrs, tt.from)
		}
	}
	res := asked(t, c, "10.1.0.9", "www.acl.example.", dns.TypeA)
	if res.Rcode != dns.RcodeRefused || len(res.Ordered) > 0 {
		t.Errorf("a client that acl blocks gets %s", dns.RcodeToString[res.Rcode])
	}
	if res = asked(t, c, "192.0.2.9", "www.acl.example.", dns.TypeA); res.Rcode != dns.RcodeSuccess {
		t.Errorf("a client that acl does not block gets %s", dns.RcodeToString[res.Rcode])
	}
}

func TestErrorOfAPluginIsTold(t *testing.T) {
	c := opened(t, ".:0 {\n\tordering\n\tforward . 127.0.0.1:1\n}", nil)
	res := asked(t, c, "10.1.0.9", "www.example.org.", dns.TypeA)
	if res.Err == nil || res.Rcode != dns.RcodeServerFailure {
		t.Errorf("without an upstream the client gets %s, error %v", dns.RcodeToString[res.Rcode], res.Err)
	}
}

func TestServersOfAName(t *testing.T) {
	c := opened(t, `
example.org:1053 example.net:1053 {
	ordering
}
. {
	ordering
}
tls://www.example.org {
	ordering
}
example.org {
	bind 127.0.0.1 127.0.0.2
	ordering
}`, nil)
	for name, want := range map[string]string{
		"www.example.org.": "tls://:853 dns://:1053 dns://127.0.0.1:53 dns://127.0.0.2:53 dns://:53",
		"a.example.net.":   "dns://:1053 dns://:53",
		"example.com.":     "dns://:53",
	} {
		var got []string
		for _, s := range c.Servers(name) {
			got = append(got, s.Addr)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is served at %v, want %s", name, got, want)
		}
	}
	s := c.Servers("example.net.")[0]
	for address, want := range map[string]bool{
		"dns://:1053": true, ":1053": true, ":53": false, "tls://:1053": false, "1053": false,
	} {
		if s.Is(address) != want {
			t.Errorf("%s is at %s: %v", s.Addr, address, !want)
		}
	}
	if got := len(c.Rules()); got != 5 {
		t.Errorf("%d rules, want 5: %v", got, c.Rules())
	}
}

// AnswerWith serves a directive without plugins below it as well as those of a server block with
// several addresses.
func TestAnswerWith(t *testing.T) {
	c := opened(t, `
example.org example.net {
	bind 127.0.0.1 127.0.0.2
	ordering
}
example.com {
	ordering
	erratic
}`, nil)
	rr, err := dns.NewRR("www.example.org. 300 IN A 192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	res := asked(t, c, "10.1.0.9", "www.example.org.", dns.TypeA)
	if res.Rcode != dns.RcodeServerFailure || res.Err == nil {
		t.Errorf("without plugins below, the client gets %s, error %v", dns.RcodeToString[res.Rcode], res.Err)
	}
	c.AnswerWith([]dns.RR{rr})
	for _, name := range []string{"www.example.org.", "www.example.net.", "www.example.com."} {
		for _, s := range c.Servers(name) {
			res := askedAt(t, c, s, "10.1.0.9", name, dns.TypeA)
			if got := addrs(res); !slices.Equal(got, []string{"192.0.2.1"}) || len(res.Ordered) != 1 {
				t.Errorf("%s at %s gets %v, explained %d times", name, s.Addr, got, len(res.Ordered))
			}
		}
	}
}

func TestOpenRefusesWhatTheServerRefuses(t *testing.T) {
	parsing := " - Error during parsing: "
	for text, want := range map[string]string{
		".:0 {\n\tordering {\n\t\tnetmask 255.0.255.0\n\t}\n}": "plugin/ordering: Corefile:3" + parsing +
			"netmask: 255.0.255.0 has holes",
		".:0 {\n\tordring\n}":                        "Corefile:2" + parsing + "Unknown directive 'ordring'",
		".:0 {\n\tordering\n":                        "Corefile:2 - Syntax error: Unexpected token 'ordering', expecting '}'",
		".:0 {\n\tordering\n}\n.:0 {\n\twhoami\n}":   "cannot serve dns://.:0 - it is already defined",
		".:0 {\n\tprometheus 127.0.0.1:0 surplus\n}": "plugin/prometheus: Corefile:2" + parsing + "Wrong argument count",
		".:0 {\n\tordering\n\tforward . 127.0.0.1 {\n\t\tmax\n\t}\n}": "plugin/forward: Corefile:4" + parsing +
			"unknown property 'max'",
	} {
		c, err := Open(input(text))
		if err == nil {
			c.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q is refused with %v, want %s", text, err, want)
		}
	}
}

// TestCloseReturns closes a chain with plugin file, which waits for ever when it is shut down: the
// zone is at two ports.
func TestCloseReturns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zone")
	if err := os.WriteFile(path, []byte(zone), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Open(input("example.org:0 example.org:1 {\n\tordering\n\tfile " + path + "\n}"))
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Close does not return")
	}
}
