package ordering

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/plugin/ecs"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"
	"github.com/coredns-ordering/ordering/plugin/topology"
	"github.com/coredns-ordering/ordering/plugin/topology/kubernetes"

	"github.com/coredns/coredns/core/dnsserver"

	"github.com/miekg/dns"
)

// errorf returns an error that names file, line and property.
func (b *block) errorf(format string, args ...any) error {
	return b.Errf("%s: %s", b.property, fmt.Sprintf(format, args...))
}

// args returns the words after the property, which must be least to most. want says what they should
// be.
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
	b.order.Rotation = [...]rrset.Rotation{rrset.Cyclic, rrset.Fixed, rrset.Random, rrset.Sticky}[i]
	return err
}

func (b *block) parseBaseOrder() error {
	i, err := b.choice("auto", "received", "canonical")
	b.base = [...]baseOrder{baseAuto, baseReceived, baseCanonical}[i]
	return err
}

func (b *block) parseNetmask() error {
	lengths, err := b.lengths("one mask or more", ranking.ParseMask)
	b.classfulMask = slices.Contains(lengths, ranking.ClassfulMask)
	b.masks.IPv4 = slices.DeleteFunc(lengths, func(n int) bool { return n == ranking.ClassfulMask })
	return err
}

func (b *block) parseNetmask6() (err error) {
	b.masks.IPv6, err = b.lengths("one length or more", func(word string) (int, error) { return ranking.ParseLength(word, 128) })
	return err
}

// lengths returns what parse makes of the property's arguments, none of which may come twice. want
// says what they are.
func (b *block) lengths(want string, parseLength func(word string) (int, error)) ([]int, error) {
	args, err := b.args(1, unlimited, want)
	if err != nil {
		return nil, err
	}
	var found []int
	for _, word := range args {
		length, err := parseLength(word)
		switch {
		case err != nil:
			return nil, b.errorf("%s %v", word, err)
		case slices.Contains(found, length):
			return nil, b.errorf("%s is there twice", word)
		}
		found = append(found, length)
	}
	return found, nil
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
	b.types = nil
	for _, word := range args {
		t, ok := dns.StringToType[strings.ToUpper(word)]
		if !ok {
			return b.errorf("%s is not a type", word)
		}
		if why, refused := unordered[t]; refused {
			return b.errorf("%s %s: it cannot be ordered", word, why)
		}
		if slices.Contains(b.types, t) {
			return b.errorf("%s is there twice", word)
		}
		b.types = append(b.types, t)
	}
	return nil
}

func (b *block) parseSortlist() error {
	args, err := b.args(1, unlimited, "CLIENTS [PREFERENCE...]")
	if err != nil {
		return err
	}
	st := ranking.Statement{Line: b.Line()}
	if st.Clients, err = parseNetworks(args[0]); err != nil {
		return b.errorf("%v", err)
	}
	for _, arg := range args[1:] {
		var rank ranking.Rank
		arg, rank.Negated = strings.CutPrefix(arg, "!")
		if rank.Networks, err = parseNetworks(arg); err != nil {
			return b.errorf("%v", err)
		}
		st.Preference = append(st.Preference, rank)
	}
	if st.Preference == nil {
		st.Preference = []ranking.Rank{{Networks: st.Clients}}
	}
	b.ranking.Sortlist = append(b.ranking.Sortlist, st)
	return nil
}

// parseNetworks parses one word of a sortlist.
func parseNetworks(word string) ([]netip.Prefix, error) {
	for part := range strings.SplitSeq(word, ",") {
		if strings.HasPrefix(part, "!") {
			return nil, fmt.Errorf("%s: a ! stands in front of a whole word of PREFERENCE only", part)
		}
	}
	return network.ParseList(word)
}

func (b *block) parseTopology() error {
	args, err := b.args(1, 3, "FILE, or kubernetes [KUBECONFIG [CONTEXT]]")
	if err != nil {
		return err
	}
	if args[0] == "kubernetes" {
		args = append(args, "", "")
		b.ranking.Topology, err = kubernetes.New(args[1], args[2])
	} else {
		if len(args) > 1 {
			return b.errorf("%s is one word too many: wants FILE", args[1])
		}
		path := args[0]
		if root := dnsserver.GetConfig(b.Controller).Root; !filepath.IsAbs(path) && root != "" {
			path = filepath.Join(root, path)
		}
		b.ranking.Topology, err = topology.NewFile(path)
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
	n, err := network.Parse(args[0])
	if err != nil {
		return b.errorf("%v", err)
	}
	weight, err := strconv.ParseUint(args[1], 10, 8)
	if err != nil {
		return b.errorf("%s is not a number from 0 to 255", args[1])
	}
	if b.order.Weights == nil {
		b.order.Weights = new(rrset.Weights)
	}
	if !b.order.Weights.Add(n, uint8(weight)) {
		return b.errorf("%s is there twice", args[0])
	}
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
	b.trusted = new(ecs.TrustedResolvers)
	for _, word := range args {
		n, err := network.Parse(word)
		if err != nil {
			return b.errorf("%v", err)
		}
		b.trusted.Add(n)
	}
	return nil
}
