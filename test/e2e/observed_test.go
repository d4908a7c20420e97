package e2e

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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

// scrape returns the samples of a metric, one line each.
func scrape(t *testing.T, endpoint, metric string) (samples []string) {
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
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, metric+"{") {
			samples = append(samples, strings.TrimSpace(line))
		}
	}
	return samples
}

// Counters keep their values between tests, so this one uses a zone of its own.
func TestMetricsCountResponsesByTier(t *testing.T) {
	at, origin := endpoint(t), freshZone()
	path := zoneFileOf(t, origin, host("www", "10.9.8.1 10.200.0.1 192.0.2.1")+host("far", "192.0.2.1")+"t TXT none\n")
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
		}
		ordering far.`+origin+`
		file `+path+`
	}`)
	ask := func(client, name string, times int) {
		for range times {
			s.as(client).exchange(question(name+"."+origin, dns.TypeA))
		}
	}
	ask("10.9.8.7", "www", 3)
	ask("10.77.8.7", "www", 2)
	ask("10.9.8.7", "far", 1)
	ask("10.9.8.7", "nobody", 5)
	ask("10.9.8.7", "t", 5)
	ask("192.0.2.7", "www", 4)
	ask("198.51.100.7", "www", 6)
	ask("192.0.2.7", "far", 7)

	var got []string
	for _, sample := range scrape(t, at, "coredns_ordering_responses_total") {
		if strings.Contains(sample, origin) {
			got = append(got, sample)
		}
	}
	const metric = `coredns_ordering_responses_total{server="dns://127.0.0.1:0",`
	want := []string{
		metric + `tier="0",view="",zone="far.` + origin + `."} 7`,
		metric + `tier="0",view="",zone="` + origin + `."} 4`,
		metric + `tier="0",view="corporate",zone="` + origin + `."} 3`,
		metric + `tier="1",view="corporate",zone="` + origin + `."} 2`,
		metric + `tier="2",view="corporate",zone="` + origin + `."} 1`,
		metric + `tier="2",view="",zone="` + origin + `."} 6`,
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
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
	path := zoneFileOf(t, zone, host("www", "192.0.2.1 10.200.0.1 10.9.8.1 2001:db8::1"))
	s := start(t, zone+` {
		import clients
		metadata
		log . "seen {name} {type} client={/ordering/client} tier={/ordering/tier} first={/ordering/first}"
		ordering {
			ecs 198.51.100.53
		}
		file `+path+`
	}`)
	tests := []struct {
		name, client, qname string
		qtype               uint16
		subnet, want        string
	}{
		{"subnet", "10.9.8.7", "www", dns.TypeA, "", "client=10.9.8.7 tier=0 first=10.9.8.1"},
		{"network", "10.77.0.7", "www", dns.TypeA, "", "client=10.77.0.7 tier=1 first=10.200.0.1"},
		{"elsewhere, class C", "203.0.113.7", "www", dns.TypeA, "", "client=203.0.113.7 tier=1 first=192.0.2.1"},
		{"IPv6", "2001:db8::7", "www", dns.TypeAAAA, "", "client=2001:db8::7 tier=0 first=2001:db8::1"},
		{"no address", "10.9.8.8", "www", dns.TypeTXT, "", "client=10.9.8.8 tier= first=\n"},
		{"no name", "10.9.8.9", "nobody", dns.TypeA, "", "client=10.9.8.9 tier= first=\n"},
		{"ECS", "198.51.100.53", "www", dns.TypeA, "10.9.8.0/24", "client=10.9.8.0 tier=0 first=10.9.8.1"},
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
		log . "zones {name} {/ordering/client} {/ordering/tier} {/ordering/first}"
		ordering
		`+files.String()+`
	}`)
	for _, origin := range origins {
		line := "zones www." + origin + ". 10.9.8.7 0 10.9.8.1\n"
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
