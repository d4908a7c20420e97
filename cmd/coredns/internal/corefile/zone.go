package corefile

import (
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// unreadZone matches the error of the file plugin for a zone file that it cannot read: the name of
// the file, quoted, and what the parser says.
var unreadZone = regexp.MustCompile(`failed to parse file ("(?:[^"\\]|\\.)*") .* with error (.*)`)

// unknownRecord matches what the parser says of a record type that it does not know, in each place
// where it can stand: behind the name, the TTL or the class.
var unknownRecord = regexp.MustCompile(`dns: (?:not a TTL|unknown RR type|expecting RR type or class, not this\.\.\.): "(WINS|WINSR|WINS-R|WKS)"`)

// adviceForZone returns what to do about a zone file that the file plugin cannot read, with a colon
// in front. It returns "" where that is not clear, and for other messages.
func adviceForZone(message string) string {
	parts := unreadZone.FindStringSubmatch(message)
	if parts == nil {
		return ""
	}
	name, err := strconv.Unquote(parts[1])
	if err == nil && hasByteOrderMark(name) {
		return ": save the zone file as ASCII or as UTF-8 without a byte order mark"
	}
	parsed := parts[2]
	if record := unknownRecord.FindStringSubmatch(parsed); record != nil {
		return ": remove this " + record[1] + " record, which file does not know"
	}
	switch {
	case strings.Contains(parsed, `: "[AG`):
		return ": remove the time stamps of aging, which Windows writes as [AGE:…], from all records"
	case strings.Contains(parsed, "missing TTL with no previous value"):
		return ": write $TTL 3600 as the first line of the zone file, with the last number of its " +
			"SOA record, which Windows and BIND use where a record has no TTL"
	}
	return ""
}

// hasByteOrderMark reports whether the file begins with the mark of UTF-8 or of UTF-16, as Windows
// PowerShell writes it.
func hasByteOrderMark(name string) bool {
	zone, err := os.Open(name)
	if err != nil {
		return false
	}
	defer zone.Close()
	start := make([]byte, 3)
	n, _ := io.ReadFull(zone, start)
	return strings.HasPrefix(string(start[:n]), utf16) || string(start[:n]) == "\ufeff"
}
