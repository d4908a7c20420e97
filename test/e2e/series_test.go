package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/program"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
)

// A clientHabit is a list of questions that a client asks one after the other, again and again. Each
// returns the addresses of the same host. If they spent the turns of each other, each of them would
// always get the same address first.
type clientHabit []struct {
	name string
	ask  func() string
}

// expectEven expects each address to come first equally often in the answers to each question.
func (h clientHabit) expectEven(t *testing.T, addresses string) {
	t.Helper()
	const cycles = 10
	firsts := make([]tally, len(h))
	for range cycles * len(strings.Fields(addresses)) {
		for i, question := range h {
			if firsts[i] == nil {
				firsts[i] = tally{}
			}
			firsts[i][first(question.ask())]++
		}
	}
	for i, question := range h {
		t.Run(question.name, func(t *testing.T) { firsts[i].expectEven(t, addresses, cycles) })
	}
}

// Who asks for MX or SRV gets the addresses of the target too, and asks for them all the same.
func TestAdditionalSectionHasSeparateTurns(t *testing.T) {
	const near, near6 = "10.9.8.1 10.9.8.2", "2001:db8::1 2001:db8::2"
	for _, below := range []string{"", "cache\n"} {
		t.Run(strings.TrimSpace("over "+below), func(t *testing.T) {
			zone := freshZone()
			s := start(t, zone+" {\n import clients\n ordering\n "+below+"file "+
				zoneFileOf(t, zone, "@ MX 10 host\n_http._tcp SRV 10 5 80 host\n"+host("host", near+" "+near6))+"\n}")
			c := s.as("10.9.8.7")
			extra := func(name string, qtype uint16) string { return addresses(c.ask(name, qtype).Extra) }
			clientHabit{
				{"MX", func() string { return extra(zone, dns.TypeMX) }},
				{"A", func() string { return c.answer("host." + zone) }},
			}.expectEven(t, near)
			clientHabit{
				{"SRV", func() string { return extra("_http._tcp."+zone, dns.TypeSRV) }},
				{"A", func() string { return c.answer("host." + zone) }},
			}.expectEven(t, near)
			extra6 := func() string {
				section := c.ask("_http._tcp."+zone, dns.TypeSRV).Extra
				return strings.TrimPrefix(addresses(section[len(section)-2:]), " ")
			}
			clientHabit{
				{"SRV with AAAA", extra6},
				{"AAAA", func() string { return c.answer6("host." + zone) }},
			}.expectEven(t, near6)
		})
	}
}

// An answer that does not fit into a datagram is asked for again over TCP.
func TestTruncatedAnswersHaveSeparateTurns(t *testing.T) {
	const near = "10.9.8.1 10.9.8.2"
	var far []string
	for i := range 100 {
		far = append(far, fmt.Sprintf("192.0.2.%d", i))
	}
	zone := freshZone()
	s := start(t, zone+" {\n import clients\n ordering\n file "+
		zoneFileOf(t, zone, host("www", strings.Join(far, " ")+" "+near))+"\n}")
	c := s.as("10.9.8.7")
	clientHabit{
		{"UDP", func() string {
			r := c.exchange(question("www."+zone, dns.TypeA))
			if !r.Truncated {
				t.Fatalf("not truncated:\n%v", r)
			}
			return addresses(r.Answer)
		}},
		{"TCP", func() string { return addresses(c.exchangeTCP(question("www."+zone, dns.TypeA)).Answer) }},
	}.expectEven(t, near)
}

