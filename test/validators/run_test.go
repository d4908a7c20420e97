package validators

import (
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/test/internal/program"
	"github.com/coredns-ordering/ordering/test/internal/server"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
)

func TestMain(m *testing.M) {
	clog.SetOutput(&serverLog)
	log.SetOutput(&serverLog)
	os.Exit(m.Run())
}

// serverLog collects what the servers under test log.
var serverLog program.Transcript

// newRandom returns a source of randomness with a new seed, or with the seed in
// ORDERING_VALIDATORS_SEED.
func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	return program.Random(t, "ORDERING_VALIDATORS_SEED")
}

// rounds returns how often a test repeats its questions: three times, or ORDERING_VALIDATORS_ROUNDS.
func rounds(t *testing.T) int {
	t.Helper()
	s := os.Getenv("ORDERING_VALIDATORS_ROUNDS")
	if s == "" {
		return 3
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 2 {
		t.Fatalf("ORDERING_VALIDATORS_ROUNDS: %q is not a number of at least 2", s)
	}
	return n
}

// ownAddress is an address of 127.64.0.0/10 that no other process uses: it contains the number of
// this process, which has at most 22 bits on Linux.
var ownAddress = func() netip.Addr {
	pid := os.Getpid()
	return netip.AddrFrom4([4]byte{127, byte(64 | pid>>16&63), byte(pid >> 8), byte(pid)})
}()

var lastPort atomic.Uint32

// freeAddress returns ownAddress with a port that is free for UDP and TCP. No other test can take
// it before it is used.
func freeAddress(t *testing.T) netip.AddrPort {
	t.Helper()
	for range 1000 {
		// Ports below 32768 are not given to sockets that ask for any port.
		addr := netip.AddrPortFrom(ownAddress, uint16(20000+lastPort.Add(1)))
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
		if err != nil {
			continue
		}
		udp.Close()
		if tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr)); err == nil {
			tcp.Close()
			return addr
		}
	}
	t.Fatalf("no free port on %v", ownAddress)
	return netip.AddrPort{}
}

// startServer starts a CoreDNS server with one server block for example.org at addr. body is what
// is in the block.
func startServer(t *testing.T, addr netip.AddrPort, body string) {
	t.Helper()
	corefile := fmt.Sprintf("example.org:%d {\nbind %v\n%s\n}\n", addr.Port(), addr.Addr(), body)
	if _, err := server.Start(t, "Corefile", corefile); err != nil {
		t.Fatalf("%v\nin\n%s", err, corefile)
	}
}

// hasZone reports whether a server answers a query for the SOA record of example.org with NOERROR.
func hasZone(addr netip.AddrPort) bool {
	c := &dns.Client{Timeout: time.Second}
	r, _, err := c.Exchange(new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA), addr.String())
	return err == nil && r.Rcode == dns.RcodeSuccess
}

// exchange sends m to addr over UDP, from the address client, and returns the response. It uses TCP
// if that is truncated.
func exchange(t *testing.T, client netip.Addr, addr netip.AddrPort, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := &dns.Client{
		Timeout: program.Timeout,
		Dialer:  &net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(client, 0))},
	}
	r, _, err := c.Exchange(m, addr.String())
	if err == nil && r.Truncated {
		c.Net, c.Dialer.LocalAddr = "tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(client, 0))
		r, _, err = c.Exchange(m, addr.String())
	}
	if err != nil {
		t.Fatalf("%v %v: %v", m.Question, addr, err)
	}
	return r
}
