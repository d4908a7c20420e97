package systemtest

import (
	"net"
	"os"
	"sync/atomic"
	"testing"
)

// FreePort returns its ports from this range. No socket gets one of them that asks for any port, as
// those of all clients do: what Linux gives begins above, and what other systems give even higher.
const (
	firstPort = 10000
	ports     = 20000
)

// triedPorts is how many ports this process has tried.
var triedPorts atomic.Int64

// FreePort returns a port of 127.0.0.1 that is free for UDP and TCP. It returns another one each time,
// until it has returned all, and begins far from where other processes begin that run at the same time.
//
// A server must not ask for any port instead: CoreDNS listens with SO_REUSEPORT, and such a socket can
// get the UDP port of another server, which then answers some of its queries.
func FreePort(tb testing.TB) int {
	tb.Helper()
	const distance = 12361 // of processes with consecutive numbers: the golden section of all ports
	for range ports {
		port := firstPort + int((int64(os.Getpid())*distance+triedPorts.Add(1))%ports)
		tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			continue
		}
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		tcp.Close()
		if err == nil {
			udp.Close()
			return port
		}
	}
	tb.Fatal("no port of 127.0.0.1 is free for both UDP and TCP")
	return 0
}
