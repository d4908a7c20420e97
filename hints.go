package ordering

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/coredns-ordering/ordering/internal/quote"

	"github.com/agnivade/levenshtein"
	"github.com/coredns/coredns/core/dnsserver"
)

// unknownProperty returns the error for a line whose first word is not a property. The block that
// the line is in begins at start. The error says what replaces a word of another server.
func unknownProperty(l *line, start string) error {
	_, known := replacements[letters(l.property)]
	switch {
	case l.property == "":
		return errorAt(l.position, `"" is not a property: is an environment variable not set?`)
	case strings.ContainsAny(l.property, "{}"):
		return errorAt(l.position, "unexpected %s: put { at the end of the %s line and } on a line of its own",
			quote.Word(l.property), pluginName)
	case !known && slices.Contains(dnsserver.Directives, l.property), l.property == pluginName:
		return errorAt(l.position, "%s is a directive, not a property: put } before it to end the %s block of %s",
			l.property, pluginName, start)
	}
	shown := quote.Word(l.property)
	if strings.ContainsAny(l.property, ":=") {
		shown = quote.Quoted(l.property)
	}
	return errorAt(l.position, "unknown property %s%s", shown, instead(l))
}

// instead returns what follows the name of an unknown property in its error: what to write in its
// place, "" where that is not clear.
func instead(l *line) string {
	if r, ok := replacements[letters(l.property)]; ok {
		words := bareValues(l.words)
		if r.property == "answer_limit" && slices.Equal(words, []string{"0"}) {
			return ": 0 means no limit there, so remove this line"
		}
		return didYouMean(r.property, r.words(words)...)
	}
	names := slices.Sorted(maps.Keys(properties))
	words := strings.FieldsFunc(l.property, func(r rune) bool { return r == ':' || r == '=' })
	if len(words) > 0 && slices.Contains(names, words[0]) {
		return didYouMean(words[0], append(words[1:], l.words...)...)
	}
	return didYouMean(nearest(l.property, names))
}

// A replacement is what ordering has in place of a word of another server: a property, and a
// function from the words after that one to the words after the property.
type replacement struct {
	property string
	words    func(words []string) []string
}

// replacements has what replaces the words of other servers. The keys are what letters makes of the
// words.
var replacements = map[string]replacement{
	// Windows DNS Server
	"localnetpriority":        {"local_net_priority", toggles},
	"localnetprioritynetmask": {"netmask", dwords},
	"localnetprioritymask":    {"netmask", dwords},      // PowerShell
	"roundrobin":              {"round_robin", toggles}, // NSD has it too
	"donotroundrobintypes":    {"types", otherTypes},
	"addressanswerlimit":      {"answer_limit", slices.Clone[[]string]},

	"rrsetorder":      {"round_robin", rrsetOrder},                                               // BIND
	"rrsetroundrobin": {"round_robin", toggles},                                                  // Unbound
	"answerrotation":  {"round_robin", toggles},                                                  // Knot DNS
	"localisequeries": {"local_net_priority", func([]string) []string { return []string{"on"} }}, // dnsmasq

	// The loadbalance plugin of CoreDNS
	"prefer": {"sortlist", func(words []string) []string { return append([]string{"any"}, words...) }},
}

// letters returns the letters of name, in lower case. Those of LocalNetPriority, /LocalNetPriority
// and local-net-priority are the same.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// toggles returns words with on and off in place of the words that other servers have for them.
func toggles(words []string) []string {
	all := slices.Clone(words)
	for i, word := range all {
		if toggle, ok := switches[strings.ToLower(strings.TrimRight(word, ";"))]; ok {
			all[i] = toggle
		}
	}
	return all
}

