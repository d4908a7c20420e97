package monitoring

import (
	"flag"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var drawPicture = flag.Bool("picture", false, "draw the picture of the dashboard, which takes three minutes")

// The picture shows real data: a server is asked for two and a half minutes, a Prometheus scrapes it,
// and the queries of the dashboard are drawn. Meanwhile things go wrong:
//
//	go test -C test/monitoring -run TestPicture -picture
func TestPicture(t *testing.T) {
	if !*drawPicture {
		t.Skip("runs with -picture only")
	}
	s := startServer(t, pictured)
	p := startPrometheus(t, s)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		pictureClients(s, stop)
	}()
	time.Sleep(15 * time.Second) // until there are rates
	begin := time.Now()
	for _, event := range pictureEvents {
		time.Sleep(time.Until(begin.Add(event.after)))
		t.Log(event.after, event.what)
		for name, text := range event.files {
			s.write(t, name, text)
		}
	}
	end := time.Now()
	close(stop)
	<-done

	d := readDashboard(t)
	var tiles []tile
	for _, panel := range d.Panels {
		drawn := tile{panel: panel, begin: begin, end: end}
		for _, q := range panel.Targets {
			r, err := p.queryRange(d.substitute(t, q.Expr), begin, end)
			if err != nil {
				t.Fatal(err)
			}
			drawn.results = append(drawn.results, r)
		}
		tiles = append(tiles, drawn)
	}
	if err := os.WriteFile(filepath.Join(root, "deploy/grafana/ordering.svg"), svg(tiles), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A timeSeries is a series of the result of a query, with a point for each second.
type timeSeries struct {
	labels map[string]string
	times  []float64 // Unix time
	values []float64
}

// last returns the last value.
func (s timeSeries) last() float64 { return s.values[len(s.values)-1] }

// queryRange returns the result of a query for each second of a time.
func (p prometheus) queryRange(query string, begin, end time.Time) (all []timeSeries, err error) {
	var data struct {
		Result []struct {
			Metric map[string]string
			Values [][2]any
		}
	}
	unix := func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
	err = p.api("query_range", url.Values{"query": {query}, "start": {unix(begin)}, "end": {unix(end)}, "step": {"1"}}, &data)
	for _, series := range data.Result {
		s := timeSeries{labels: series.Metric}
		for _, v := range series.Values {
			value, err := strconv.ParseFloat(v[1].(string), 64)
			if err != nil {
				return nil, err
			}
			if !math.IsNaN(value) {
				s.times, s.values = append(s.times, v[0].(float64)), append(s.values, value)
			}
		}
		if len(s.values) > 0 {
			all = append(all, s)
		}
	}
	return all, err
}

// pictureZone returns a zone file. The server reads it again when the serial is a new one.
func pictureZone(serial int, addresses string) string {
	var zone strings.Builder
	zone.WriteString("@ 60 SOA ns hostmaster " + strconv.Itoa(serial) + " 3600 600 86400 60\n@ 60 NS ns\n")
	for _, address := range strings.Fields(addresses) {
		zone.WriteString("www 60 A " + address + "\n")
	}
	return zone.String()
}

const (
	westOne   = "10.1.0.0/16 west/w1\n"
	westTwo   = "10.2.0.0/16 west/w2\n"
	east      = "172.16.0.0/12 east/e1\n"
	addresses = "10.1.0.9 10.2.0.9 172.20.0.9"
)

var pictured = map[string]string{
	"Corefile": `places.example:DNSPORT {
    bind 127.0.0.1
    reload 2s 1s
    prometheus METRICS
    ordering {
        topology places.txt
        ecs 127.0.0.1
    }
    file places places.example {
        reload 1s
    }
}
office.example:DNSPORT {
    bind 127.0.0.1
    prometheus METRICS
    view lan {
        expr incidr(client_ip(), '127.0.0.0/8')
    }
    ordering {
        sortlist 192.168.9.0/24 192.168.7.0/24
        ecs 127.0.0.1
    }
    file office office.example
}
`,
	"places.txt": westOne + westTwo + east,
	"places":     pictureZone(1, addresses),
	"office":     pictureZone(1, "192.168.1.9 192.168.2.9 192.168.7.9 192.0.2.9"),
}

var pictureEvents = []struct {
	after time.Duration
	what  string
	files map[string]string
}{
	{30 * time.Second, "the addresses in west/w1 are gone", map[string]string{"places": pictureZone(2, "10.2.0.9 172.20.0.9")}},
	{55 * time.Second, "they are back", map[string]string{"places": pictureZone(3, addresses)}},
	{75 * time.Second, "the topology file has no line for east/e1", map[string]string{"places.txt": westOne + westTwo}},
	{100 * time.Second, "the topology file is wrong", map[string]string{"places.txt": westOne + westTwo + "172.16.0.0\n"}},
	{125 * time.Second, "the Corefile is wrong", map[string]string{"Corefile": "places.example {\n ordering {\n netmask 255.0.255.0\n }\n}\n"}},
	{150 * time.Second, "the end", nil},
}

// pictureClients asks for clients in many places until stop is closed, about 150 times a second.
func pictureClients(s server, stop <-chan struct{}) {
	clients := []struct{ zone, address string }{
		{"places.example.", "10.1.0.7"}, {"places.example.", "10.1.0.7"}, {"places.example.", "10.2.0.7"},
		{"places.example.", "172.16.0.7"}, {"office.example.", "192.168.1.7"}, {"office.example.", "192.168.1.7"},
		{"office.example.", "192.168.9.7"}, {"office.example.", "198.51.100.7"},
	}
	for turn := 0.0; ; turn++ {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration((6 + 2*math.Sin(turn/1500)) * float64(time.Millisecond))):
		}
		c := clients[rand.IntN(len(clients))]
		switch q := query(c.zone, c.address); rand.IntN(20) {
		case 0, 1, 2:
			q.Question[0].Qtype = dns.TypeTXT // no address
			s.exchange(q, "127.0.0.1")
		case 3:
			s.exchange(q, "127.0.0.2") // not trusted
		default:
			s.exchange(q, "127.0.0.1")
		}
	}
}
