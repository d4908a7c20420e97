package ordering

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/internal/quote"
	"github.com/coredns-ordering/ordering/plugin/ecs"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"

	"github.com/miekg/dns"
)

// parse returns the policies that the ordering directives of c's server block say, by zone, and
// what to warn of when the server starts. Their turns are counted in turns. It starts nothing, and
// only reads topology files. Its errors name file, line, property and word, and are one line
// whatever is in the Corefile.
func parse(c *caddy.Controller, turns *rrset.Turns) (*zones, error) {
	zones, err := parseDirectives(c, turns)
	if err != nil {
		return nil, errors.New(quote.Line(err.Error()))
	}
	return zones, nil
}

func parseDirectives(c *caddy.Controller, turns *rrset.Turns) (*zones, error) {
	all := &zones{served: servedZones(c)}
	for c.Next() {
		at := position(&c.Dispenser)
		if c.Val() != pluginName {
			return nil, errorAt(at, "unexpected %s: put { at the end of the %s line and } on a line of its own",
				quote.Word(c.Val()), pluginName)
		}
		names, err := parseZones(c, all.served)
		if err != nil {
			return nil, errorAt(at, "%v", err)
		}
		b, err := parseBlock(c)
		if err != nil {
			return nil, err
		}
		p := b.policy(turns)
		for _, zone := range names {
			if first := all.add(zone, p); first != nil {
				return nil, zoneTwice(zone, p, first)
			}
		}
		all.warnings = append(all.warnings, warnings(b)...)
	}
	return all, nil
}

// A block is a directive while it is parsed.
type block struct {
	position string           // of the directive
	root     string           // of the paths in it
	lines    map[string]*line // property → the line where it stands first
	given    []string         // the properties in lines, in the order of the Corefile

	localNetPriority bool
	classfulMask     bool // netmask has the mask that stands for the classful network
	types            []uint16
	masks            ranking.MaskLengths
	sortlist         []sortlistLine
	weights          []weightLine
	topology         topologyLines
	ranking          ranking.Config
	order            rrset.Config
	base             baseOrder
	limit            int
	trusted          *ecs.TrustedResolvers
	trustedIn        string // the position of ecs
}

// properties says how each property is parsed.
var properties = map[string]func(*block, *line) error{
	"local_net_priority": func(b *block, l *line) error { return l.toggle(&b.localNetPriority) },
	"netmask":            parseNetmask,
	"classful":           func(b *block, l *line) error { return l.toggle(&b.masks.Classful) },
	"netmask6":           parseNetmask6,
	"round_robin":        parseRoundRobin,
	"first_turn":         parseFirstTurn,
	"base_order":         parseBaseOrder,
	"types":              parseTypes,
	"sortlist":           parseSortlist,
	"topology":           parseTopology,
	"pods":               parsePods,
	"weight":             parseWeight,
	"answer_limit":       parseAnswerLimit,
	"ecs":                parseECS,
}

// repeatable are the properties that may stand several times in a block.
var repeatable = []string{"sortlist", "topology", "weight"}

// parseBlock parses the properties of the directive whose line c has loaded, if it has any.
func parseBlock(c *caddy.Controller) (*block, error) {
	b := &block{
		position:         position(&c.Dispenser),
		root:             dnsserver.GetConfig(c).Root,
		lines:            map[string]*line{},
		localNetPriority: true,
		masks:            ranking.MaskLengths{IPv4: []int{24}, IPv6: []int{64, 48}, Classful: true},
		types:            []uint16{dns.TypeA, dns.TypeAAAA},
	}
	if c.NextArg() { // a brace, where the zones end
		if err := b.parseLines(&c.Dispenser); err != nil {
			return nil, err
		}
	}
	return b, b.finish()
}

// parseLines parses the lines from d up to a closing brace, which nothing may follow on its line.
func (b *block) parseLines(d *caddyfile.Dispenser) error {
	for d.Next() {
		if d.Val() == "}" {
			if d.NextArg() {
				return errorAt(position(d), "unexpected %s after }: put it on a line of its own", quote.Word(d.Val()))
			}
			return nil
		}
		if err := b.parseLine(readLine(d)); err != nil {
			return err
		}
	}
	return errorAt(b.position, "missing }: put it on a line of its own after the last property")
}

// parseLine parses a line, which sets a property of b.
func (b *block) parseLine(l *line) error {
	parseProperty, ok := properties[l.property]
	if !ok {
		return unknownProperty(l, b.position)
	}
	if l.property == "sortlist" && len(l.words) > 0 && strings.HasPrefix(l.words[0], "{") {
		return l.errorf("unexpected {%s", cmp.Or(fromBIND(l.words), "; want CLIENTS [PREFERENCE...]"))
	}
	if err := l.check(); err != nil {
		return err
	}
	first, twice := b.lines[l.property]
	switch {
	case !twice:
		b.lines[l.property] = l
		b.given = append(b.given, l.property)
	case slices.Contains(repeatable, l.property):
	default:
		return l.twice(first)
	}
	return parseProperty(b, l)
}

// finish checks what takes several properties together, and completes the configurations.
func (b *block) finish() error {
	if b.classfulMask && !b.masks.Classful {
		return b.lines["netmask"].errorf("0xffffffff stands for the classful network, but classful is off: " +
			"remove one of the two")
	}
	var err error
	if b.ranking.Topology, err = b.topology.source(b.lines["pods"]); err != nil {
		return err
	}
	if b.localNetPriority {
		b.ranking.Masks = b.masks
	}
	for _, s := range b.sortlist {
		b.ranking.Sortlist = append(b.ranking.Sortlist, s.statement)
	}
	b.order.Types = rrset.Types(b.types...)
	return nil
}

// policy returns the policy that b says. Its turns are counted in turns.
func (b *block) policy(turns *rrset.Turns) *policy {
	b.order.Turns = turns
	return &policy{
		ranker:   ranking.New(b.ranking),
		orderer:  rrset.New(b.order),
		base:     b.base,
		limit:    b.limit,
		trusted:  b.trusted,
		position: b.position,

		trustedIn: b.trustedIn,
	}
}

// path returns the path of a file that the directive names.
func (b *block) path(file string) string {
	if filepath.IsAbs(file) || b.root == "" {
		return file
	}
	return filepath.Join(b.root, file)
}
