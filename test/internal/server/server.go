// Package server runs a CoreDNS server with every default plugin and ordering inside a test.
package server

import (
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/coredns-ordering/ordering"
	"github.com/coredns-ordering/ordering/internal/systemtest"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // registers the default plugins
	clog "github.com/coredns/coredns/plugin/pkg/log"
)

func init() {
	dnsserver.Directives = ordering.Directives(dnsserver.Directives)
	dnsserver.Quiet, caddy.Quiet = true, true
	clog.SetOutput(io.Discard)
}

// Input returns a Corefile in the type that caddy takes. Error messages call it name.
func Input(name, corefile string) caddy.Input {
	return caddy.CaddyfileInput{Filepath: name, Contents: []byte(corefile), ServerTypeName: "dns"}
}

// Start is Run for a server that stops when the test ends.
func Start(t testing.TB, name, corefile string) (*caddy.Instance, error) {
	t.Helper()
	instance, err := Run(t, name, corefile)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { Stop(t, instance) })
	return instance, nil
}

// Run starts a server with this Corefile, which the caller stops. Server blocks that name no port
// share a free one, which is in dnsserver.Port until the next call. Run returns the error of a server
// that does not start.
func Run(t testing.TB, name, corefile string) (*caddy.Instance, error) {
	t.Helper()
	dnsserver.Port = strconv.Itoa(systemtest.FreePort(t))
	return caddy.Start(Input(name, corefile))
}

// Stop stops a running instance and everything that its plugins have started.
func Stop(t testing.TB, instance *caddy.Instance) {
	t.Helper()
	for _, err := range instance.ShutdownCallbacks() {
		t.Error(err)
	}
	if err := instance.Stop(); err != nil {
		t.Error(err)
	}
}

// UDP returns the address where instance listens for UDP, or "" if it does not. CoreDNS has servers of
// several addresses in random order.
func UDP(instance *caddy.Instance) string { return first(instance, caddy.ServerListener.LocalAddr) }

// TCP is UDP for TCP.
func TCP(instance *caddy.Instance) string { return first(instance, caddy.ServerListener.Addr) }

func first(instance *caddy.Instance, address func(caddy.ServerListener) net.Addr) string {
	for _, l := range instance.Servers() {
		if a := address(l); a != nil {
			return a.String()
		}
	}
	return ""
}
