package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/test/internal/server"

	"github.com/miekg/dns"
)

// endpoint returns an address and a free port for a prometheus endpoint.
func endpoint(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// metricsPage returns what a prometheus endpoint serves.
func metricsPage(t *testing.T, endpoint string) string {
	t.Helper()
	response, err := http.Get("http://" + endpoint + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// scrape returns the samples of a metric, one line each.
func scrape(t *testing.T, endpoint, metric string) (samples []string) {
	t.Helper()
	for line := range strings.Lines(metricsPage(t, endpoint)) {
		if strings.HasPrefix(line, metric+"{") {
			samples = append(samples, strings.TrimSpace(line))
		}
	}
	return samples
}

// checkSamples checks that the samples of a metric with a text in them are those in want, which has
// the labels and the value of one in each line.
func checkSamples(t *testing.T, endpoint, metric, text, want string) {
	t.Helper()
	var got []string
	for _, sample := range scrape(t, endpoint, metric) {
		if strings.Contains(sample, text) {
			got = append(got, strings.TrimPrefix(sample, metric))
		}
	}
	var wanted []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			wanted = append(wanted, line)
		}
	}
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		t.Errorf("%s: got\n%s\nwant\n%s", metric, strings.Join(got, "\n"), strings.Join(wanted, "\n"))
	}
}

const (
	responsesTotal = "coredns_ordering_responses_total"
	clientsTotal   = "coredns_ordering_clients_total"
	ecsTotal       = "coredns_ordering_ecs_total"
)

func TestMetricsCountResponsesByNear(t *testing.T) {
	at, origin := endpoint(t), freshZone()
	path := zoneFileOf(t, origin, host("www", "10.9.8.1 10.200.0.1 192.0.2.1")+host("far", "192.0.2.1")+"t TXT none\nmail MX 1 www\n")
	s := start(t, origin+` {
		import clients
		prometheus `+at+`
		view corporate {
			expr incidr(client_ip(), '10.0.0.0/8')
		}
		ordering
		file `+path+`
	}
	`+origin+` {
		bind 127.0.0.1
		prometheus `+at+`
		ordering `+origin+` {
			netmask /24 /16
			netmask6 /64
			sortlist 203.0.113.0/24 192.0.2.0/24
		}
		ordering far.`+origin+` {
			local_net_priority off
		}
		file `+path+`
	}`)
	const format = `{near="%s",server="dns://127.0.0.1:0",view="%s",zone="%s"} %d` + "\n"
	row := func(near, view, zone string, n int) string {
		return fmt.Sprintf(format, near, view, zone+origin+".", n)
	}
	checkSamples(t, at, responsesTotal, origin, row("subnet", "corporate", "", 0)+row("network", "corporate", "", 0)+
		row("elsewhere", "corporate", "", 0)+row("subnet", "", "", 0)+row("network", "", "", 0)+
		row("sortlist", "", "", 0)+row("elsewhere", "", "", 0)+row("elsewhere", "", "far.", 0))

	ask := func(client, name string, times int) {
		for range times {
			s.as(client).exchange(question(name+"."+origin, dns.TypeA))
		}
	}
	ask("10.9.8.7", "www", 3)
	ask("10.77.8.7", "www", 2)
	ask("10.9.8.7", "far", 1) // a single address
	ask("10.9.8.7", "nobody", 5)
	ask("10.9.8.7", "t", 5)
	s.as("10.9.8.7").exchange(question("mail."+origin, dns.TypeMX)) // the address is not in the answer
	ask("192.0.2.7", "www", 4)
	ask("203.0.113.7", "www", 8)
	ask("198.51.100.7", "www", 6)
	ask("192.0.2.7", "far", 7)
	checkSamples(t, at, responsesTotal, origin, row("subnet", "corporate", "", 3)+row("network", "corporate", "", 2)+
		row("elsewhere", "corporate", "", 1)+row("subnet", "", "", 4)+row("network", "", "", 0)+
		row("sortlist", "", "", 8)+row("elsewhere", "", "", 6)+row("elsewhere", "", "far.", 7))
	checkSamples(t, at, clientsTotal, "", "")
	checkSamples(t, at, ecsTotal, "", "")
}

