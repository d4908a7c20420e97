package ordering

import (
	"context"
	"net"
	"slices"
	"testing"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/plugin/pkg/proxyproto"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// A textAddr is an address of a type that CoreDNS does not have.
type textAddr string

func (textAddr) Network() string  { return "udp" }
func (a textAddr) String() string { return string(a) }

func TestClientAddr(t *testing.T) {
	udp := func(ip net.IP, zone string) net.Addr { return &net.UDPAddr{IP: ip, Port: 53, Zone: zone} }
	tcp := func(ip net.IP, zone string) net.Addr { return &net.TCPAddr{IP: ip, Port: 53, Zone: zone} }
	proxied := func(a net.Addr) net.Addr { return proxyproto.NewAddr(udp(net.IP{127, 0, 0, 1}, ""), a, nil) }
	for _, tt := range []struct {
		name string
		addr net.Addr
		want string // "" for none
	}{
		{"UDP with 4 bytes", udp(net.IP{10, 4, 3, 2}, ""), "10.4.3.2"},
		{"UDP with 16 bytes", udp(net.IPv4(10, 4, 3, 2), ""), "10.4.3.2"},
		{"UDP of IPv6", udp(net.ParseIP("2001:db8::7"), ""), "2001:db8::7"},
		{"UDP with a zone", udp(net.ParseIP("fe80::7"), "eth0"), "fe80::7"},
		{"UDP without an address", udp(nil, ""), ""},
		{"UDP with an address of five bytes", udp(net.IP{1, 2, 3, 4, 5}, ""), ""},
		{"TCP with 4 bytes", tcp(net.IP{10, 4, 3, 2}, ""), "10.4.3.2"},
		{"TCP with 16 bytes", tcp(net.IPv4(10, 4, 3, 2), ""), "10.4.3.2"},
		{"TCP with a zone", tcp(net.ParseIP("fe80::7"), "eth0"), "fe80::7"},
		{"a proxied client", proxied(udp(net.IPv4(10, 4, 3, 2), "")), "10.4.3.2"},
		{"a proxied client over TCP", proxied(tcp(net.ParseIP("2001:db8::7"), "")), "2001:db8::7"},
		{"a proxied client with a zone", proxied(udp(net.ParseIP("fe80::7"), "eth0")), "fe80::7"},
		{"IPv4-mapped in text", textAddr("[::ffff:10.4.3.2]:53"), "10.4.3.2"},
		{"IPv4-mapped with a zone in text", textAddr("[::ffff:10.4.3.2%eth0]:53"), "10.4.3.2"},
		{"text without a port", textAddr("10.4.3.2"), "10.4.3.2"},
		{"IPv6 without a port", textAddr("fe80::7%eth0"), "fe80::7"},
		{"the path of a socket", &net.UnixAddr{Name: "/run/dns.sock", Net: "unix"}, ""},
		{"empty text", textAddr(""), ""},
		{"nil", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := clientInMetadata(t, tt.addr); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// clientInMetadata returns the client address that metadata has for a query from a.
func clientInMetadata(t *testing.T, a net.Addr) string {
	t.Helper()
	o := orderingOf(t, "ordering", replying(reply(hot, dns.TypeA)))
	ctx := o.Metadata(metadata.ContextWithMetadata(context.Background()), request.Request{})
	r := new(dns.Msg).SetQuestion(hot, dns.TypeA)
	if _, err := o.ServeDNS(ctx, &sink{client: a}, r); err != nil {
		t.Fatal(err)
	}
	return metadata.ValueFunc(ctx, "ordering/client")()
}

// TestOneHostIsOneClient writes the address of one client in several ways. With round_robin sticky,
// each client has an order of its own.
func TestOneHostIsOneClient(t *testing.T) {
	below := replying(reply(hot, dns.TypeA, addressRRset(numbered("10.4.3", 20)...)...))
	o := orderingOf(t, "ordering {\nround_robin sticky\n}", below)
	order := func(a net.Addr) []string {
		w := &inbox{sink: &sink{client: a}}
		o.ServeDNS(context.Background(), w, new(dns.Msg).SetQuestion(hot, dns.TypeA))
		return addrs(w.msg.Answer)
	}
	want := order(&net.UDPAddr{IP: net.IP{10, 4, 3, 2}})
	for _, a := range []net.Addr{
		&net.UDPAddr{IP: net.IPv4(10, 4, 3, 2)},
		&net.TCPAddr{IP: net.IPv4(10, 4, 3, 2)},
		proxyproto.NewAddr(&net.UDPAddr{IP: net.IPv6loopback}, &net.TCPAddr{IP: net.IPv4(10, 4, 3, 2)}, nil),
		textAddr("[::ffff:10.4.3.2%eth0]:53"),
	} {
		if got := order(a); !slices.Equal(got, want) {
			t.Errorf("%v gets %v, want %v", a, got, want)
		}
	}
}
