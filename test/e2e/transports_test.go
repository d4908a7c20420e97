package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/coredns-ordering/ordering/internal/keytest"
	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/program"

	"github.com/miekg/dns"
)

const (
	mixedAddresses   = "192.0.2.1 10.9.8.1 192.0.2.2 10.9.8.2"
	orderedAddresses = "10.9.8.1 10.9.8.2 192.0.2.1 192.0.2.2"
)

// encrypted starts a server with a certificate for example.org. It returns the server and a client
// configuration that trusts the certificate.
func encrypted(t *testing.T, transport string) (*testServer, *tls.Config) {
	t.Helper()
	certificate, key, trusted := certify(t)
	port := systemtest.FreePort(t)
	s := start(t, fmt.Sprintf("%s://example.org:%d {\n import clients\n tls %s %s\n ordering {\n round_robin off\n }\n file %s\n}",
		transport, port, certificate, key, zoneFile(t, host("www", mixedAddresses))))
	return s, trusted
}

// certify makes a certificate for example.org. It returns the paths of the certificate and its key,
// and a client configuration that trusts it.
func certify(t *testing.T) (certificatePath, keyPath string, client *tls.Config) {
	t.Helper()
	dir := t.TempDir()
	client = keytest.Certificate(t, dir, "example.org")
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), client
}

func TestDNSOverTLS(t *testing.T) {
	s, config := encrypted(t, "tls")
	stream := tls.Client(s.as("10.9.8.7").dial(s.tcpAddr()), config)
	for range 3 { // several queries over one connection
		if got := addresses(exchangeOver(t, stream, question("www.example.org", dns.TypeA)).Answer); got != orderedAddresses {
			t.Errorf("got  %s\nwant %s", got, orderedAddresses)
		}
	}
}

func TestDNSOverHTTPS(t *testing.T) {
	s, config := encrypted(t, "https")
	c := s.as("10.9.8.7")
	web := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   config,
		ForceAttemptHTTP2: true,
		DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
			return c.dial(addr), nil
		},
	}}
	defer web.CloseIdleConnections()
	query := wire(t, question("www.example.org", dns.TypeA))
	for range 3 {
		response, err := web.Post("https://"+s.tcpAddr()+"/dns-query", "application/dns-message", bytes.NewReader(query))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s, %v", response.Status, err)
		}
		r := new(dns.Msg)
		if err := r.Unpack(body); err != nil {
			t.Fatal(err)
		}
		if got := addresses(r.Answer); got != orderedAddresses {
			t.Errorf("got  %s\nwant %s", got, orderedAddresses)
		}
	}
}

// Without a PROXY header, the source of the packet is the client.
func TestSourceOfThePacketIsTheClient(t *testing.T) {
	systemtest.SkipUnlessLocal(t, "127.0.2.1")
	s := start(t, "example.org {\n bind 127.0.0.1\n ordering {\n round_robin off\n }\n file "+
		zoneFile(t, host("www", "192.0.2.1 127.0.2.10 127.0.1.10"))+"\n}")
	for source, want := range map[string]string{
		"127.0.1.1": "127.0.1.10 127.0.2.10 192.0.2.1",
		"127.0.2.1": "127.0.2.10 127.0.1.10 192.0.2.1",
	} {
		udp := &dns.Client{Net: "udp", Timeout: program.Timeout,
			Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(source)}}}
		tcp := &dns.Client{Net: "tcp", Timeout: program.Timeout,
			Dialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}}
		for c, addr := range map[*dns.Client]string{udp: s.udpAddr(), tcp: s.tcpAddr()} {
			r, _, err := c.Exchange(question("www.example.org", dns.TypeA), addr)
			if err != nil {
				t.Fatal(err)
			}
			if got := addresses(r.Answer); got != want {
				t.Errorf("%s from %s: got %s, want %s", c.Net, source, got, want)
			}
		}
	}
}

// A PROXY header from a source that proxyproto does not allow is ignored.
func TestUntrustedProxyHeadersAreIgnored(t *testing.T) {
	s := start(t, `example.org {
		bind 127.0.0.1
		proxyproto {
			allow 192.0.2.0/24
		}
		ordering {
			round_robin off
		}
		file `+zoneFile(t, host("www", "10.9.8.1 127.0.0.10"))+`
	}`)
	if got, want := s.as("10.9.8.7").answer("www.example.org"), "127.0.0.10 10.9.8.1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
