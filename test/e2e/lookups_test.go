package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/program"

	"github.com/miekg/dns"
)

// A follower is a plugin that follows aliases: it asks the whole server again for the addresses, and
// puts what it gets into its own answer. follow returns directives that make www in the zone alias
// an alias of host in the zone target.
type follower struct {
	name   string
	follow func(t *testing.T, alias, target string) string
}

var followers = []follower{
	{"file", func(t *testing.T, alias, target string) string {
		return "file " + aliasZone(t, alias, "host."+target) + " " + alias
	}},
	{"auto", func(t *testing.T, alias, target string) string {
		dir := filepath.Dir(aliasZone(t, alias, "host."+target))
		return "auto " + alias + " {\n directory " + dir + " db\\.(.*) {1}\n }"
	}},
	{"secondary", func(t *testing.T, alias, target string) string {
		return secondaryOf(t, alias, aliasZone(t, alias, "host."+target))
	}},
	{"template", func(_ *testing.T, alias, target string) string {
		return "template ANY ANY " + alias + " {\n answer \"{{ .Name }} 300 IN CNAME host." + target + ".\"\n }"
	}},
	{"rewrite", func(t *testing.T, alias, target string) string {
		return "rewrite cname exact old." + target + ". host." + target + ".\n" +
			"file " + aliasZone(t, alias, "old."+target) + " " + alias
	}},
	{"etcd", func(t *testing.T, alias, target string) string {
		url := etcdURL(t)
		putInEtcd(t, url, "www."+alias, `{"host": "host.`+target+`", "ttl": 300}`)
		return "etcd " + alias + " {\n endpoint " + url + "\n }"
	}},
}

// aliasZone writes a zone file in which www is an alias of target, and returns its path.
func aliasZone(t *testing.T, zone, target string) string {
	t.Helper()
	return zoneFileOf(t, zone, "www CNAME "+dns.Fqdn(target)+"\n")
}

// secondaryOf starts a primary server for zone with the zone file at path. It returns a directive
// that gets the zone from there, after which a test has to waitFor it.
func secondaryOf(t *testing.T, zone, path string) string {
	t.Helper()
	port := systemtest.FreePort(t)
	start(t, fmt.Sprintf("%s:%d {\n bind 127.0.0.1\n transfer {\n to *\n }\n file %s\n}", zone, port, path))
	return fmt.Sprintf("secondary %s {\n transfer from 127.0.0.1:%d\n }", zone, port)
}

// waitFor waits until name exists. It asks for TXT, and so spends no turn of its addresses.
func (c client) waitFor(name string) {
	c.t.Helper()
	program.Eventually(c.t, name+" exists", func() bool {
		return c.exchange(question(name, dns.TypeTXT)).Rcode == dns.RcodeSuccess
	})
}

// A layout says where in a Corefile the zones of an alias and of its target are.
type layout struct {
	name         string
	inner, outer string // directives in the blocks of the target and of the alias; TARGET is the zone of the target
	oneBlock     bool   // the zones share one server block, which has the directives in outer
}

// layouts returns the layouts in which the answer to a query for the alias is ordered, as the
// properties in braces say.
func layouts(properties string) []layout {
	ordering := "ordering " + properties + "\n"
	return []layout{
		{name: "one block", outer: ordering, oneBlock: true},
		{name: "two blocks", outer: ordering, inner: ordering},
		{name: "two blocks, ordering in the outer one", outer: ordering},
	}
}

// An aliased is a server with www.ALIAS, an alias of host.TARGET.
type aliased struct {
	*testServer
	alias, target string // zones
}

// start starts a server with an alias that f follows to a host with these addresses. The
// directives in below stand below ordering in both zones.
func (f follower) start(t *testing.T, l layout, below, addresses string) aliased {
	t.Helper()
	a := aliased{alias: freshZone(), target: freshZone()}
	l.outer = strings.ReplaceAll(l.outer, "TARGET", a.target)
	hosts := "file " + zoneFileOf(t, a.target, host("old", "203.0.113.1")+host("host", addresses)) + " " + a.target
	outer := "import clients\n" + l.outer + below + f.follow(t, a.alias, a.target) + "\n"
	if l.oneBlock {
		a.testServer = start(t, a.alias+" "+a.target+" {\n"+outer+hosts+"\n}")
	} else {
		a.testServer = start(t, a.alias+" {\n"+outer+"}\n"+
			a.target+" {\n import clients\n"+l.inner+below+hosts+"\n}")
	}
	a.as("127.0.0.1").waitFor("www." + a.alias)
	return a
}

