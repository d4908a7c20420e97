package network

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for word, want := range map[string]string{
		"10.0.0.0/8":          "10.0.0.0/8",
		"0.0.0.0/0":           "0.0.0.0/0",
		"192.0.2.1":           "192.0.2.1/32",
		"2001:db8::/32":       "2001:db8::/32",
		"::1":                 "::1/128",
		"::ffff:10.0.0.0/104": "10.0.0.0/8",
		"::ffff:10.0.0.1":     "10.0.0.1/32",

		"10.1.2.3/8":             "10.1.2.3/8 has host bits set: did you mean 10.0.0.0/8?",
		"2001:db8::1/32":         "2001:db8::1/32 has host bits set: did you mean 2001:db8::/32?",
		"::ffff:10.0.0.1/95":     "::ffff:10.0.0.1/95 has host bits set: did you mean ::fffe:0:0/95?",
		"10.1/16":                `"10.1/16" is not an address or network: did you mean 10.1.0.0/16?`,
		"10/8":                   `"10/8" is not an address or network: did you mean 10.0.0.0/8?`,
		"10.0.0/24":              `"10.0.0/24" is not an address or network: did you mean 10.0.0.0/24?`,
		"10.1./16":               `"10.1./16" is not an address or network: did you mean 10.1.0.0/16?`,
		"10.0.0.0/8;":            `"10.0.0.0/8;" is not an address or network: did you mean 10.0.0.0/8?`,
		"10.0.0.1;":              `"10.0.0.1;" is not an address or network: did you mean 10.0.0.1?`,
		"10.0.0.0/255.0.0.0":     "10.0.0.0/255.0.0.0 has a mask instead of a prefix length: did you mean 10.0.0.0/8?",
		"2001:db8::/ffff:ffff::": "2001:db8::/ffff:ffff:: has a mask instead of a prefix length: did you mean 2001:db8::/32?",
		"10.0.0.0/255.0.255.0":   `10.0.0.0/255.0.255.0: "255.0.255.0" is not a prefix length from 0 to 32`,
		"10.1":                   `"10.1" is not an address or network: did you mean 10.1.0.0/16?`,
		"10.":                    `"10." is not an address or network: did you mean 10.0.0.0/8?`,
		"10.1.*":                 `"10.1.*" is not an address or network: did you mean 10.1.0.0/16?`,
		"10.1.2.*":               `"10.1.2.*" is not an address or network: did you mean 10.1.2.0/24?`,
		"10.*.*.*":               `"10.*.*.*" is not an address or network: did you mean 10.0.0.0/8?`,
		"10.1.2.0.*":             `"10.1.2.0.*" is not an address or network`,
		"*":                      `"*" is not an address or network`,
		"4":                      `"4" is not an address or network`,
		"10.1/8":                 `"10.1/8" is not an address or network`,
		"10.0.0.53:53":           `"10.0.0.53:53" is not an address or network: did you mean 10.0.0.53?`,
		"[2001:db8::1]":          `"[2001:db8::1]" is not an address or network: did you mean 2001:db8::1?`,
		"[2001:db8::1]:53":       `"[2001:db8::1]:53" is not an address or network: did you mean 2001:db8::1?`,
		"10.0.0.0\\8":            `"10.0.0.0\\8" is not an address or network: did you mean 10.0.0.0/8?`,
		"10.0.0.0/33":            `10.0.0.0/33: "33" is not a prefix length from 0 to 32`,
		"2001:db8::/129":         `2001:db8::/129: "129" is not a prefix length from 0 to 128`,
		"10.0.0.0/":              `10.0.0.0/: "" is not a prefix length from 0 to 32`,
		"fe80::1%eth0":           "fe80::1%eth0 has an IPv6 zone: remove %eth0",
		"lan":                    `"lan" is not an address or network`,
		"":                       `"" is not an address or network`,
		"/8":                     `"/8" is not an address or network`,

		"a\nb":              `"a\nb" is not an address or network`,
		"fe80::1%\x1b[31m":  `"fe80::1%\x1b[31m" has an IPv6 zone: remove "%\x1b[31m"`,
		"10.0.0.0/\r":       `"10.0.0.0/\r": "\r" is not a prefix length from 0 to 32`,
		"\u202e10.0.0.0/8;": `"\u202e10.0.0.0/8;" is not an address or network`,
		"10.0.0.0/8" + strings.Repeat(";", 60): `"10.0.0.0/8` + strings.Repeat(";", 50) +
			`"… is not an address or network: did you mean 10.0.0.0/8?`,
		strings.Repeat("x", 60): `"` + strings.Repeat("x", 60) + `" is not an address or network`,
		strings.Repeat("x", 61): `"` + strings.Repeat("x", 60) + `"… is not an address or network`,
	} {
		n, err := Parse(word)
		got := n.String()
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q\n got: %s\nwant: %s", word, got, want)
		}
	}
}

func TestParseList(t *testing.T) {
	for word, want := range map[string]string{
		"any":                       "[0.0.0.0/0 ::/0] <nil>",
		"10.0.0.0/8":                "[10.0.0.0/8] <nil>",
		"10.0.0.0/8,2001:db8::/32":  "[10.0.0.0/8 2001:db8::/32] <nil>",
		"10.0.0.0/8,any":            "[] 10.0.0.0/8,any has any among others, and any is every address: did you mean any?",
		"10.0.0.0/8,":               "[] 10.0.0.0/8, has a comma too many",
		"Any":                       `[] "Any" is not an address or network: did you mean any?`,
		"*":                         `[] "*" is not an address or network: did you mean any?`,
		"":                          `[] "" is not an address or network`,
		"10.0.0.0/8,172.16.0.0/8":   "[] 172.16.0.0/8 has host bits set: did you mean 172.0.0.0/8?",
		"10.0.0.0/8,,2001:db8::/32": "[] 10.0.0.0/8,,2001:db8::/32 has a comma too many",
	} {
		all, err := ParseList(word)
		if got := fmt.Sprint(all, err); got != want {
			t.Errorf("%q\n got: %s\nwant: %s", word, got, want)
		}
	}
}
