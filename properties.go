package ordering

import (
	"slices"
	"strconv"
	"strings"

	"github.com/coredns-ordering/ordering/internal/quote"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/miekg/dns"
)

// rotations are words of other servers for what round_robin is set to.
var rotations = map[string]string{
	"cyclic": "on", "rotate": "on", "rr": "on", "true": "on", "yes": "on", "1": "on",
	"fixed": "off", "none": "off", "false": "off", "no": "off", "0": "off", "of": "off",
	"random": "random", "shuffle": "random", "consistent": "sticky", "hash": "sticky",
}

func parseRoundRobin(b *block, l *line) error {
	i, err := l.choice(rotations, "on", "off", "random", "sticky")
	b.order.Rotation = [...]rrset.Rotation{rrset.Cyclic, rrset.Fixed, rrset.Random, rrset.Sticky}[i]
	return err
}

func parseFirstTurn(b *block, l *line) error {
	synonyms := map[string]string{"0": "zero", "first": "zero", "off": "zero", "on": "random", "rand": "random"}
	i, err := l.choice(synonyms, "zero", "random")
	b.order.RandomFirstTurn = i == 1
	return err
}

// baseOrders are words for what base_order is set to.
var baseOrders = map[string]string{
	"fixed": "received", "zone": "received", "file": "received", "none": "received", "as-is": "received",
	"sorted": "canonical", "sort": "canonical", "address": "canonical", "dnssec": "canonical",
	"default": "auto",
}

func parseBaseOrder(b *block, l *line) error {
	i, err := l.choice(baseOrders, "auto", "received", "canonical")
	b.base = [...]baseOrder{baseAuto, baseReceived, baseCanonical}[i]
	return err
}

func parseNetmask(b *block, l *line) error {
	lengths, err := parseMasks(l, "one or more masks", ranking.ParseMask)
	b.classfulMask = slices.Contains(lengths, ranking.ClassfulMask)
	b.masks.IPv4 = slices.DeleteFunc(lengths, func(n int) bool { return n == ranking.ClassfulMask })
	return err
}

func parseNetmask6(b *block, l *line) (err error) {
	b.masks.IPv6, err = parseMasks(l, "one or more prefix lengths", ranking.ParseMask6)
	return err
}

// parseMasks returns the lengths that parseMask makes of the words of l, none of which may come
// twice. want says what the words are.
func parseMasks(l *line, want string, parseMask func(word string) (int, error)) ([]int, error) {
	args, err := l.args(1, unlimited, want)
	if err != nil {
		return nil, err
	}
	var lengths []int
	for _, word := range args {
		length, err := parseMask(word)
		switch {
		case err != nil:
			return nil, l.errorf("%s %v", quote.Word(word), err)
		case slices.Contains(lengths, length):
			return nil, l.errorf("%s is given twice", quote.Word(word))
		}
		lengths = append(lengths, length)
	}
	return lengths, nil
}

// unordered are the types that are refused, and why.
var unordered = map[uint16]string{
	dns.TypeCNAME: "a name has only one alias",
	dns.TypeDNAME: "a name has only one alias",
	dns.TypeSOA:   "a zone has only one SOA record",
	dns.TypeOPT:   "it is not zone data",
	dns.TypeRRSIG: "signatures are not reordered",
	dns.TypeTSIG:  "it is not zone data",
	dns.TypeANY:   "it is a query type, not a record type",
	dns.TypeAXFR:  "it is a query type, not a record type",
	dns.TypeIXFR:  "it is a query type, not a record type",
}

func parseTypes(b *block, l *line) error {
	args, err := l.args(1, unlimited, "one or more record types")
	if err != nil {
		return err
	}
	b.types = nil
	for _, word := range args {
		t, ok := dns.StringToType[strings.ToUpper(word)]
		if !ok {
			return l.errorf("%s is not a record type%s", quote.Word(word), typeMeant(word))
		}
		if why, refused := unordered[t]; refused {
			return l.errorf("%s cannot be ordered: %s", word, why)
		}
		if slices.Contains(b.types, t) {
			return l.errorf("%s is given twice", word)
		}
		b.types = append(b.types, t)
	}
	return nil
}

// typeMeant returns didYouMean of the type that a word is the number of, such as 28 or TYPE28.
func typeMeant(word string) string {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(word), "TYPE"), 10, 16)
	if err != nil {
		return ""
	}
	return didYouMean(dns.TypeToString[uint16(n)])
}

func parseAnswerLimit(b *block, l *line) error {
	args, err := l.args(1, 1, "a number from 1 up")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[0])
	switch {
	case err == nil && n == 0, slices.Contains([]string{"off", "no", "none", "unlimited", "-1"}, strings.ToLower(args[0])):
		return l.errorf("%s is not a number from 1 up: for no limit, remove this line", args[0])
	case err != nil || n < 0:
		return l.errorf("%s is not a number from 1 up", quote.Word(args[0]))
	}
	b.limit = n
	return nil
}