// bareValues returns the values in words without what Windows writes around them: PowerShell a
// colon, reg a type, as in REG_SZ, and a .reg file an equals sign and quotation marks, as in
// ="ns srv" and =dword:0000001f. Hexadecimal numbers become decimal.
func bareValues(words []string) []string {
	var values []string
	for _, word := range strings.Fields(strings.Join(words, " ")) {
		word = strings.Trim(word, `="`)
		if word == "" || word == ":" || strings.HasPrefix(word, "REG_") {
			continue
		}
		digits, hex := strings.CutPrefix(strings.ToLower(word), "dword:")
		if !hex {
			digits, hex = strings.CutPrefix(digits, "0x")
		}
		if n, err := strconv.ParseUint(digits, 16, 32); hex && err == nil {
			word = strconv.FormatUint(n, 10)
		}
		values = append(values, word)
	}
	return values
}

// dwords returns words with every DWORD as netmask takes it: in hexadecimal, with the host bits
// set. A DWORD in words is decimal and can have the network bits set.
func dwords(words []string) []string {
	all := slices.Clone(words)
	for i, word := range all {
		if n, err := strconv.ParseUint(word, 10, 32); err == nil {
			host := uint32(n)
			if host&(host+1) != 0 && ^host&(^host+1) == 0 { // the network bits are set
				host = ^host
			}
			all[i] = fmt.Sprintf("0x%x", host)
		}
	}
	return all
}

// otherTypes returns the usual record types without those in words.
func otherTypes(words []string) []string {
	return slices.DeleteFunc([]string{"A", "AAAA", "MX", "NS", "PTR", "SRV", "TXT"}, func(rrtype string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, rrtype) })
	})
}

// rrsetOrder returns the round robin for the words of BIND's statement rrset-order.
func rrsetOrder(words []string) []string {
	for _, word := range words {
		if rotation, ok := rotations[strings.ToLower(strings.Trim(word, "{};"))]; ok {
			return []string{rotation}
		}
	}
	return []string{"on"}
}

// nearest returns the candidate with the fewest edits to word, "" if all of them are far from it.
func nearest(word string, candidates []string) string {
	found, least := "", len(word)/2+1
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), c); d < least {
			found, least = c, d
		}
	}
	return found
}

// didYouMean returns ": did you mean NAME WORDS?"; "" for no name. It clips words and leaves out
// those after the eighth.
func didYouMean(name string, words ...string) string {
	if name == "" {
		return ""
	}
	const most = 8
	text := name
	for _, word := range words[:min(len(words), most)] {
		text += " " + quote.Word(word)
	}
	if len(words) > most {
		text += " …"
	}
	return fmt.Sprintf(": did you mean %s?", text)
}

// fromBIND returns didYouMean of the first statement in words, a sort list as BIND has it:
// { { CLIENTS; { PREFERENCE; … }; }; … }. It returns "" if words are anything else.
func fromBIND(words []string) string {
	text := strings.NewReplacer("{", " { ", "}", " } ", ";", " ").Replace(strings.Join(words, " "))
	sortlist, _ := parseElements(strings.Fields(text))
	if len(sortlist) == 0 || len(sortlist[0].list) == 0 {
		return ""
	}
	first := sortlist[0].list[0]
	if first.word != "" {
		return didYouMean("sortlist", first.word)
	}
	if len(first.list) == 0 {
		return ""
	}
	mended := []string{first.list[0].joined()}
	for _, preference := range first.list[1:] {
		if preference.word != "" {
			mended = append(mended, preference.word)
		}
		for _, rank := range preference.list {
			mended = append(mended, rank.joined())
		}
	}
	return didYouMean("sortlist", mended...)
}

// An element of a BIND statement is a word, or a list in braces.
type element struct {
	word string // "": a list
	list []element
}

// parseElements returns the elements in words up to a closing brace, and the words after it.
func parseElements(words []string) (all []element, rest []string) {
	for len(words) > 0 {
		e := element{word: words[0]}
		words = words[1:]
		switch e.word {
		case "}":
			return all, words
		case "{":
			e.word = ""
			e.list, words = parseElements(words)
		}
		all = append(all, e)
	}
	return all, nil
}

// joined returns the words of e with commas between them.
func (e element) joined() string {
	if e.word != "" {
		return e.word
	}
	var words []string
	for _, inner := range e.list {
		words = append(words, inner.joined())
	}
	return strings.Join(words, ",")
}
