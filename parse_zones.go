package ordering

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/internal/quote"
	"github.com/coredns-ordering/ordering/plugin/ranking"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// servedZones returns the zones of c's server block, sorted, lower case and fully qualified.
func servedZones(c *caddy.Controller) []string {
	served := plugin.OriginsFromArgsOrServerBlock(nil, c.ServerBlockKeys)
	slices.Sort(served)
	return slices.Compact(served) // a server block has a zone once for each port
}

// parseZones returns the zones of the directive that c has loaded, lower case and fully qualified:
// those that it names, otherwise those served by the server block. A zone that it names twice is
// returned twice. Its error names the word, but not the line.
func parseZones(c *caddy.Controller, served []string) ([]string, error) {
	words := c.RemainingArgs()
	if len(words) == 0 {
		return served, nil
	}
	var zones []string
	for _, word := range words {
		named := plugin.Host(word).NormalizeExact() // several for a network such as 10.0.0.0/12
		if err := checkZone(word, named, served); err != nil {
			return nil, err
		}
		zones = append(zones, named...)
	}
	return zones, nil
}

// checkZone returns an error for a word that is no zone, or a zone for which the server block,
// which serves these zones, gets no questions. named are the zones that CoreDNS takes the word for.
func checkZone(word string, named, served []string) error {
	_, property := properties[word]
	wildcard, isWildcard := strings.CutPrefix(word, "*.")
	parts := strings.FieldsFunc(word, func(r rune) bool { return r == ',' || r == ';' })
	switch {
	case word == "":
		return errors.New(`"" is not a zone: is an environment variable not set?`)
	case word == pluginName:
		return fmt.Errorf("%s is %s", word, twiceInLine)
	case property:
		return fmt.Errorf("%s is a property, not a zone: put it on a line of its own between { and }", word)
	case strings.ContainsAny(word, "{}"):
		return fmt.Errorf("%s is not a zone: put a space before { and put } on a line of its own", quote.Word(word))
	case word == "*", word == "*.":
		return errors.New("* is a wildcard, not a zone: write . for all names")
	case isWildcard:
		return fmt.Errorf("%s is a wildcard, and a zone holds all names below it%s", quote.Word(word),
			didYouMean(quote.Word(wildcard)))
	case len(parts) == 0:
		return fmt.Errorf("%s is not a zone", quote.Quoted(word))
	case parts[0] != word:
		return fmt.Errorf("%s is not a zone%s", quote.Quoted(word), didYouMean(quote.Word(parts[0]), parts[1:]...))
	case isValue(word) && !slices.Contains(served, plugin.Name(word).Normalize()):
		return fmt.Errorf("%s is a value, not a zone: put it after its property between { and }", quote.Word(word))
	case !isZone(word, named):
		return notZone(word)
	case asked(named[0]) != named[0]:
		return fmt.Errorf("%s can never match, because questions spell it another way%s", quote.Word(word),
			didYouMean(quote.Word(strings.TrimSuffix(asked(named[0]), "."))))
	case !slices.ContainsFunc(named, func(zone string) bool { return overlaps(zone, served) }):
		return outside(word, named[0], served)
	}
	return nil
}

// isValue reports whether word is the value of a property rather than a zone. A zone of the same
// name can be written with a dot at its end.
func isValue(word string) bool {
	values := []string{"on", "off", "random", "sticky", "zero", "auto", "received", "canonical", "any"}
	if slices.Contains(values, strings.ToLower(word)) {
		return true
	}
	_, err := ranking.ParseMask(word)
	return err == nil || strings.Trim(strings.TrimPrefix(word, "/"), "0123456789") == ""
}

// isZone reports whether word is a zone that the name of a question can be in. named are the zones
// that CoreDNS takes word for.
func isZone(word string, named []string) bool {
	if len(named) == 0 || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false // in the names of questions, such characters are escaped
	}
	if beginsWithAddress(named[0]) || beginsWithAddress(word) && !strings.HasSuffix(named[0], ".arpa.") {
		return false // an address that CoreDNS does not take for a reverse zone
	}
	_, ok := dns.IsDomainName(named[0])
	return ok
}

// asked returns zone, a valid name, as the names of questions spell it: they escape what must be
// escaped, and nothing else.
func asked(zone string) string {
	packed := make([]byte, 256)
	if _, err := dns.PackDomainName(zone, packed, 0, nil, false); err != nil {
		return ""
	}
	name, _, _ := dns.UnpackDomainName(packed, 0)
	return strings.ToLower(name)
}

// beginsWithAddress reports whether the part of word before a slash is an address.
func beginsWithAddress(word string) bool {
	address, _, _ := strings.Cut(strings.TrimSuffix(word, "."), "/")
	_, err := netip.ParseAddr(address)
	return err == nil
}

// notZone returns the error for a word that isZone refuses.
func notZone(word string) error {
	n, err := network.Parse(word)
	switch {
	case err == nil && n.IsSingleIP():
		return fmt.Errorf("%s is an address, not a zone: its reverse zone is written %v", word, n)
	case strings.ContainsFunc(word, func(r rune) bool { return r > '~' }):
		return fmt.Errorf("%s is not a zone: write it in ASCII, as xn--…", quote.Word(word))
	case err != nil && beginsWithAddress(word):
		return err
	}
	return fmt.Errorf("%s is not a zone", quote.Word(word))
}

// overlaps reports whether some name is in zone and in one of the zones served.
func overlaps(zone string, served []string) bool {
	return slices.ContainsFunc(served, func(s string) bool { return dns.IsSubDomain(s, zone) || dns.IsSubDomain(zone, s) })
}

// outside returns the error for a word whose zone has nothing in common with the zones served.
func outside(word, zone string, served []string) error {
	const most = 3
	var names []string
	for _, s := range served[:min(len(served), most)] {
		names = append(names, quote.Word(withoutDot(s)))
	}
	if len(served) > most {
		names = append(names, "…")
	}
	mend := ""
	if dns.CountLabel(zone) == 1 && len(served) == 1 {
		mend = didYouMean(quote.Word(withoutDot(zone + served[0])))
	}
	return fmt.Errorf("%s can never match, because this server block serves only %s%s", quote.Word(word),
		strings.Join(names, ", "), mend)
}

// withoutDot returns a zone without the dot at its end, except the root.
func withoutDot(zone string) string {
	if zone == "." {
		return zone
	}
	return strings.TrimSuffix(zone, ".")
}

// zoneTwice returns the error for a zone of the policy p that the policy first has already.
func zoneTwice(zone string, p, first *policy) error {
	zone = quote.Word(withoutDot(zone))
	switch {
	case p == first:
		return errorAt(p.position, "zone %s is given twice: remove one", zone)
	case p.position == first.position:
		return errorAt(p.position, "zone %s already has this directive: is it imported twice?", zone)
	}
	return errorAt(p.position, "zone %s already has an %s directive, at %s: merge the two",
		zone, pluginName, first.position)
}
