package ordering

import (
	"context"
	golog "log"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

func TestCheckPlace(t *testing.T) {
	for _, tt := range []struct{ name, directives, want string }{
		{"directly before loadbalance", "log errors ordering loadbalance cache file auto kubernetes hosts forward", ""},
		{"not compiled in", "log cache file forward", ""},
		{"last, but alone", "log errors ordering", ""},
		{"directly below cache", "log cache ordering file", "compiled in below cache, so it would not see the answers of cache: " +
			"in plugin.cfg, move ordering directly before loadbalance (ordering is directive 3, cache is 2)"},
		{"at the end", "hosts log ordering", "compiled in below hosts, so it would not see the answers of hosts: " +
			"in plugin.cfg, move ordering directly before loadbalance (ordering is directive 3, hosts is 1)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := checkPlace(strings.Fields(tt.directives)); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got:  %s\nwant: %s", got, tt.want)
			}
		})
	}
	for _, above := range []string{"cache", "file", "auto", "kubernetes", "hosts", "forward"} {
		if checkPlace([]string{above, pluginName}) == nil {
			t.Errorf("below %s it sees no answers", above)
		}
		if err := checkPlace([]string{pluginName, above}); err != nil {
			t.Errorf("above %s: %v", above, err)
		}
	}
}

// compiledIn makes directives those of the server for one test.
func compiledIn(t *testing.T, directives ...string) {
	old := dnsserver.Directives
	dnsserver.Directives = directives
	t.Cleanup(func() { dnsserver.Directives = old })
}

// setUp runs the registered setup of each directive in the order compiled in, as a server block with this Corefile would.
func setUp(tb testing.TB, corefile string) (*dnsserver.Config, error) {
	tb.Helper()
	c := caddy.NewTestController("dns", "")
	config := dnsserver.GetConfig(c)
	config.Zone, config.ListenHosts, config.Port, config.Transport = ".", []string{""}, "53", "dns"
	for _, directive := range dnsserver.Directives {
		var tokens []string
		for line := range strings.SplitSeq(corefile, "\n") {
			if word, _, _ := strings.Cut(line, " "); word == directive {
				tokens = append(tokens, line)
			}
		}
		if tokens == nil {
			continue
		}
		setup, err := caddy.DirectiveAction("dns", directive)
		if err != nil {
			tb.Fatal(err)
		}
		c.Dispenser = caddyfile.NewDispenser("Corefile", strings.NewReader(strings.Join(tokens, "\n")))
		c.ServerBlockKeys = []string{"."}
		if err := setup(c); err != nil {
			return nil, err
		}
	}
	if _, err := dnsserver.NewServer("dns://:53", []*dnsserver.Config{config}); err != nil {
		tb.Fatal(err)
	}
	return config, nil
}

func TestSetupRefusesItsPlace(t *testing.T) {
	compiledIn(t, "cache", "ordering")
	_, err := setUp(t, "ordering")
	want := "plugin/ordering: Corefile:1 - compiled in below cache"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got: %v\nwant: %s …", err, want)
	}
}

func TestSetupRefusesWhatParseRefuses(t *testing.T) {
	compiledIn(t, "ordering")
	_, err := setUp(t, "ordering example..org")
	if want := "plugin/ordering: Corefile:1 - Error during parsing: example..org is not a zone"; err == nil || err.Error() != want {
		t.Errorf("got: %v\nwant: %s", err, want)
	}
}

func TestCheckLoadbalance(t *testing.T) {
	for _, tt := range []struct {
		name, directives, corefile, want string
	}{
		{"below", "ordering loadbalance", "ordering\nloadbalance", "Corefile:1 - loadbalance in this server " +
			"block shuffles the order that the turns start from, so turns are not exact: remove loadbalance"},
		{"above", "loadbalance ordering", "ordering\nloadbalance", "plugin/ordering: Corefile:1 - loadbalance is compiled in above ordering and would shuffle " +
			"the ordered answers: remove it from this server block, or move ordering directly before loadbalance in plugin.cfg"},
		{"above, but in another server block", "loadbalance ordering", "ordering", ""},
		{"alone", "ordering loadbalance", "ordering", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			compiledIn(t, strings.Fields(tt.directives)...)
			config, err := setUp(t, tt.corefile)
			if err != nil {
				t.Fatal(err)
			}
			warnings, err := Check(config)
			got := strings.Join(warnings, "\n")
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got:  %s\nwant: %s", got, tt.want)
			}
		})
	}
}

// logged returns what f logs, and its error.
func logged(t *testing.T, f func() error) string {
	var b strings.Builder
	golog.SetOutput(&b)
	flags := golog.Flags()
	golog.SetFlags(0)
	t.Cleanup(func() { golog.SetOutput(os.Stderr); golog.SetFlags(flags) })
	if err := f(); err != nil {
		b.WriteString(err.Error())
	}
	return b.String()
}

// TestZonesOfAServerBlockShareAPolicy checks that the handlers of a server block's zones take turns together, each with a
// next of its own.
func TestZonesOfAServerBlockShareAPolicy(t *testing.T) {
	compiledIn(t, "ordering")
	config, err := setUp(t, "ordering")
	if err != nil {
		t.Fatal(err)
	}
	below := replying(reply(hot, dns.TypeA, addressRRset("10.4.3.1", "10.4.3.2")...))
	one, other := config.Plugin[0](below), config.Plugin[0](plugin.Handler(nil))
	if one == other || other.(*Ordering).Next != nil {
		t.Error("two zones share a handler")
	}
	other.(*Ordering).Next = below
	first := addrs(ask(t, one, "10.4.3.9", hot, dns.TypeA).Answer)
	second := addrs(ask(t, other, "10.4.3.9", hot, dns.TypeA).Answer)
	if first[0] == second[0] {
		t.Errorf("both begin with %s", first[0])
	}
}

func TestWithoutNextItFails(t *testing.T) {
	code, err := orderingOf(t, "ordering", nil).ServeDNS(context.Background(), from("10.4.3.2"), new(dns.Msg).SetQuestion(hot, dns.TypeA))
	if code != dns.RcodeServerFailure || err == nil {
		t.Errorf("returns %d, %v", code, err)
	}
}

// TestStartsAndStops follows a topology file through the life of a server, once for all of its zones.
func TestStartsAndStops(t *testing.T) {
	zones, err := parsed(withTable(t, "ordering a.example b.example {\ntopology TABLE\n}\nordering c.example"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(zones.topologies()); n != 1 {
		t.Errorf("%d topologies, want 1", n)
	}
	if err := zones.start(); err != nil {
		t.Error(err)
	}
	if err := zones.stop(); err != nil {
		t.Error(err)
	}
	if err := zones.stop(); err != nil {
		t.Errorf("stopped again: %v", err)
	}
}

func TestNearest(t *testing.T) {
	names := slices.Sorted(maps.Keys(properties))
	for said, want := range map[string]string{
		"netmask ":  "netmask",
		"netmasks":  "netmask",
		"wieght":    "weight",
		"CLASSFUL":  "classful",
		"classfull": "classful",
		"":          "",
		"x":         "",
		"prefer":    "",
	} {
		if got := nearest(said, names); got != want {
			t.Errorf("%q is nearest to %q, want %q", said, got, want)
		}
	}
}