// Every transport but UDP is a stream: its queries do not spend the turns of datagrams.
func TestStreamsHaveSeparateTurns(t *testing.T) {
	const both = "192.0.2.1 192.0.2.2"
	zone := freshZone()
	certificate, key, trusted := certify(t)
	at := map[string]string{}
	var keys strings.Builder
	for _, transport := range []string{"dns", "tls", "https", "grpc", "quic"} {
		port := systemtest.FreePort(t)
		at[transport] = fmt.Sprintf("127.0.0.1:%d", port)
		fmt.Fprintf(&keys, "%s://%s:%d ", transport, zone, port)
	}
	// Without a zone, file would have the zone once for each key, and hang when it ends.
	start(t, keys.String()+"{\n bind 127.0.0.1\n tls "+certificate+" "+key+"\n ordering\n file "+
		zoneFileOf(t, zone, host("www", both))+" "+zone+"\n}")

	query := question("www."+zone, dns.TypeA)
	exchange := func(network, addr string) string {
		c := &dns.Client{Net: network, Timeout: program.Timeout, TLSConfig: trusted}
		r, _, err := c.Exchange(query.Copy(), addr)
		if err != nil {
			t.Fatal(err)
		}
		return addresses(r.Answer)
	}
	udp := func() string { return exchange("udp", at["dns"]) }

	viaGRPC := start(t, zone+" {\n bind 127.0.0.1\n grpc . "+at["grpc"]+" {\n tls "+certificate+
		"\n tls_servername example.org\n }\n}")
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: trusted, ForceAttemptHTTP2: true}}
	defer web.CloseIdleConnections()

	for _, stream := range []struct {
		name string
		ask  func() string
	}{
		{"TCP", func() string { return exchange("tcp", at["dns"]) }},
		{"TLS", func() string { return exchange("tcp-tls", at["tls"]) }},
		{"HTTPS", func() string { return overHTTPS(t, web, at["https"], query) }},
		{"gRPC", func() string { return exchange("udp", viaGRPC.udpAddr()) }},
		{"QUIC", func() string { return overQUIC(t, trusted, at["quic"], query) }},
	} {
		clientHabit{{"UDP and " + stream.name, udp}, stream}.expectEven(t, both)
	}
}

// overHTTPS asks over DNS over HTTPS and returns the addresses in the answer.
func overHTTPS(t *testing.T, client *http.Client, addr string, query *dns.Msg) string {
	t.Helper()
	response, err := client.Post("https://"+addr+"/dns-query", "application/dns-message", bytes.NewReader(wire(t, query)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return addresses(parse(t, query, body).Answer)
}

// overQUIC asks over DNS over QUIC (RFC 9250) and returns the addresses in the answer.
func overQUIC(t *testing.T, config *tls.Config, addr string, query *dns.Msg) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), program.Timeout)
	defer cancel()
	config = config.Clone()
	config.NextProtos = []string{"doq"}
	conn, err := quic.DialAddr(ctx, addr, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseWithError(0, "")
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		t.Fatal(err)
	}
	query = query.Copy()
	query.Id = 0 // RFC 9250, section 4.2.1
	packed := wire(t, query)
	if _, err := stream.Write(append([]byte{byte(len(packed) >> 8), byte(len(packed))}, packed...)); err != nil {
		t.Fatal(err)
	}
	stream.Close()
	response, err := io.ReadAll(stream)
	if err != nil || len(response) < 2 {
		t.Fatalf("%d bytes, %v", len(response), err)
	}
	return addresses(parse(t, query, response[2:]).Answer)
}

// A restart, which is what a reload does, goes on counting.
func TestTurnsGoOnAfterARestart(t *testing.T) {
	const near = "10.9.8.1 10.9.8.2 10.9.8.3"
	zone := freshZone()
	corefile := zone + " {\n import clients\n ordering\n file " + zoneFileOf(t, zone, host("www", near)) + "\n}"
	s := start(t, corefile)
	for turn := range 12 {
		if turn%4 == 2 { // not after a full cycle
			if err := s.restart(strings.Replace(corefile, "ordering", strings.Repeat("\n", turn)+"ordering", 1)); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := s.as("10.9.8.7").answer("www."+zone), rotated(near, turn); got != want {
			t.Errorf("answer %d is %s, want %s", turn, got, want)
		}
	}
}
