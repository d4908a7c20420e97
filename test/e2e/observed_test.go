package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/program"

	"github.com/miekg/dns"
)

// endpoint returns an address and a free port for a prometheus endpoint. It is another one each time:
// in one process, CoreDNS does not listen again for prometheus where it has listened before.
func endpoint(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", systemtest.FreePort(t))
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

// checkResponses checks that want has the samples of responses_total that have this zone and are not 0,
// one line each, without the metric's name.
func checkResponses(t *testing.T, endpoint, zone, want string) {
	t.Helper()
	got := samplesOf(t, endpoint, zone)
	wanted := strings.Split(strings.TrimSpace(want), "\n")
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wanted, "\n"))
	}
}

// checkGrowth runs do and checks by how much it makes each counter of a metric with one label grow;
// want has them by the value of the label. Servers of other tests have counted before.
func checkGrowth(t *testing.T, endpoint, metric string, want map[string]int, do func()) {
	t.Helper()
	values := func() map[string]int {
		all := map[string]int{}
		for _, sample := range scrape(t, endpoint, metric) {
			words := strings.FieldsFunc(sample, func(r rune) bool { return r == '"' })
			n, err := strconv.Atoi(strings.TrimPrefix(words[2], "} "))
			if err != nil {
				t.Fatal(err)
			}
			all[words[1]] = n
		}
		return all
	}
	before := values()
	do()
	for value, n := range values() {
		if n -= before[value]; n != want[value] {
			t.Errorf("%s of %s grew by %d, want %d", metric, value, n, want[value])
		}
		delete(want, value)
	}
	if len(want) > 0 {
		t.Errorf("%s has no %v", metric, want)
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
	row := func(near, view, zone string, n int) string {
		return fmt.Sprintf("{near=%q,server=\"dns://%s\",view=%q,zone=%q} %d\n", near, s.udpAddr(), view, zone+".", n)
	}
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
	checkResponses(t, at, origin, row("subnet", "corporate", origin, 3)+row("network", "corporate", origin, 2)+
		row("elsewhere", "corporate", origin, 1)+row("subnet", "", origin, 4)+row("sortlist", "", origin, 8)+
		row("elsewhere", "", origin, 6))
	checkResponses(t, at, "far."+origin, row("elsewhere", "", "far."+origin, 7))
}

func TestMetricsCountClientsWhoseLocationIsKnown(t *testing.T) {
	at, origin := endpoint(t), freshZone()
	path := zoneFileOf(t, origin, host("www", "10.1.0.1 10.2.0.1")+host("www.by", "10.1.0.1 10.2.0.1"))
	table := writeFile(t, "places.txt", "10.1.0.0/16 west/a\n10.2.0.0/16 east/b\n")
	s := start(t, origin+` {
		import clients
		prometheus `+at+`
		ordering {
			topology `+table+`
			ecs 10.1.0.53 192.0.2.53
		}
		ordering by.`+origin+`
		file `+path+`
	}`)
	checkGrowth(t, at, clientsTotal, map[string]int{"true": 5, "false": 5}, func() {
		for client, times := range map[string]int{"10.1.2.3": 2, "10.2.0.53": 1, "198.51.100.7": 4} {
			for range times {
				for _, name := range []string{"www.", "www.by.", "nobody."} {
					s.as(client).exchange(question(name+origin, dns.TypeA))
				}
			}
		}
		for _, q := range []struct{ resolver, client string }{
			{"10.1.0.53", "198.51.100.0/24"}, // the resolver's location counts
			{"192.0.2.53", "10.1.2.0/24"},
			{"192.0.2.53", "198.51.100.0/24"},
		} {
			m := question("www."+origin, dns.TypeA)
			m.SetEdns0(4096, false)
			m.IsEdns0().Option = []dns.EDNS0{subnet(q.client)}
			s.as(q.resolver).exchange(m)
		}
	})
	row := func(near string) string {
		return fmt.Sprintf("{near=%q,server=\"dns://%s\",view=\"\",zone=\"%s.\"} 5\n", near, s.udpAddr(), origin)
	}
	checkResponses(t, at, origin, row("shared2")+row("unknown"))
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
	exchange := func(source, name string, options ...dns.EDNS0) {
		m := question(name, dns.TypeA)
		m.SetEdns0(4096, false)
		m.IsEdns0().Option = options
		s.as(source).exchange(m)
	}
	const www, absent = "www.example.org", "nobody.example.org"
	checkGrowth(t, at, ecsTotal, map[string]int{"used": 2, "untrusted": 4, "malformed": 1}, func() {
		exchange("192.0.2.53", www)
		exchange("192.0.2.53", www, subnet("10.1.2.0/24"))
		exchange("192.0.2.53", absent, subnet("10.1.2.0/24")) // queries are counted, whatever the response
		exchange("192.0.2.53", www, rawSubnet(1, 0, 0))
		exchange("192.0.2.53", www, rawSubnet(1, 24, 24, 10, 1, 2))
		exchange("192.0.2.54", www)
		for range 4 {
			exchange("192.0.2.54", www, subnet("10.1.2.0/24"))
		}
	})
}

// A reload goes on counting, and one that fails changes nothing.
func TestMetricsAfterAReload(t *testing.T) {
	at, origin := endpoint(t), freshZone()
	path := zoneFileOf(t, origin, host("www", "10.9.8.1 192.0.2.1"))
	with := func(mask string) string {
		return origin + ` {
			import clients
			prometheus ` + at + `
			ordering {
				netmask ` + mask + `
			}
			file ` + path + `
		}`
	}
	s := start(t, with("/24"))
	check := func(n int) {
		t.Helper()
		s.as("10.9.8.7").answer("www." + origin)
		checkResponses(t, at, origin, fmt.Sprintf(`{near="subnet",server="dns://%s",view="",zone="%s."} %d`, s.udpAddr(), origin, n))
	}
	check(1)
	if err := s.restart(with("255.0.255.0")); err == nil {
		t.Fatal("the server takes a mask with holes")
	}
	check(2)
	if err := s.restart(with("/23")); err != nil {
		t.Fatal(err)
	}
	check(3)
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
			case <-time.After(program.Timeout):
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
			program.Eventually(t, line, func() bool { return len(serverLog.lines(line)) == 1 })
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
		program.Eventually(t, line, func() bool { return len(serverLog.lines(line)) == before+1 })
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