func TestMetricsCountClientsWhoseLocationIsKnown(t *testing.T) {
	at := endpoint(t)
	path := zoneFile(t, host("www", "10.1.0.1 10.2.0.1")+host("www.by", "10.1.0.1 10.2.0.1"))
	table := writeFile(t, "places.txt", "10.1.0.0/16 west/a\n10.2.0.0/16 east/b\n")
	s := start(t, `example.org {
		import clients
		prometheus `+at+`
		ordering {
			topology `+table+`
			ecs 10.1.0.53 192.0.2.53
		}
		ordering by.example.org
		file `+path+`
	}`)
	checkSamples(t, at, clientsTotal, "", `{known="false"} 0
		{known="true"} 0`)
	for client, times := range map[string]int{"10.1.2.3": 2, "10.2.0.53": 1, "198.51.100.7": 4} {
		for range times {
			s.as(client).exchange(question("www.example.org", dns.TypeA))
			s.as(client).exchange(question("www.by.example.org", dns.TypeA))
			s.as(client).exchange(question("nobody.example.org", dns.TypeA))
		}
	}
	for _, q := range []struct{ resolver, client string }{
		{"10.1.0.53", "198.51.100.0/24"}, // the resolver's location counts
		{"192.0.2.53", "10.1.2.0/24"},
		{"192.0.2.53", "198.51.100.0/24"},
	} {
		m := question("www.example.org", dns.TypeA)
		m.SetEdns0(4096, false)
		m.IsEdns0().Option = []dns.EDNS0{subnet(q.client)}
		s.as(q.resolver).exchange(m)
	}
	checkSamples(t, at, clientsTotal, "", `{known="false"} 5
		{known="true"} 5`)
	checkSamples(t, at, responsesTotal, `zone="example.org."`, `
		{near="elsewhere",server="dns://127.0.0.1:0",view="",zone="example.org."} 0
		{near="network",server="dns://127.0.0.1:0",view="",zone="example.org."} 0
		{near="shared1",server="dns://127.0.0.1:0",view="",zone="example.org."} 0
		{near="shared2",server="dns://127.0.0.1:0",view="",zone="example.org."} 5
		{near="subnet",server="dns://127.0.0.1:0",view="",zone="example.org."} 0
		{near="unknown",server="dns://127.0.0.1:0",view="",zone="example.org."} 5`)
}

func TestMetricsCountClientSubnetOptions(t *testing.T) {
	at := endpoint(t)
	path := zoneFile(t, host("www", "10.1.0.1 10.2.0.1"))
	s := start(t, `example.org {
		import clients
		prometheus `+at+`
		ordering {
			ecs 192.0.2.53
		}
		file `+path+`
	}`)
	checkSamples(t, at, ecsTotal, "", `{result="malformed"} 0
		{result="untrusted"} 0
		{result="used"} 0`)
	exchange := func(source, name string, options ...dns.EDNS0) {
		m := question(name, dns.TypeA)
		m.SetEdns0(4096, false)
		m.IsEdns0().Option = options
		s.as(source).exchange(m)
	}
	const www, absent = "www.example.org", "nobody.example.org"
	exchange("192.0.2.53", www)
	exchange("192.0.2.53", www, subnet("10.1.2.0/24"))
	exchange("192.0.2.53", absent, subnet("10.1.2.0/24")) // queries are counted, whatever the response
	exchange("192.0.2.53", www, rawSubnet(1, 0, 0))
	exchange("192.0.2.53", www, rawSubnet(1, 24, 24, 10, 1, 2))
	exchange("192.0.2.54", www)
	for range 4 {
		exchange("192.0.2.54", www, subnet("10.1.2.0/24"))
	}
	checkSamples(t, at, ecsTotal, "", `{result="malformed"} 1
		{result="untrusted"} 4
		{result="used"} 2`)
}

