package chain

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"

	"github.com/miekg/dns"
	"github.com/pires/go-proxyproto"
)

// A Server is one of the servers that CoreDNS starts for a Corefile: one for each address.
type Server struct {
	Addr    string // "dns://:53"
	configs []*dnsserver.Config
	server  *dnsserver.Server
}

// labels returns how many labels the most specific zone of s that holds name has; -1 if none does.
func (s *Server) labels(name string) int {
	most := -1
	for _, config := range s.configs {
		if dns.IsSubDomain(config.Zone, name) {
			most = max(most, dns.CountLabel(config.Zone))
		}
	}
	return most
}

// Accepts reports whether s takes the address of a client from the PROXY protocol header of what
// source sends.
func (s *Server) Accepts(source netip.Addr) bool {
	upstream := net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, clientPort))
	return slices.ContainsFunc(s.configs, func(config *dnsserver.Config) bool {
		if config.ProxyProtoConnPolicy == nil {
			return false
		}
		policy, err := config.ProxyProtoConnPolicy(proxyproto.ConnPolicyOptions{Upstream: upstream})
		return err == nil && (policy == proxyproto.USE || policy == proxyproto.REQUIRE)
	})
}

// Is reports whether address names s: "dns://127.0.0.1:53", "127.0.0.1:53" or ":53".
func (s *Server) Is(address string) bool {
	_, rest, _ := strings.Cut(s.Addr, "://")
	return address == s.Addr || address == rest || strings.HasPrefix(address, ":") && strings.HasSuffix(rest, address)
}

// innerServer returns the *dnsserver.Server that s is or embeds; nil for any other server.
func innerServer(s caddy.Server) *dnsserver.Server {
	switch s := s.(type) {
	case *dnsserver.Server:
		return s
	case *dnsserver.ServerTLS:
		return s.Server
	case *dnsserver.ServergRPC:
		return s.Server
	case *dnsserver.ServerHTTPS:
		return s.Server
	case *dnsserver.ServerHTTPS3:
		return s.Server
	case *dnsserver.ServerQUIC:
		return s.Server
	}
	return nil
}

// listenAddrs returns the addresses of the servers that have config, as dnsserver names them.
func listenAddrs(config *dnsserver.Config) (addrs []string) {
	for _, host := range config.ListenHosts {
		if addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, config.Port)); err == nil {
			addrs = append(addrs, config.Transport+"://"+addr.String())
		}
	}
	return addrs
}
