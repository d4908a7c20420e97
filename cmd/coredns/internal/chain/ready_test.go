package chain

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestWaitUntilReady(t *testing.T) {
	kubeconfig := `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u}]
current-context: c
`
	c := opened(t, `
. {
	ordering {
		topology kubernetes DIR/kubeconfig
	}
}`, map[string]string{"kubeconfig": kubeconfig})
	if missing := c.WaitUntilReady(50 * time.Millisecond); !slices.Equal(missing, []string{"ordering"}) {
		t.Errorf("not ready are %v, want ordering", missing)
	}
	ready := opened(t, ". {\n\tordering\n\thosts DIR/hosts\n}", map[string]string{"hosts": ""})
	if missing := ready.WaitUntilReady(time.Minute); len(missing) > 0 {
		t.Errorf("not ready are %v", missing)
	}
}

// TestWaitForATransfer has a secondary, which gets its zone in the background.
func TestWaitForATransfer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		res := new(dns.Msg).SetReply(r)
		const soa = "@ 300 IN SOA ns h 1 7200 900 1209600 300"
		for _, line := range []string{soa, "www 300 IN A 192.0.2.1", "www 300 IN A 10.1.0.1", soa} {
			rr, err := dns.NewRR("$ORIGIN example.org.\n" + line)
			if err != nil {
				t.Error(err)
			}
			res.Answer = append(res.Answer, rr)
		}
		if err := w.WriteMsg(res); err != nil {
			t.Error(err)
		}
	})
	for _, server := range []*dns.Server{{Listener: l, Handler: handler}, {PacketConn: packets, Handler: handler}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go server.ActivateAndServe()
		<-started
		t.Cleanup(func() { server.Shutdown() })
	}
	c := opened(t, "example.org {\n\tordering\n\tsecondary {\n\t\ttransfer from "+l.Addr().String()+"\n\t}\n}", nil)
	if missing := c.WaitUntilReady(time.Minute); len(missing) > 0 {
		t.Fatalf("not ready are %v", missing)
	}
	res := asked(t, c, "10.1.0.9", "www.example.org.", dns.TypeA)
	if got := addrs(res); !slices.Equal(got, []string{"10.1.0.1", "192.0.2.1"}) {
		t.Errorf("the client gets %v, error %v", got, res.Err)
	}
}
