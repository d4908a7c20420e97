package ordering

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/coredns-ordering/ordering/internal/quote"

	"github.com/coredns/caddy/caddyfile"
)

// A line is one property of a directive: its name and the words after it.
type line struct {
	position string // "Corefile:7"
	number   int    // 7
	property string
	words    []string // those between braces on further lines included
}

// readLine reads the line of which d has loaded the first word.
func readLine(d *caddyfile.Dispenser) *line {
	l := &line{position: position(d), number: d.Line(), property: d.Val()}
	for open := 0; d.NextArg() || open > 0 && d.Next(); {
		switch d.Val() {
		case "{":
			open++
		case "}":
			open--
		}
		l.words = append(l.words, d.Val())
	}
	return l
}

// file returns the file that l is in.
func (l *line) file() string { return strings.TrimSuffix(l.position, fmt.Sprintf(":%d", l.number)) }

// position returns the file and line of the word that d has loaded.
func position(d *caddyfile.Dispenser) string { return fmt.Sprintf("%s:%d", d.File(), d.Line()) }

// errorAt returns an error in the form of CoreDNS's own parser.
func errorAt(position, format string, args ...any) error {
	return fmt.Errorf("%s - Error during parsing: %s", position, fmt.Sprintf(format, args...))
}

// errorf returns an error that names file, line and property.
func (l *line) errorf(format string, args ...any) error {
	return errorAt(l.position, "%s: %s", l.property, fmt.Sprintf(format, args...))
}

// twice returns the error for a property that stands in line first already.
func (l *line) twice(first *line) error {
	if first.position == l.position {
		return l.errorf(twiceInLine)
	}
	return l.errorf("given twice, first at %s: merge the two lines or remove one", first.position)
}

// unlimited is how many words a list may have.
const unlimited = math.MaxInt

// args returns the words, which must be least to most. want says what they should be.
func (l *line) args(least, most int, want string) ([]string, error) {
	switch {
	case len(l.words) < least:
		return nil, l.errorf("missing argument; want %s", want)
	case len(l.words) > most:
		return nil, l.errorf("unexpected argument %s; want %s", quote.Quoted(l.words[most]), want)
	}
	return l.words, nil
}

// choice returns the index in choices of the only word. synonyms are words that are not understood,
// each with the choice that was probably meant.
func (l *line) choice(synonyms map[string]string, choices ...string) (int, error) {
	want := strings.Join(choices[:len(choices)-1], ", ") + " or " + choices[len(choices)-1]
	args, err := l.args(1, 1, want)
	if err != nil {
		return 0, err
	}
	if i := slices.Index(choices, args[0]); i >= 0 {
		return i, nil
	}
	lower := strings.ToLower(args[0])
	meant, ok := synonyms[lower]
	if !ok {
		meant = nearest(lower, choices)
	}
	return 0, l.errorf("%s is not %s%s", quote.Word(args[0]), want, didYouMean(meant))
}

// switches are words for on and off.
var switches = map[string]string{
	"true": "on", "yes": "on", "1": "on", "enable": "on", "enabled": "on",
	"false": "off", "no": "off", "0": "off", "disable": "off", "disabled": "off", "none": "off", "of": "off",
}

// toggle sets on to what the only word says, on or off.
func (l *line) toggle(on *bool) error {
	i, err := l.choice(switches, "on", "off")
	*on = i == 0
	return err
}

// twiceInLine is what is wrong with a word that stands twice in a line. CoreDNS's parser takes the
// same line for one long line if it is imported twice in a row.
const twiceInLine = "given twice in this line: is the line imported twice?"

// check returns an error for words that belong in no property, such as a brace or another property.
func (l *line) check() error {
	paths := l.property == "topology" // may be almost anything
	for _, word := range l.words {
		switch {
		case word == "":
			return l.errorf(`"" is empty: is an environment variable not set?`)
		case word == "{", strings.Contains(word, "{") && !paths:
			return l.errorf("unexpected {: a property has no block, so remove { and its }")
		case word == "}", strings.Contains(word, "}") && !paths:
			return l.errorf("unexpected }: put it on a line of its own")
		}
	}
	if paths {
		return nil
	}
	for i, word := range l.words {
		switch _, property := properties[word]; {
		case word == l.property:
			return l.errorf(twiceInLine)
		case property, word == pluginName:
			return l.errorf("unexpected %s: put it on a line of its own", word)
		case word == "//":
			return l.errorf("unexpected //: a comment starts with #")
		case word == "=":
			return l.errorf(`unexpected "="%s`, didYouMean(l.property, slices.Delete(slices.Clone(l.words), i, i+1)...))
		}
	}
	return l.checkSeparators()
}

// checkSeparators returns an error for a comma, a semicolon or an exclamation mark where it does
// not belong. Only a word of a sort list has commas, without spaces around them.
func (l *line) checkSeparators() error {
	sortlist := l.property == "sortlist"
	for _, word := range l.words {
		wrong := ""
		switch {
		case strings.Trim(word, ",;") == "":
			wrong = "is unexpected"
		case strings.ContainsFunc(word, unicode.IsSpace):
			return l.errorf("%s contains a space: write the words apart, without quotation marks", quote.Quoted(word))
		case strings.HasSuffix(word, ";"):
			wrong = "ends in a semicolon"
		case strings.Contains(word, ",") && !sortlist:
			wrong = "contains a comma"
		case strings.HasPrefix(word, ","):
			wrong = "begins with a comma"
		case strings.HasSuffix(word, ","):
			wrong = "ends in a comma"
		case strings.HasSuffix(word, "!") && sortlist:
			wrong = "is not followed by a network"
		}
		if wrong != "" {
			return l.errorf("%s %s%s", quote.Quoted(word), wrong, l.separated())
		}
	}
	return nil
}

// inOneWord joins the parts of a word of a sort list.
var inOneWord = strings.NewReplacer(" , ", ",", "any, ", "any ", ", ", ",", " ,", ",", "! ", "!")

// separated returns didYouMean of the line with its words separated as they should be, or what to
// write in place of one line; "" if that changes nothing.
func (l *line) separated() string {
	text := strings.ReplaceAll(strings.Join(l.words, " "), ";", " ")
	if l.property == "sortlist" {
		text = strings.Trim(inOneWord.Replace(text), ", ")
	} else {
		text = strings.ReplaceAll(text, ",", " ")
	}
	words := strings.Fields(text)
	switch {
	case len(words) == 0, slices.Equal(words, l.words):
		return ""
	case l.property == "weight" && len(words) > 2:
		return ": write a line for each network"
	}
	return didYouMean(l.property, words...)
}
