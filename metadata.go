package ordering

import (
	"context"
	"net/netip"
	"strconv"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// facts are what metadata tells about one query. Its methods do nothing on nil: nobody asks.
type facts struct {
	client netip.Addr
	first  netip.Addr // the zero Addr until there is an answer with an address
	tier   uint32
}

type factsKey struct{}

// factsIn returns the facts that Metadata put into ctx, nil without.
func factsIn(ctx context.Context) *facts {
	f, _ := ctx.Value(factsKey{}).(*facts)
	return f
}

func (f *facts) setClient(client octets) {
	if f != nil {
		f.client = client.addr()
	}
}

func (f *facts) setFirst(rr dns.RR, tier uint32) {
	if f != nil {
		f.first, f.tier = octetsOf(rr).addr(), tier
	}
}

// Metadata offers ordering/client, the address that the answer is for, and from the answer on ordering/first, its first
// address, and ordering/tier, how near that is. They are empty where there is nothing to tell. It implements
// metadata.Provider.
func (o *Ordering) Metadata(ctx context.Context, _ request.Request) context.Context {
	o.rules.observe()
	f := new(facts)
	metadata.SetValueFunc(ctx, pluginName+"/client", func() string { return text(f.client) })
	metadata.SetValueFunc(ctx, pluginName+"/first", func() string { return text(f.first) })
	metadata.SetValueFunc(ctx, pluginName+"/tier", func() string {
		if !f.first.IsValid() {
			return ""
		}
		return strconv.FormatUint(uint64(f.tier), 10)
	})
	return context.WithValue(ctx, factsKey{}, f)
}

// text returns a as text, "" for the zero Addr.
func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
