package ordering

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/internal/quote"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/miekg/dns"
)

// warnings returns a line of text for everything in b that is accepted but has no effect on any
// answer, so that it cannot have been meant. Each names the place and how to mend it.
func warnings(b *block) []string {
	var all []string
	for _, property := range b.given {
		if why := noEffect(b, property); why != "" {
			all = append(all, warning(b.lines[property].position, property, "has no effect %s", why))
		}
		switch property {
		case "topology":
			all = append(all, topologyWarnings(b)...)
		case "weight":
			all = append(all, weightWarnings(b)...)
		case "sortlist":
			all = append(all, sortlistWarnings(b)...)
		}
	}
	return all
}

func warning(position, property, format string, args ...any) string {
	return quote.Line(fmt.Sprintf("%s - %s: %s", position, property, fmt.Sprintf(format, args...)))
}

// noEffect returns why a property has no effect, and how to mend that. It returns "" if the
// property may have an effect, and if it only repeats what would hold without it, such as a
// default.
func noEffect(b *block, property string) string {
	switch property {
	case "local_net_priority":
		if b.localNetPriority {
			return withoutAddresses(b)
		}
	case "netmask":
		return maskNoEffect(b, dns.TypeA)
	case "classful":
		if b.masks.Classful {
			return maskNoEffect(b, dns.TypeA)
		}
	case "netmask6":
		return maskNoEffect(b, dns.TypeAAAA)
	case "first_turn":
		if b.order.RandomFirstTurn && b.order.Rotation != rrset.Cyclic {
			return fmt.Sprintf("while round_robin is %s: remove this line or set round_robin on", rotation(b))
		}
	case "base_order":
		if b.base != baseAuto && (b.order.Rotation == rrset.Random || b.order.Rotation == rrset.Sticky) {
			return fmt.Sprintf("while round_robin is %s: remove this line", rotation(b))
		}
	case "types":
		if others := typesWithoutAddress(b); others != "" && b.order.Rotation == rrset.Fixed && b.base != baseCanonical {
			return fmt.Sprintf("on %s while round_robin is off: remove these types or set base_order canonical", others)
		}
	case "sortlist", "topology", "pods", "weight":
		return withoutAddresses(b)
	case "answer_limit":
		if b.limit >= mostAddresses {
			return "because no DNS message has room for so many addresses: remove this line"
		}
		return withoutAddresses(b)
	}
	return ""
}

// mostAddresses is how many address records at most fit into a DNS message, which has 65535 bytes.
// Each takes 15 or more: 1 for the root as owner, 10 for type, class, TTL and length, 4 for IPv4.
const mostAddresses = 65535 / 15

// withoutAddresses returns why properties of addresses have no effect in b: neither A nor AAAA is
// in types. It returns "" if one of them is.
func withoutAddresses(b *block) string {
	if slices.Contains(b.types, dns.TypeA) || slices.Contains(b.types, dns.TypeAAAA) {
		return ""
	}
	return "without A or AAAA in types: remove this line or add them to types"
}

// maskNoEffect returns why masks for the addresses of a type, A or AAAA, have no effect; "" if they
// may have one.
func maskNoEffect(b *block, rrtype uint16) string {
	if !b.localNetPriority {
		return "while local_net_priority is off: remove one of the two lines"
	}
	return withoutType(b, rrtype)
}

// withoutType returns why properties of a type have no effect in b: it is not in types. It returns
// "" if it is.
func withoutType(b *block, rrtype uint16) string {
	if slices.Contains(b.types, rrtype) {
		return ""
	}
	name := dns.TypeToString[rrtype]
	return fmt.Sprintf("without %s in types: remove this line or add %s to types", name, name)
}

// rotation returns the word after round_robin, which must be given.
func rotation(b *block) string { return b.lines["round_robin"].words[0] }

// typesWithoutAddress returns the names of the types of b that have no address.
func typesWithoutAddress(b *block) string {
	var names []string
	for _, t := range b.types {
		if t != dns.TypeA && t != dns.TypeAAAA {
			names = append(names, dns.TypeToString[t])
		}
	}
	return strings.Join(names, ", ")
}
