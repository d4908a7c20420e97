package ordering

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"
	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/coredns/coredns/core/dnsserver"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// resetCounters sets the counters of responses to 0: those of an earlier run of a test as well. A zone
// that has served queries goes on counting where nobody sees it.
func resetCounters() { responsesTotal.Reset() }

// counted returns the value of responses_total with these labels, 0 if there is none.
func counted(server, zone, view, near string) float64 {
	return countedIn(server, zone, view)[near]
}

// countedIn returns the values of publishedIn that are not 0.
func countedIn(server, zone, view string) map[string]float64 {
	values := publishedIn(server, zone, view)
	maps.DeleteFunc(values, func(_ string, value float64) bool { return value == 0 })
	return values
}

// publishedIn returns the values of responses_total with these labels, by near.
func publishedIn(server, zone, view string) map[string]float64 {
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		panic(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "coredns_ordering_responses_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			near := labels["near"]
			delete(labels, "near")
			if maps.Equal(labels, map[string]string{"server": server, "zone": zone, "view": view}) {
				values[near] = m.GetCounter().GetValue()
			}
		}
	}
	return values
}

// TestResponsesTotal has clients who are near to different degrees, in servers and zones that no other test has.
func TestResponsesTotal(t *testing.T) {
	resetCounters()
	below := replying(reply(hot, dns.TypeA, addressRRset("10.4.3.1", "10.4.3.2")...))
	const corefile = "ordering responses.example.\nordering deep.responses.example."
	first, second := orderingOf(t, corefile, below), orderingOf(t, corefile, below)
	first.zones.view = "inside"
	servers := map[*Ordering]string{first: "dns://:1053", second: "tls://:853"}
	query := func(o *Ordering, client, qname string) {
		ctx := context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: servers[o]})
		o.ServeDNS(ctx, from(client), new(dns.Msg).SetQuestion(qname, dns.TypeA))
	}
	query(first, "10.4.3.9", "www.responses.example.")
	query(first, "10.4.3.9", "www.responses.example.")
	query(first, "10.9.9.9", "www.responses.example.")
	query(first, "2001:db8::9", "www.RESPONSES.example.")
	query(second, "10.4.3.9", "www.responses.example.")
	query(second, "10.4.3.9", "www.deep.responses.example.")
	query(second, "10.4.3.9", "www.example.")

	for _, tt := range []struct {
		server, zone, view, near string
		want                     float64
	}{
		{"dns://:1053", "responses.example.", "inside", "subnet", 2},
		{"dns://:1053", "responses.example.", "inside", "network", 1},
		{"dns://:1053", "responses.example.", "inside", "elsewhere", 1},
		{"tls://:853", "responses.example.", "", "subnet", 1},
		{"tls://:853", "deep.responses.example.", "", "subnet", 1},
		{"tls://:853", ".", "", "subnet", 0},
	} {
		if got := counted(tt.server, tt.zone, tt.view, tt.near); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

// A cluster is a topology whose labels have names, as those of Kubernetes have.
type cluster struct{ topology.Source }

func (cluster) Levels() []string { return []string{"region", "zone", "node"} }

// TestEveryNearIsCounted has a response for each value of the label near.
func TestEveryNearIsCounted(t *testing.T) {
	resetCounters()
	placed := func(lines string) *topology.File {
		path := filepath.Join(t.TempDir(), "places")
		if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := topology.NewFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	const client = "10.1.0.9"
	deep := placed("10.1.0.0/16 1/2/3/4/5/6/7/8\n10.2.0.0/16 x\n11.1.0.0/16 1/2/3/4/5/6/7/x\n11.2.0.0/16 1/2/3/4/5/6/x\n" +
		"11.3.0.0/16 1/2/3/4/5/x\n11.4.0.0/16 1/2/3/4/x\n11.5.0.0/16 1/2/3/x\n11.6.0.0/16 1/2/x\n11.7.0.0/16 1/x\n")
	nodes := cluster{placed("10.1.0.0/16 west/a/n1\n11.1.0.0/16 west/a/n2\n11.2.0.0/16 west/b/n3\n11.3.0.0/16 east/c/n4\n")}
	masks := ranking.MaskLengths{IPv4: []int{24, 16}}
	own := netip.MustParsePrefix("10.1.0.0/16")
	sortlist := []ranking.Statement{{
		Clients: []netip.Prefix{own},
		Preference: []ranking.Word{
			{Networks: []netip.Prefix{netip.MustParsePrefix("11.9.0.0/16")}}, {Networks: []netip.Prefix{own}, Negated: true},
		},
	}}
	var counted []string
	for i, tt := range []struct {
		config          ranking.Config
		client, address string
		near            string
	}{
		{ranking.Config{Sortlist: sortlist, Topology: nodes, Masks: masks}, client, "11.9.0.1", "sortlist"},
		{ranking.Config{Topology: nodes, Masks: masks}, client, "10.1.0.1", "node"},
		{ranking.Config{Topology: nodes, Masks: masks}, client, "11.1.0.1", "zone"},
		{ranking.Config{Topology: nodes, Masks: masks}, client, "11.2.0.1", "region"},
		{ranking.Config{Topology: deep}, client, "11.7.0.1", "shared1"},
		{ranking.Config{Topology: deep}, client, "11.6.0.1", "shared2"},
		{ranking.Config{Topology: deep}, client, "11.5.0.1", "shared3"},
		{ranking.Config{Topology: deep}, client, "11.4.0.1", "shared4"},
		{ranking.Config{Topology: deep}, client, "11.3.0.1", "shared5"},
		{ranking.Config{Topology: deep}, client, "11.2.0.1", "shared6"},
		{ranking.Config{Topology: deep}, client, "11.1.0.1", "shared7"},
		{ranking.Config{Topology: deep}, client, "10.1.0.1", "shared8"},
		{ranking.Config{Masks: masks}, client, "10.1.0.1", "subnet"},
		{ranking.Config{Masks: masks}, client, "10.1.1.1", "network"},
		{ranking.Config{Topology: nodes, Masks: masks}, "192.0.2.1", "10.1.0.1", "unknown"},
		{ranking.Config{Topology: nodes, Masks: masks}, client, "11.3.0.1", "elsewhere"},
	} {
		zone := fmt.Sprintf("near%d.example.", i)
		z := &zones{}
		z.add(zone, &policy{
			ranker:  ranking.New(tt.config),
			orderer: rrset.New(rrset.Config{Types: rrset.Types(dns.TypeA), Turns: new(rrset.Turns)}),
		})
		o := &Ordering{Next: replying(reply(hot, dns.TypeA, addressRRset(tt.address)...)), zones: z}
		ask(t, o, tt.client, "www."+zone, dns.TypeA)
		if got := countedIn("", zone, ""); !maps.Equal(got, map[string]float64{tt.near: 1}) {
			t.Errorf("%s for %s is counted as %v, want %s", tt.address, tt.client, got, tt.near)
		}
		counted = append(counted, tt.near)
	}
	var all []string
	for near := range ranking.NearCount {
		all = append(all, near.String())
	}
	slices.Sort(all)
	slices.Sort(counted)
	if !slices.Equal(all, counted) {
		t.Errorf("counted %v of %v", counted, all)
	}
}

// TestFirstQueryPublishesEveryNear checks that what the policy of a zone can count is published, as 0,
// once the zone is asked for anything.
func TestFirstQueryPublishesEveryNear(t *testing.T) {
	resetCounters()
	o := orderingOf(t, "ordering asked.example\nordering off.asked.example {\nlocal_net_priority off\n}\n"+
		"ordering unasked.example", replying(reply(hot, dns.TypeA)))
	for zone, want := range map[string]map[string]float64{
		"asked.example.":     {"elsewhere": 0, "network": 0, "subnet": 0},
		"off.asked.example.": {"elsewhere": 0},
	} {
		ask(t, o, "10.4.3.9", "www."+zone, dns.TypeA)
		if got := publishedIn("", zone, ""); !maps.Equal(got, want) {
			t.Errorf("%s: published %v, want %v", zone, got, want)
		}
	}
	if got := publishedIn("", "unasked.example.", ""); len(got) > 0 {
		t.Errorf("published for a zone without queries: %v", got)
	}
}

// TestDeeperFileIsCounted has a topology file that gets more labels after the first query.
func TestDeeperFileIsCounted(t *testing.T) {
	resetCounters()
	table := &growing{}
	table.set(t, "west")
	z := &zones{}
	z.add("deeper.example.", &policy{
		ranker:  ranking.New(ranking.Config{Topology: table}),
		orderer: rrset.New(rrset.Config{Types: rrset.Types(dns.TypeA), Turns: new(rrset.Turns)}),
	})
	o := &Ordering{Next: replying(reply(hot, dns.TypeA, addressRRset("10.4.3.1")...)), zones: z}
	ask(t, o, "10.4.3.9", "www.deeper.example.", dns.TypeA)
	table.set(t, "west/a")
	ask(t, o, "10.4.3.9", "www.deeper.example.", dns.TypeA)
	want := map[string]float64{"shared1": 1, "shared2": 1}
	if got := countedIn("", "deeper.example.", ""); !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// growing is a topology with one network, whose location changes.
type growing struct {
	source
	table atomic.Pointer[topology.Table]
}

func (g *growing) Table() *topology.Table { return g.table.Load() }

func (g *growing) set(t *testing.T, location string) {
	t.Helper()
	var b topology.Builder
	if err := b.Add(netip.MustParsePrefix("10.0.0.0/8"), location); err != nil {
		t.Fatal(err)
	}
	table, err := b.Table()
	if err != nil {
		t.Fatal(err)
	}
	g.table.Store(table)
}

// TestTypesThatAreNotOrderedAreNotCounted checks that what the plugin does not put in order is not
// said to be near.
func TestTypesThatAreNotOrderedAreNotCounted(t *testing.T) {
	for properties, want := range map[string]map[string]float64{
		"types AAAA":             {},
		"types MX":               {},
		"types A":                {"subnet": 1},
		"local_net_priority off": {"elsewhere": 1},
		"local_net_priority off\nround_robin off": {"elsewhere": 1},
	} {
		resetCounters()
		o := orderingOf(t, "ordering types.example {\n"+properties+"\n}",
			replying(reply(hot, dns.TypeA, addressRRset("10.4.3.1", "10.9.3.2")...)))
		ask(t, o, "10.4.3.9", "www.types.example.", dns.TypeA)
		if got := countedIn("", "types.example.", ""); !maps.Equal(got, want) {
			t.Errorf("%s: counted %v, want %v", properties, got, want)
		}
	}
}

func TestWhatIsNotCounted(t *testing.T) {
	resetCounters()
	nxdomain := reply(hot, dns.TypeA, addressRRset("10.4.3.1")...)
	nxdomain.Rcode = dns.RcodeNameError
	glue := reply(hot, dns.TypeNS, record(hot+" 300 IN NS ns.example.org."))
	glue.Extra = addressRRset("10.4.3.1")
	for name, below := range map[string]*dns.Msg{
		"an answer without records":            reply(hot, dns.TypeA),
		"NXDOMAIN":                             nxdomain,
		"a transfer":                           reply(hot, dns.TypeAXFR, addressRRset("10.4.3.1")...),
		"an address in the additional section": glue,
	} {
		o := orderingOf(t, "ordering uncounted.example", replying(below))
		ask(t, o, "10.4.3.9", "www.uncounted.example.", dns.TypeA)
		if got := counted("", "uncounted.example.", "", "subnet"); got != 0 {
			t.Errorf("%s is counted: %v", name, got)
		}
	}
}

// TestOneAddressCounts checks that an answer with a single address is counted.
func TestOneAddressCounts(t *testing.T) {
	resetCounters()
	o := orderingOf(t, "ordering one.example", replying(reply(hot, dns.TypeAAAA, addressRRset("2001:db8::1")...)))
	ask(t, o, "2001:db8::9", "www.one.example.", dns.TypeAAAA)
	if got := counted("", "one.example.", "", "subnet"); got != 1 {
		t.Errorf("counted %v times", got)
	}
}

// TestServersCountConcurrently has several servers use a rule for the first time at once.
func TestServersCountConcurrently(t *testing.T) {
	resetCounters()
	const servers, each = 8, 50
	below := replying(reply(hot, dns.TypeA, addressRRset("10.4.3.1", "10.4.3.2")...))
	o := orderingOf(t, "ordering concurrent.example", below)
	var all sync.WaitGroup
	for i := range servers {
		ctx := context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: fmt.Sprint("dns://:", i)})
		all.Go(func() {
			for range each {
				o.ServeDNS(ctx, from("10.4.3.9"), new(dns.Msg).SetQuestion("www.concurrent.example.", dns.TypeA))
			}
		})
	}
	all.Wait()
	for i := range servers {
		if got := counted(fmt.Sprint("dns://:", i), "concurrent.example.", "", "subnet"); got != each {
			t.Errorf("server %d: %v responses, want %d", i, got, each)
		}
	}
}
