package ordering

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
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

// errorf returns an error that names file, line and property.
func (b *block) errorf(format string, args ...any) error {
	return b.Errf("%s: %s", b.property, fmt.Sprintf(format, args...))
}

// args returns the words behind the property, of which there must be least to most. want says what they should be.
func (b *block) args(least, most int, want string) ([]string, error) {
	args := b.RemainingArgs()
	switch {
	case len(args) < least:
		return nil, b.errorf("wants %s", want)
	case len(args) > most:
		return nil, b.errorf("%s is one word too many: wants %s", args[most], want)
	}
	return args, nil
}

// unlimited is how many words a list may have.
const unlimited = int(^uint(0) >> 1)

// choice reads one word and returns its index in words.
func (b *block) choice(words ...string) (int, error) {
	want := strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	args, err := b.args(1, 1, want)
	if err != nil {
		return 0, err
	}
	i := slices.Index(words, args[0])
	if i < 0 {
		return 0, b.errorf("%s is not %s", args[0], want)
	}
	return i, nil
}

func (b *block) toggle(on *bool) error {
	i, err := b.choice("on", "off")
	*on = i == 0
	return err
}

func (b *block) parseRoundRobin() error {
	i, err := b.choice("on", "off", "random", "sticky")
	b.rotation = [...]rotation{cyclic, fixed, shuffled, sticky}[i]
	return err
}

func (b *block) parseBaseOrder() error {
	i, err := b.choice("auto", "received", "canonical")
	b.base = [...]base{automatic, received, canonical}[i]
	return err
}

func (b *block) parseNetmask() error {
	args, err := b.args(1, unlimited, "one mask or more")
	if err != nil {
		return err
	}
	b.netmask = nil
	for _, word := range args {
		length, err := parseMask(word)
		switch {
		case err != nil:
			return b.errorf("%s %v", word, err)
		case length == classfulMask && b.classfulOnly, slices.Contains(b.netmask, length):
			return b.errorf("%s is there twice", word)
		case length == classfulMask:
			b.classfulOnly = true
		default:
			b.netmask = append(b.netmask, length)
		}
	}
	return nil
}

func (b *block) parseNetmask6() error {
	args, err := b.args(1, unlimited, "one length or more")
	if err != nil {
		return err
	}
	b.netmask6 = nil
	for _, word := range args {
		length, err := parseLength(word, 128)
		switch {
		case err != nil:
			return b.errorf("%s %v", word, err)
		case slices.Contains(b.netmask6, length):
			return b.errorf("%s is there twice", word)
		}
		b.netmask6 = append(b.netmask6, length)
	}
	return nil
}

// unordered are the types that are refused, and why.
var unordered = map[uint16]string{
	dns.TypeCNAME: "is an alias, of which a name has one",
	dns.TypeDNAME: "is an alias, of which a name has one",
	dns.TypeSOA:   "is the one record of its kind",
	dns.TypeOPT:   "is no data of a name",
	dns.TypeRRSIG: "belongs to other records",
	dns.TypeTSIG:  "is no data of a name",
	dns.TypeANY:   "is no type of a record",
	dns.TypeAXFR:  "is no type of a record",
	dns.TypeIXFR:  "is no type of a record",
}

func (b *block) parseTypes() error {
	args, err := b.args(1, unlimited, "one type or more")
	if err != nil {
		return err
	}
	b.types = typeSet{}
	for _, word := range args {
		t, ok := dns.StringToType[strings.ToUpper(word)]
		if !ok {
			return b.errorf("%s is not a type", word)
		}
		if why, refused := unordered[t]; refused {
			return b.errorf("%s %s: it cannot be ordered", word, why)
		}
		if !b.types.add(t) {
			return b.errorf("%s is there twice", word)
		}
	}
	return nil
}