// A server block can have several keys, which are zones at several servers.
func TestMetricsOfEveryKeyOfAServerBlock(t *testing.T) {
	at := endpoint(t)
	port, err := server.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	second := fmt.Sprintf("dns://127.0.0.1:%d", port)
	start(t, fmt.Sprintf(`key1.example key2.example:%d 12.10.in-addr.arpa {
		import clients
		prometheus %s
		ordering {
			local_net_priority off
		}
		ordering www.key1.example www.key2.example
		whoami
	}`, port, at))
	row := func(near, server, zone string) string {
		return fmt.Sprintf("{near=%q,server=%q,view=\"\",zone=%q} 0\n", near, server, zone)
	}
	want := ""
	for _, key := range []struct{ server, zone string }{{"dns://127.0.0.1:0", "key1.example."}, {second, "key2.example."}} {
		want += row("elsewhere", key.server, key.zone)
		for _, near := range []string{"elsewhere", "network", "subnet"} {
			want += row(near, key.server, "www."+key.zone)
		}
	}
	checkSamples(t, at, responsesTotal, "key", want)
	checkSamples(t, at, responsesTotal, "in-addr", row("elsewhere", "dns://127.0.0.1:0", "12.10.in-addr.arpa."))
}

// A reload goes on counting, and leaves nothing of what the Corefile no longer has. A reload that
// fails changes nothing.
func TestMetricsAfterAReload(t *testing.T) {
	at := endpoint(t)
	path := zoneFile(t, host("www", "10.9.8.1 192.0.2.1"))
	table := writeFile(t, "places.txt", "10.9.0.0/16 west\n")
	with := func(properties, more string) string {
		return `example.org {
			import clients
			prometheus ` + at + `
			ordering {
				` + properties + `
			}
			` + more + `
			file ` + path + `
		}`
	}
	ask := func(s *testServer) { s.as("10.9.8.7").answer("www.example.org") }
	series := func(near, zone string, n int) string {
		return fmt.Sprintf(`{near="%s",server="dns://127.0.0.1:0",view="",zone="%s"} %d`+"\n", near, zone, n)
	}
	first := series("elsewhere", "example.org.", 0) + series("network", "example.org.", 0)

	s := start(t, with("topology "+table+"\necs 192.0.2.53", "ordering www.example.org\nordering old.example.org {\nlocal_net_priority off\n}"))
	ask(s)
	ask(s)
	www := series("elsewhere", "www.example.org.", 0) + series("network", "www.example.org.", 0) + series("subnet", "www.example.org.", 2)
	before := first + series("shared1", "example.org.", 0) + series("subnet", "example.org.", 0) + series("unknown", "example.org.", 0) +
		series("elsewhere", "old.example.org.", 0) + www
	checkSamples(t, at, responsesTotal, "example.org.", before)
	checkSamples(t, at, clientsTotal, "", "{known=\"false\"} 0\n{known=\"true\"} 0")

	if err := s.restart(with("netmask 255.0.255.0", "")); err == nil {
		t.Fatal("the server takes a mask with holes")
	}
	checkSamples(t, at, responsesTotal, "example.org.", before)

	if err := s.restart(with("netmask6 /64", "ordering www.example.org")); err != nil {
		t.Fatal(err)
	}
	ask(s)
	checkSamples(t, at, responsesTotal, "example.org.",
		first+series("subnet", "example.org.", 0)+strings.Replace(www, "} 2", "} 3", 1))
	checkSamples(t, at, clientsTotal, "", "")
	checkSamples(t, at, ecsTotal, "", "")

	if err := s.restart("example.org {\nimport clients\nprometheus " + at + "\nfile " + path + "\n}"); err != nil {
		t.Fatal(err)
	}
	checkSamples(t, at, responsesTotal, "example.org.", "")
}

