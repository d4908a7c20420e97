package examples

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering"
	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/proxied"
	"github.com/coredns-ordering/ordering/test/internal/server"

	"github.com/miekg/dns"
)

// start starts an example on free ports, from the root of the repository, where nobody has taken turns
// yet. Changes are pairs of an old and a new text in its Corefile. It returns the address of its server
// on port 1053.
func start(t *testing.T, example string, changes ...string) string {
	t.Helper()
	ordering.ForgetTurns()
	if _, err := os.Stat("examples"); err != nil {
		t.Chdir("../..")
	}
	text, err := os.ReadFile(filepath.Join("examples", example, "Corefile"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(string(text), changes[i]) {
			t.Fatalf("the Corefile has no %q, so this test proves nothing", changes[i])
		}
	}
	corefile := strings.NewReplacer(changes...).Replace(string(text))
	for { // another process may take a free port
		var ports []string
		for _, port := range []string{"1053", "1054", "9153"} {
			free := systemtest.FreePort(t)
			ports = append(ports, ":"+port, ":"+strconv.Itoa(free))
		}
		_, err := server.Start(t, "Corefile", strings.NewReplacer(ports...).Replace(corefile))
		switch {
		case err == nil:
			return "127.0.0.1" + ports[1]
		case !systemtest.AddressInUse(err.Error()):
			t.Fatal(err)
		}
	}
}

// ask returns the response to a question of a client, which is in its Client Subnet option.
func ask(t *testing.T, server, client, name string, qtype uint16) *dns.Msg {
	t.Helper()
	q := new(dns.Msg).SetQuestion(name, qtype)
	q.SetEdns0(1232, false)
	a := netip.MustParseAddr(client)
	q.IsEdns0().Option = []dns.EDNS0{proxied.Subnet(netip.PrefixFrom(a, a.BitLen()))}
	res, _, err := (&dns.Client{Timeout: 30 * time.Second}).Exchange(q, server)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// values returns the values of the records of a type, with spaces between them.
func values(records []dns.RR, rrtype uint16) string {
	var all []string
	for _, rr := range records {
		if rr.Header().Rrtype == rrtype {
			all = append(all, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	return strings.Join(all, " ")
}

// addresses returns the IPv4 addresses in the answer to a client.
func addresses(t *testing.T, server, client, name string) string {
	t.Helper()
	return values(ask(t, server, client, name, dns.TypeA).Answer, dns.TypeA)
}