func (b *block) parseSortlist() error {
	args, err := b.args(1, unlimited, "CLIENTS [PREFERENCE...]")
	if err != nil {
		return err
	}
	st := statement{line: b.Line()}
	if st.clients, err = parseNetworks(args[0]); err != nil {
		return b.errorf("%v", err)
	}
	for _, arg := range args[1:] {
		var w word
		arg, w.negated = strings.CutPrefix(arg, "!")
		if w.networks, err = parseNetworks(arg); err != nil {
			return b.errorf("%v", err)
		}
		st.words = append(st.words, w)
	}
	if st.words == nil {
		st.words = []word{{networks: st.clients}}
	}
	b.statements = append(b.statements, st)
	return nil
}

func (b *block) parseTopology() error {
	args, err := b.args(1, 3, "FILE, or kubernetes [KUBECONFIG [CONTEXT]]")
	if err != nil {
		return err
	}
	if args[0] == "kubernetes" {
		args = append(args, "", "")
		b.topology, err = topology.NewCluster(args[1], args[2])
	} else {
		if len(args) > 1 {
			return b.errorf("%s is one word too many: wants FILE", args[1])
		}
		path := args[0]
		if root := dnsserver.GetConfig(b.Controller).Root; !filepath.IsAbs(path) && root != "" {
			path = filepath.Join(root, path)
		}
		b.topology, err = topology.NewFile(path)
	}
	if err != nil {
		return b.errorf("%v", err)
	}
	return nil
}

func (b *block) parseWeight() error {
	args, err := b.args(2, 2, "NETWORK N")
	if err != nil {
		return err
	}
	network, err := parseNetwork(args[0])
	if err != nil {
		return b.errorf("%v", err)
	}
	n, err := strconv.ParseUint(args[1], 10, 8)
	if err != nil {
		return b.errorf("%s is not a number from 0 to 255", args[1])
	}
	if b.weights == nil {
		b.weights = new(weights)
	}
	if _, twice := b.weights.networks.Get(network); twice {
		return b.errorf("%s is there twice", args[0])
	}
	b.weights.networks.Insert(network, uint8(n))
	return nil
}

func (b *block) parseAnswerLimit() error {
	args, err := b.args(1, 1, "a number")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[0])
	switch {
	case err != nil || n < 0:
		return b.errorf("%s is not a number from 1 up", args[0])
	case n == 0:
		return b.errorf("0 would leave no address: remove the line for no limit")
	}
	b.limit = n
	return nil
}

func (b *block) parseECS() error {
	args, err := b.args(1, unlimited, "one network or more that is trusted")
	if err != nil {
		return err
	}
	b.ecs = new(trust)
	for _, word := range args {
		n, err := parseNetwork(word)
		if err != nil {
			return b.errorf("%v", err)
		}
		b.ecs.networks.Insert(n)
	}
	return nil
}

// parseNetworks reads addresses and networks with commas between, or the word any.
func parseNetworks(word string) (networks []netip.Prefix, err error) {
	if word == "any" {
		return []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, nil
	}
	for part := range strings.SplitSeq(word, ",") {
		n, err := parseNetwork(part)
		if err != nil {
			return nil, err
		}
		networks = append(networks, n)
	}
	return networks, nil
}

// parseNetwork reads a network, or an address as the network of that one address.
func parseNetwork(word string) (netip.Prefix, error) {
	n, err := netip.ParsePrefix(word)
	if a, errAddr := netip.ParseAddr(word); errAddr == nil && a.Zone() == "" {
		n, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	switch {
	case err != nil && strings.HasPrefix(word, "!"):
		return n, fmt.Errorf("%s: a ! stands in front of a whole word of PREFERENCE only", word)
	case err != nil:
		return n, fmt.Errorf("%q is not an address or network", word)
	case n != n.Masked():
		return n, fmt.Errorf("%s has host bits set: did you mean %v?", word, n.Masked())
	case n.Addr().Is4In6():
		return n, fmt.Errorf("%s is an IPv4-mapped network: write it as IPv4", word)
	}
	return n, nil
}