// follows asks for the address of the alias. It returns the addresses in the answer, in which the
// alias must come first.
func (a aliased) follows(client string) string {
	a.t.Helper()
	return a.addresses(a.as(client).ask("www."+a.alias, dns.TypeA))
}

// addresses returns the addresses in the answer section of m, in which the alias must come first.
func (a aliased) addresses(m *dns.Msg) string {
	a.t.Helper()
	answer := texts(m.Answer)
	if want := "www." + a.alias + ". IN CNAME host." + a.target + "."; len(answer) == 0 || answer[0] != want {
		a.t.Fatalf("answer is\n%s\nwant it to begin with\n%s", strings.Join(answer, "\n"), want)
	}
	return addresses(m.Answer)
}

// forEachFollower runs a test for each follower, each layout, and with and without a cache.
func forEachFollower(t *testing.T, layouts []layout, test func(t *testing.T, f follower, l layout, below string)) {
	for _, f := range followers {
		for _, l := range layouts {
			for _, below := range []string{"", "cache\n"} {
				t.Run(strings.TrimSpace(f.name+", "+l.name+" "+below), func(t *testing.T) { test(t, f, l, below) })
			}
		}
	}
}

// The addresses behind an alias take exact turns, as others do: they are ordered once.
func TestAddressesBehindAFollowedAliasTakeTurns(t *testing.T) {
	const near, far = "10.9.8.1 10.9.8.2", "192.0.2.1 192.0.2.2"
	forEachFollower(t, layouts(""), func(t *testing.T, f follower, l layout, below string) {
		a := f.start(t, l, below, "192.0.2.1 10.9.8.1 192.0.2.2 10.9.8.2")
		for turn := range 8 {
			if got, want := a.follows("10.9.8.7"), rotated(near, turn)+" "+rotated(far, turn); got != want {
				t.Errorf("answer %d is %s, want %s", turn, got, want)
			}
		}
		firsts := tally{}
		for range 12 {
			firsts[first(a.follows("2001:db8::7"))]++ // one tier
		}
		firsts.expectEven(t, near+" "+far, 3)
	})
}

func TestTwoAddressesBehindAFollowedAliasTakeTurns(t *testing.T) {
	const both = "192.0.2.1 192.0.2.2"
	forEachFollower(t, layouts(""), func(t *testing.T, f follower, l layout, below string) {
		a := f.start(t, l, below, both)
		firsts := tally{}
		for range 20 {
			firsts[first(a.follows("10.9.8.7"))]++
		}
		firsts.expectEven(t, both, 10)
	})
}

// With a limit of one, each client gets its own nearest address, also from a cache that another
// client has filled.
func TestLimitDoesNotApplyToLookupsForAliases(t *testing.T) {
	forEachFollower(t, layouts("{\n answer_limit 1\n }"), func(t *testing.T, f follower, l layout, below string) {
		a := f.start(t, l, below, "192.0.2.1 10.9.8.1 172.16.1.1")
		for range 2 {
			for client, want := range map[string]string{
				"10.9.8.7": "10.9.8.1", "172.16.1.7": "172.16.1.1", "192.0.2.7": "192.0.2.1",
			} {
				if got := a.follows(client); got != want {
					t.Errorf("%s gets %s, want %s", client, got, want)
				}
			}
		}
	})
}

// Where only the target is in a zone of ordering, nothing about a look-up for an alias is its
// business: its order, its length, its count and its Client Subnet option.
func TestLookupsForAliasesOutsideOfOrderingAreLeftAlone(t *testing.T) {
	const received = "192.0.2.2 10.9.8.1 192.0.2.1 10.9.8.2"
	for _, synthesis := range []string{"", "dns64\n", "siit\n"} {
		const properties = "{\n answer_limit 1\n ecs " + trustedResolver + "\n }\n"
		layouts := []layout{
			{name: "two blocks, " + synthesis + "ordering in the inner one", inner: synthesis + "ordering " + properties},
			{name: "one block, " + synthesis + "ordering for the target", outer: synthesis + "ordering TARGET " + properties,
				oneBlock: true},
		}
		forEachFollower(t, layouts, func(t *testing.T, f follower, l layout, below string) {
			at := endpoint(t)
			l.outer, l.inner = "prometheus "+at+"\n"+l.outer, "prometheus "+at+"\n"+l.inner
			a := f.start(t, l, below, received)
			for range 3 {
				m, option := a.as(trustedResolver).askWith("www."+a.alias, dns.TypeA, subnet("10.9.8.0/24"))
				if got := a.addresses(m); got != received {
					t.Errorf("got %s, want %s", got, received)
				}
				if option != nil {
					t.Errorf("the response has %v", option)
				}
			}
			if samples := samplesOf(t, at, a.target); len(samples) > 0 {
				t.Errorf("counted %q", samples)
			}
			// The look-ups have not spent the turns of the target itself.
			for _, want := range []string{"10.9.8.1", "10.9.8.2", "10.9.8.1"} {
				if got := a.as("10.9.8.7").answer("host." + a.target); got != want {
					t.Errorf("the target has %s, want %s", got, want)
				}
			}
		})
	}
}

