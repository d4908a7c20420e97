package ordering

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// parse returns the rules that the ordering directives of c's server block say. Its errors name file, line, property and
// word, and are one line even where a word is not.
func parse(c *caddy.Controller) (*rules, error) {
	rules, err := parseDirectives(c)
	if err != nil {
		return nil, errors.New(lineBreaks.Replace(err.Error()))
	}
	return rules, nil
}

var lineBreaks = strings.NewReplacer("\n", `\n`, "\r", `\r`)

func parseDirectives(c *caddy.Controller) (*rules, error) {
	rules, turns := new(rules), newTurns()
	for c.Next() {
		if c.Val() != pluginName {
			return nil, c.Errf("%s is out of place: { belongs at the end of the line of %s, and } on a line of its own", c.Val(), pluginName)
		}
		zones, err := parseZones(c)
		if err != nil {
			return nil, err
		}
		at := c.Line()
		p, err := parseBlock(c)
		if err != nil {
			return nil, err
		}
		p.turns, p.line = turns, at
		for _, zone := range zones {
			if twice := rules.add(zone, p); twice != nil {
				return nil, fmt.Errorf("%s:%d - Error during parsing: zone %s has an %s already, in line %d: put both in one",
					c.File(), at, zone, pluginName, twice.policy.line)
			}
		}
	}
	return rules, nil
}

// parseZones returns the zones of a directive, those of the server block if it names none.
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

// A block is a directive while it is read.
type block struct {
	*caddy.Controller
	property string
	lines    map[string]int // property → line where it stands

	localNetPriority bool
	netmask          []int
	classful         bool
	classfulOnly     bool // netmask has a DWORD for the classful network
	netmask6         []int
	types            typeSet
	rotation         rotation
	base             base
	statements       []statement
	topology         topology.Source
	weights          *weights
	limit            int
	ecs              *trust
}

// properties says how each property is read.
var properties = map[string]func(*block) error{
	"local_net_priority": func(b *block) error { return b.toggle(&b.localNetPriority) },
	"netmask":            (*block).parseNetmask,
	"classful":           func(b *block) error { return b.toggle(&b.classful) },
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

// parseBlock reads the properties of a directive up to its closing brace, and freezes them.
func parseBlock(c *caddy.Controller) (*policy, error) {
	b := &block{
		Controller:       c,
		lines:            map[string]int{},
		localNetPriority: true,
		netmask:          []int{24},
		classful:         true,
		netmask6:         []int{64, 48},
		types:            typeSet{a: true, aaaa: true},
	}
	for c.NextBlock() {
		b.property = c.Val()
		read, ok := properties[b.property]
		if !ok {
			names := slices.Sorted(maps.Keys(properties))
			return nil, c.Errf("unknown property %s%s", b.property, suggestion(b.property, names))
		}
		if line, twice := b.lines[b.property]; twice && !slices.Contains(repeatable, b.property) {
			return nil, b.errorf("given twice, in line %d already: put both in one line or remove one", line)
		}
		b.lines[b.property] = c.Line()
		if err := read(b); err != nil {
			return nil, err
		}
	}
	return b.freeze()
}

// freeze returns the policy that b says.
func (b *block) freeze() (*policy, error) {
	if b.classfulOnly && !b.classful {
		return nil, fmt.Errorf("%s:%d - Error during parsing: netmask: 0xffffffff is the classful network, and classful is off: "+
			"remove one of the two", b.File(), b.lines["netmask"])
	}
	p := &policy{
		arranger: arranger{types: b.types, rotation: b.rotation, weights: b.weights},
		base:     b.base,
		limit:    b.limit,
		topology: b.topology,
		ecs:      b.ecs,
	}
	if b.localNetPriority {
		p.masks = newClassMasks(b.netmask, b.netmask6, b.classful)
	} else {
		p.masks = newClassMasks(nil, nil, false)
	}
	if b.statements != nil {
		p.sortlist = newSortlist(b.statements)
	}
	return p, nil
}
