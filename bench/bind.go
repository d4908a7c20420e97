//go:build linux

package main

import (
	"fmt"
	"strings"
)

// bind compares BIND's named with its sortlist, which BIND 9.21.4 removed, and
// with its rotation.
func bind() group {
	return group{
		name:      "BIND",
		program:   "named",
		version:   []string{"named", "-v"},
		reference: named("`rrset-order none`", "rrset-order { order none; };"),
		variants: []contender{
			shuffles(named("`rrset-order cyclic`", "rrset-order { order cyclic; };"), ""),
			orders(named("`sortlist` of 1 line", namedSortlist(1)), "BIND sortlist"),
			orders(named("`sortlist` of 20 lines", namedSortlist(20)), ""),
		},
	}
}

func named(name, option string) contender {
	return contender{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
		path, err := writeConfig(dir, "named.conf", fmt.Sprintf(`options {
    directory "%s";
    pid-file none;
    session-keyfile none;
    listen-on port %d { 127.0.0.1; };
    listen-on-v6 { none; };
    recursion no;
    dnssec-validation no;
    minimal-responses yes;
    edns-udp-size 4096;
    max-udp-size 4096;
    %s
};
controls { };
zone "%s" { type primary; file "%s"; };
`, dir, port, option, zone, zoneFile))
		return []string{"named", "-g", "-n", "1", "-c", path}, err
	}}
}

// namedSortlist returns a sortlist of which only the last line is for our
// client. It ends with rotation off, as the reference does.
func namedSortlist(lines int) string {
	var s strings.Builder
	s.WriteString("rrset-order { order none; }; sortlist {")
	for i := range lines - 1 {
		fmt.Fprintf(&s, " { 10.%d.0.0/16; { 10.%d.1.0/24; 10.%d.0.0/16; }; };", i, i, i)
	}
	fmt.Fprintf(&s, " { %s; { %s; %s; }; }; };", clientNetwork, clientSubnet, clientNetwork)
	return s.String()
}