// promtool knows the conventions for names, units, types and help texts.
func TestPromtoolFindsNothingInTheMetrics(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skipf("the metrics are not checked: %v", err)
	}
	at := endpoint(t)
	path := zoneFile(t, host("www", "10.1.0.1 10.2.0.1"))
	table := writeFile(t, "places.txt", "10.1.0.0/16 west/a\n")
	s := start(t, `example.org {
		import clients
		prometheus `+at+`
		ordering {
			topology `+table+`
			ecs 192.0.2.53
		}
		file `+path+`
	}`)
	s.as("10.1.0.9").answer("www.example.org")
	page := metricsPage(t, at)
	for _, metric := range []string{
		responsesTotal, clientsTotal, ecsTotal, "coredns_ordering_topology_entries", "coredns_ordering_topology_ready",
		"coredns_ordering_topology_last_sync_timestamp_seconds", "coredns_ordering_topology_failures_total",
	} {
		if !strings.Contains(page, "\n"+metric+"{") {
			t.Errorf("%s is not on the page", metric)
		}
	}
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(page)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTraceHasASpanForThePluginBelow checks that the trace plugin reports a span for each plugin of
// the chain, including the one below ordering.
func TestTraceHasASpanForThePluginBelow(t *testing.T) {
	spans := make(chan string, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var sent []struct{ Name string }
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		for _, span := range sent {
			spans <- span.Name
		}
	}))
	t.Cleanup(collector.Close)

	path := zoneFileOf(t, "example.org", host("www", "192.0.2.1 10.9.8.1"))
	s := start(t, `example.org {
		import clients
		trace `+collector.URL+`/api/v2/spans {
			zipkin_max_batch_size 1
		}
		ordering
		file `+path+`
	}`)
	if got := s.as("10.9.8.7").answer("www.example.org"); got != "10.9.8.1 192.0.2.1" {
		t.Errorf("%s", got)
	}
	var seen []string
	for _, name := range []string{"file", "ordering", "servedns"} {
		for !slices.Contains(seen, name) {
			select {
			case span := <-spans:
				seen = append(seen, span)
			case <-time.After(timeout):
				t.Fatalf("no span for %s, only for %q", name, seen)
			}
		}
	}
}

func TestMetadataInALogLine(t *testing.T) {
	zone := freshZone()
	path := zoneFileOf(t, zone, host("www", "192.0.2.1 10.200.0.1 10.9.8.1 2001:db8::1")+
		host("www.by", "192.0.2.1 10.200.0.1"))
	table := writeFile(t, "places.txt", "10.9.0.0/16 west/a\n10.200.0.0/16 west/b\n192.0.2.0/24 east/c\n")
	s := start(t, zone+` {
		import clients
		metadata
		log . "seen {name} {type} client={/ordering/client} first={/ordering/first} near={/ordering/near} reason={/ordering/reason} rule={/ordering/rule}."
		ordering {
			ecs 198.51.100.53
			sortlist 203.0.113.8 10.200.0.0/16
		}
		ordering by.`+zone+` {
			topology `+table+`
		}
		file `+path+`
	}`)
	const line = 12 // of ordering, with the seven lines of the snippet clients before the server block
	rule := fmt.Sprintf("rule=Corefile:%d ordering, zone %s..\n", line, zone)
	byPlace := fmt.Sprintf("rule=Corefile:%d ordering, zone by.%s..\n", line+4, zone)
	nobody := " first= near= reason= " + rule
	tests := []struct {
		name, client, qname string
		qtype               uint16
		subnet, want        string
	}{
		{"subnet", "10.9.8.7", "www", dns.TypeA, "", "client=10.9.8.7 first=10.9.8.1 near=subnet reason=subnet 10.9.8.0/24 " + rule},
		{"network", "10.77.0.7", "www", dns.TypeA, "",
			"client=10.77.0.7 first=10.200.0.1 near=network reason=network 10.0.0.0/8 " + rule},
		{"elsewhere, class C", "203.0.113.7", "www", dns.TypeA, "",
			"client=203.0.113.7 first=192.0.2.1 near=elsewhere reason=elsewhere " + rule},
		{"sort list", "203.0.113.8", "www", dns.TypeA, "",
			"client=203.0.113.8 first=10.200.0.1 near=sortlist reason=sortlist line 14 word 1 " + rule},
		{"IPv6", "2001:db8::7", "www", dns.TypeAAAA, "",
			"client=2001:db8::7 first=2001:db8::1 near=subnet reason=subnet 2001:db8::/64 " + rule},
		{"no address", "10.9.8.8", "www", dns.TypeTXT, "", "client=10.9.8.8" + nobody},
		{"no name", "10.9.8.9", "nobody", dns.TypeA, "", "client=10.9.8.9" + nobody},
		{"ECS", "198.51.100.53", "www", dns.TypeA, "10.9.8.0/24",
			"client=10.9.8.0 first=10.9.8.1 near=subnet reason=subnet 10.9.8.0/24 " + rule},
		{"one zone", "10.200.9.9", "www.by", dns.TypeA, "",
			"client=10.200.9.9 first=10.200.0.1 near=shared2 reason=shared2 west/b " + byPlace},
		{"another zone", "192.0.2.9", "www.by", dns.TypeA, "",
			"client=192.0.2.9 first=192.0.2.1 near=shared2 reason=shared2 east/c " + byPlace},
		{"no location", "203.0.113.9", "www.by", dns.TypeA, "",
			"client=203.0.113.9 first=192.0.2.1 near=unknown reason=unknown: location of the client unknown " + byPlace},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := question(test.qname+"."+zone, test.qtype)
			if test.subnet != "" {
				q.SetEdns0(4096, false)
				q.IsEdns0().Option = []dns.EDNS0{subnet(test.subnet)}
			}
			line := "seen " + test.qname + "." + zone + ". " + dns.TypeToString[test.qtype] + " " + test.want
			s.as(test.client).exchange(q)
			eventually(t, line, func() bool { return len(serverLog.lines(line)) == 1 })
		})
	}
}

