package ordering

import (
	"context"
	"net/netip"
	"path/filepath"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/plugin/ranking"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"
)

// queryMetadata holds what the metadata of one query is made of. The writer of the query fills it in.
type queryMetadata struct {
	client  netip.Addr
	rule    *serverRule // nil if no directive is for the name
	first   netip.Addr  // the zero Addr until there is an answer with an address
	ordered bool        // an address of the type of first has a tier
	ranking ranking.Ranking
}

// near returns what puts first in front, "" if it was not put in order.
func (m *queryMetadata) near() string {
	if !m.ordered {
		return ""
	}
	return m.why().Near.String()
}

// reason returns near in detail, "" if first was not put in order.
func (m *queryMetadata) reason() string {
	if !m.ordered {
		return ""
	}
	return m.why().String()
}

func (m *queryMetadata) why() ranking.Reason {
	return m.ranking.Reason(ipaddr.FromNetip(m.first), m.first.Is4())
}

// directive returns the position of the directive that decides and its zone, as in "Corefile:7
// ordering, zone example.org."; "" if no directive is for the name.
func (m *queryMetadata) directive() string {
	if m.rule == nil {
		return ""
	}
	return filepath.Base(m.rule.policy.position) + " ordering, zone " + m.rule.counters.zone
}

// metadataKey is the context key of the queryMetadata.
type metadataKey struct{}

// metadataIn returns the queryMetadata that Metadata put into ctx; nil if it did not.
func metadataIn(ctx context.Context) *queryMetadata {
	m, _ := ctx.Value(metadataKey{}).(*queryMetadata)
	return m
}

// Metadata publishes five labels, whose values are made when somebody reads them:
//
//   - ordering/client is the address that the answer is for.
//   - ordering/rule is the directive that decides, and its zone.
//   - ordering/first is the first address in the answer.
//   - ordering/near is what puts that address in front, in one word.
//   - ordering/reason is the same with its network, location or line.
//
// A label without a value is empty; the last three have none until there is an answer with an
// address. Metadata implements metadata.Provider.
func (o *Ordering) Metadata(ctx context.Context, _ request.Request) context.Context {
	o.zones.useMetadata()
	m := new(queryMetadata)
	for label, value := range map[string]metadata.Func{
		"client": func() string { return text(m.client) },
		"first":  func() string { return text(m.first) },
		"near":   m.near,
		"reason": m.reason,
		"rule":   m.directive,
	} {
		metadata.SetValueFunc(ctx, pluginName+"/"+label, value)
	}
	return context.WithValue(ctx, metadataKey{}, m)
}

// text returns a as text; "" for the zero Addr.
func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
