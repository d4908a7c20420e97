package ordering

import (
	"context"
	"net/netip"
	"strconv"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"
)

// queryMetadata holds the values of the metadata of one query. The writer of the query fills it in.
type queryMetadata struct {
	client netip.Addr
	first  netip.Addr // the zero Addr until there is an answer with an address
	tier   uint32     // of first
}

// metadataKey is the context key of the queryMetadata.
type metadataKey struct{}

// metadataIn returns the queryMetadata that Metadata put into ctx; nil if it did not.
func metadataIn(ctx context.Context) *queryMetadata {
	m, _ := ctx.Value(metadataKey{}).(*queryMetadata)
	return m
}

// Metadata publishes three labels: ordering/client is the address that the answer is for,
// ordering/first is the first address in the answer, and ordering/tier is its tier. A label without
// a value is empty; the last two have none until there is an answer with an address. It implements
// metadata.Provider.
func (o *Ordering) Metadata(ctx context.Context, _ request.Request) context.Context {
	o.zones.useMetadata()
	m := new(queryMetadata)
	metadata.SetValueFunc(ctx, pluginName+"/client", func() string { return text(m.client) })
	metadata.SetValueFunc(ctx, pluginName+"/first", func() string { return text(m.first) })
	metadata.SetValueFunc(ctx, pluginName+"/tier", func() string {
		if !m.first.IsValid() {
			return ""
		}
		return strconv.FormatUint(uint64(m.tier), 10)
	})
	return context.WithValue(ctx, metadataKey{}, m)
}

// text returns a as text; "" for the zero Addr.
func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
