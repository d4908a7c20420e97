package ordering

import "strings"

// fromBIND returns didYouMean of the first statement of a sort list as BIND has it,
// { { CLIENTS; { PREFERENCE; … }; }; … }. It is "" where words are anything else.
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