// samplesOf returns the samples of responses_total that have this zone and are not 0, without the
// metric's name.
func samplesOf(t *testing.T, endpoint, zone string) (samples []string) {
	t.Helper()
	for _, sample := range scrape(t, endpoint, responsesTotal) {
		if strings.Contains(sample, `zone="`+zone+`."`) && !strings.HasSuffix(sample, "} 0") {
			samples = append(samples, strings.TrimPrefix(sample, responsesTotal))
		}
	}
	return samples
}

// The scope of an answer with an alias covers what its order depends on, whatever the block of the
// target says.
func TestScopeOfAnswersWithAliases(t *testing.T) {
	const properties = "{\n round_robin off\n classful off\n netmask /20\n ecs " + trustedResolver + "\n }"
	all := append(layouts(properties), layout{
		name:  "two blocks, the inner one with longer masks",
		outer: "ordering " + properties + "\n",
		inner: "ordering {\n netmask /28\n ecs " + trustedResolver + "\n }\n",
	}, layout{
		name:  "two blocks, the inner one without masks",
		outer: "ordering " + properties + "\n",
		inner: "ordering {\n local_net_priority off\n ecs " + trustedResolver + "\n }\n",
	})
	forEachFollower(t, all, func(t *testing.T, f follower, l layout, below string) {
		a := f.start(t, l, below, "192.0.2.1 10.9.8.1 172.16.1.1")
		for range 2 {
			for network, want := range map[string]string{
				"10.9.8.0/24":   "10.9.8.1 192.0.2.1 172.16.1.1",
				"172.16.1.0/24": "172.16.1.1 192.0.2.1 10.9.8.1",
				"192.0.2.0/24":  "192.0.2.1 10.9.8.1 172.16.1.1",
			} {
				m, option := a.as(trustedResolver).askWith("www."+a.alias, dns.TypeA, subnet(network))
				if got := a.addresses(m); got != want {
					t.Errorf("%s gets %s, want %s", network, got, want)
				}
				if option == nil || option.SourceScope != 20 {
					t.Errorf("%s gets the option %v, want scope 20", network, option)
				}
			}
		}
	})
}

// A response with an alias is counted once, by the rule for the name that the client asked for.
func TestAnswersWithAliasesAreCountedOnce(t *testing.T) {
	forEachFollower(t, layouts(""), func(t *testing.T, f follower, l layout, below string) {
		at := endpoint(t)
		l.outer, l.inner = "prometheus "+at+"\n"+l.outer, "prometheus "+at+"\n"+l.inner
		a := f.start(t, l, below, "192.0.2.1 10.9.8.1")
		for range 3 {
			a.follows("10.9.8.7")
		}
		if got := samplesOf(t, at, a.alias); len(got) != 1 || !strings.HasSuffix(got[0], " 3") {
			t.Errorf("the zone of the alias has %q, want one sample of 3", got)
		}
		if got := samplesOf(t, at, a.target); len(got) != 0 {
			t.Errorf("the zone of the target has %q", got)
		}
	})
}

// Metadata tells what the client got, not what a look-up on the way returned.
func TestMetadataOfAnswersWithAliases(t *testing.T) {
	all := layouts("")
	for i := range all {
		metadata := "metadata\nlog . \"alias {name} {/ordering/client} {/ordering/first}\"\n"
		all[i].outer = metadata + all[i].outer
		all[i].inner = metadata + all[i].inner
	}
	forEachFollower(t, all, func(t *testing.T, f follower, l layout, below string) {
		a := f.start(t, l, below, "192.0.2.1 10.9.8.1 10.9.8.2")
		for turn := range 4 {
			want := rotated("10.9.8.1 10.9.8.2", turn)
			if got := a.follows("10.9.8.7"); got != want+" 192.0.2.1" {
				t.Errorf("answer %d is %s, want %s first", turn, got, want)
			}
			line, n := "alias www."+a.alias+". 10.9.8.7 "+first(want)+"\n", turn/2+1
			program.Eventually(t, line, func() bool { return len(serverLog.lines(line)) == n })
		}
	})
}
