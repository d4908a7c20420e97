package ordering

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/plugin/ecs"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/agnivade/levenshtein"
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// parse returns the policies that the ordering directives of c's server block say, by zone. Their
// turns are counted in turns. Its errors name file, line, property and word, and are one line even
// where a word is not.
func parse(c *caddy.Controller, turns *rrset.Turns) (*zones, error) {
	zones, err := parseDirectives(c, turns)
	if err != nil {
		return nil, errors.New(lineBreaks.Replace(err.Error()))
	}
	return zones, nil
}

var lineBreaks = strings.NewReplacer("\n", `\n`, "\r", `\r`)

func parseDirectives(c *caddy.Controller, turns *rrset.Turns) (*zones, error) {
	all := new(zones)
	for c.Next() {
		if c.Val() != pluginName {
			return nil, c.Errf("%s is out of place: { belongs at the end of the line of %s, and } on a line of its own", c.Val(), pluginName)
		}
		names, err := parseZones(c)
		if err != nil {
			return nil, err
		}
		at := fmt.Sprintf("%s:%d", c.File(), c.Line())
		b, err := parseBlock(c)
		if err != nil {
			return nil, err
		}
		p := b.policy(at, turns)
		for _, zone := range names {
			if twice := all.add(zone, p); twice != nil {
				return nil, fmt.Errorf("%s - Error during parsing: zone %s has an %s already, at %s: put both in one",
					p.position, zone, pluginName, twice.position)
			}
		}
	}
	return all, nil
}

// parseZones returns the zones of a directive; those of the server block if it names none.
func parseZones(c *caddy.Controller) ([]string, error) {
	args := c.RemainingArgs()
	for _, zone := range args {
		if _, ok := properties[zone]; ok {
			return nil, c.Errf("%s is a property and not a zone: write it on a line of its own between { and }", zone)
		}
		if strings.ContainsAny(zone, "{}") {
			return nil, c.Errf("%s is not a zone: { wants a space in front, and } a line of its own", zone)
		}
		if _, ok := dns.IsDomainName(zone); !ok || len(plugin.Host(zone).NormalizeExact()) == 0 {
			return nil, c.Errf("%s is not a zone", zone)
		}
	}
	return plugin.OriginsFromArgsOrServerBlock(args, c.ServerBlockKeys), nil
}

// A block is a directive while it is parsed.
type block struct {
	*caddy.Controller
	property string         // at hand
	lines    map[string]int // property → the line where it stands

	localNetPriority bool
	classfulMask     bool // netmask has the mask that stands for the classful network
	types            []uint16
	masks            ranking.MaskLengths
	ranking          ranking.Config
	order            rrset.Config
	base             baseOrder
	limit            int
	trusted          *ecs.TrustedResolvers
}

// properties says how each property is parsed.
var properties = map[string]func(*block) error{
	"local_net_priority": func(b *block) error { return b.toggle(&b.localNetPriority) },
	"netmask":            (*block).parseNetmask,
	"classful":           func(b *block) error { return b.toggle(&b.masks.Classful) },
	"netmask6":           (*block).parseNetmask6,
	"round_robin":        (*block).parseRoundRobin,
	"base_order":         (*block).parseBaseOrder,
	"types":              (*block).parseTypes,
	"sortlist":           (*block).parseSortlist,
	"topology":           (*block).parseTopology,
	"weight":             (*block).parseWeight,
	"answer_limit":       (*block).parseAnswerLimit,
	"ecs":                (*block).parseECS,
}

// repeatable are the properties that may stand several times in a block.
var repeatable = []string{"sortlist", "weight"}

// parseBlock parses the properties of a directive up to its closing brace.
func parseBlock(c *caddy.Controller) (*block, error) {
	b := &block{
		Controller:       c,
		lines:            map[string]int{},
		localNetPriority: true,
		masks:            ranking.MaskLengths{IPv4: []int{24}, IPv6: []int{64, 48}, Classful: true},
		types:            []uint16{dns.TypeA, dns.TypeAAAA},
	}
	for c.NextBlock() {
		b.property = c.Val()
		parseProperty, ok := properties[b.property]
		if !ok {
			return nil, c.Errf("unknown property %s%s", b.property, didYouMean(b.property))
		}
		if line, twice := b.lines[b.property]; twice && !slices.Contains(repeatable, b.property) {
			return nil, b.errorf("given twice, in line %d already: put both in one line or remove one", line)
		}
		b.lines[b.property] = c.Line()
		if err := parseProperty(b); err != nil {
			return nil, err
		}
	}
	return b, b.finish()
}

// finish checks what takes several properties together, and completes the configurations.
func (b *block) finish() error {
	if b.classfulMask && !b.masks.Classful {
		return fmt.Errorf("%s:%d - Error during parsing: netmask: 0xffffffff is the classful network, and classful is off: "+
			"remove one of the two", b.File(), b.lines["netmask"])
	}
	if b.localNetPriority {
		b.ranking.Masks = b.masks
	}
	b.order.Types = rrset.Types(b.types...)
	return nil
}

// policy returns the policy that b says. Its directive is at position, its turns are counted in
// turns.
func (b *block) policy(position string, turns *rrset.Turns) *policy {
	b.order.Turns = turns
	return &policy{
		ranker:   ranking.New(b.ranking),
		orderer:  rrset.New(b.order),
		base:     b.base,
		limit:    b.limit,
		trusted:  b.trusted,
		position: position,
		lines:    b.lines,
	}
}

// didYouMean returns ": did you mean PROPERTY?" for the property nearest to word; "" if none is near.
func didYouMean(word string) string {
	nearest, least := "", len(word)/2+1
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), name); d < least {
			nearest, least = name, d
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %s?", nearest)
}