// CoreDNS asks only one handler of a server block for metadata. Every zone of the block must have
// it.
func TestMetadataInEveryZoneOfAServerBlock(t *testing.T) {
	origins := []string{"log1.example", "log2.example", "log3.example"}
	var files strings.Builder
	for _, origin := range origins {
		files.WriteString("file " + zoneFileOf(t, origin, host("www", "192.0.2.1 10.9.8.1")) + " " + origin + "\n")
	}
	s := start(t, strings.Join(origins, " ")+` {
		import clients
		metadata
		log . "zones {name} {/ordering/client} {/ordering/near} {/ordering/first}"
		ordering
		`+files.String()+`
	}`)
	for _, origin := range origins {
		line := "zones www." + origin + ". 10.9.8.7 subnet 10.9.8.1\n"
		before := len(serverLog.lines(line))
		s.as("10.9.8.7").answer("www." + origin)
		eventually(t, line, func() bool { return len(serverLog.lines(line)) == before+1 })
	}
}

// Server blocks with views may share zone, port and metrics. Each counts under the name of its view.
func TestEveryViewIsCountedUnderItsName(t *testing.T) {
	at, zone, second := endpoint(t), freshZone(), freshZone()
	paths := "file " + zoneFileOf(t, zone, host("www", "10.9.8.1 192.0.2.1")) + " " + zone + "\n" +
		"file " + zoneFileOf(t, second, host("www", "10.9.8.1 192.0.2.1")) + " " + second + "\n"
	var corefile strings.Builder
	for name, network := range map[string]string{"one": "10.9.0.0/16", "two": "172.16.0.0/16", "three": "192.0.2.0/24"} {
		corefile.WriteString(zone + " " + second + " {\n import clients\n prometheus " + at + "\n view " + name +
			" {\n expr incidr(client_ip(), '" + network + "')\n }\n ordering\n " + paths + "}\n")
	}
	corefile.WriteString(zone + " " + second + " {\n import clients\n prometheus " + at + "\n ordering\n " + paths + "}\n")
	s := start(t, corefile.String())
	want := map[string]int{"one": 1, "two": 2, "three": 3, "": 4}
	for view, client := range map[string]string{
		"one": "10.9.8.7", "two": "172.16.1.7", "three": "192.0.2.7", "": "203.0.113.7",
	} {
		for range want[view] {
			s.as(client).answer("www." + zone)
			s.as(client).answer("www." + second)
		}
	}
	for _, zone := range []string{zone, second} {
		samples := samplesOf(t, at, zone)
		if len(samples) != len(want) {
			t.Errorf("got %d samples, want %d: %q", len(samples), len(want), samples)
		}
		for view, n := range want {
			if !slices.ContainsFunc(samples, func(sample string) bool {
				return strings.Contains(sample, `view="`+view+`"`) && strings.HasSuffix(sample, " "+strconv.Itoa(n))
			}) {
				t.Errorf("no sample of %d for view %q in %q", n, view, samples)
			}
		}
	}
}
