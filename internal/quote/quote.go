// Package quote prepares text from configuration files, the network and the system for log lines
// and error messages: one line, no control characters, no word of unlimited length.
package quote

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxRunes is the number of characters of a word that Word and Quoted show.
const MaxRunes = 60

// Word returns word for use in a message. A word that is empty, or that contains a space, a
// quotation mark or a character that cannot be printed, is returned as Quoted returns it, and any
// other word without quotation marks. Of a word of more than MaxRunes characters only the first
// MaxRunes are shown, and an ellipsis follows.
func Word(word string) string {
	if word == "" || strings.ContainsAny(word, ` "`) || !printable(clip(word)) {
		return Quoted(word)
	}
	if shown := clip(word); shown != word {
		return shown + "…"
	}
	return word
}

// Quoted returns word in quotation marks, with the escapes of Go for what cannot be printed. Of a
// word of more than MaxRunes characters only the first MaxRunes are shown, and an ellipsis follows
// the closing quotation mark.
func Quoted(word string) string {
	shown := clip(word)
	quoted := strconv.Quote(shown)
	if shown != word {
		quoted += "…"
	}
	return quoted
}

// Line returns text with the escapes of Go for characters that cannot be printed, line breaks
// included, and changes nothing else. It is for text that has to be shown in full, such as a path,
// and for the messages of other programs.
func Line(text string) string {
	if printable(text) {
		return text
	}
	var b strings.Builder
	for _, char := range strings.Split(text, "") { // a byte that is not valid UTF-8 is one
		if printable(char) {
			b.WriteString(char)
		} else {
			quoted := strconv.Quote(char)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// printable reports whether text is valid UTF-8 without control characters, format characters or
// spaces other than the ASCII space.
func printable(text string) bool {
	for i, r := range text {
		if !strconv.IsPrint(r) {
			return false
		}
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)) {
			return false
		}
	}
	return true
}

// clip returns the first MaxRunes characters of word.
func clip(word string) string {
	n := 0
	for i := range word {
		if n == MaxRunes {
			return word[:i]
		}
		n++
	}
	return word
}
