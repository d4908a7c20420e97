//go:build linux

package main

import (
	"fmt"
	"strings"
)

// bind returns BIND with rotation and with the statement sortlist, which BIND 9.21.4 removed.
func bind() group {
	return group{
		name:     "BIND",
		program:  "named",
		version:  []string{"named", "-v"},
		baseline: named("`rrset-order none`", "rrset-order { order none; };"),
		variants: []variant{
			named("`rrset-order cyclic`", "rrset-order { order cyclic; };").
				turning().plotted("BIND, rrset-order cyclic"),
			named("`sortlist` of 1 line", namedSortlist(1)).sorted().plotted("BIND, sortlist of 1 line"),
			named("`sortlist` of 20 lines", namedSortlist(20)).sorted(),
		},
	}
}

func named(name, option string) variant {
	return variant{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
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

// namedSortlist returns a sortlist whose last line is the only one for the client. Rotation is off,
// as in the baseline.
func namedSortlist(lines int) string {
	var s strings.Builder
	s.WriteString("rrset-order { order none; }; sortlist {")
	for i := range lines - 1 {
		fmt.Fprintf(&s, " { 10.%d.0.0/16; { 10.%d.1.0/24; 10.%d.0.0/16; }; };", i, i, i)
	}
	fmt.Fprintf(&s, " { %s; { %s; %s; }; }; };", clientNetwork, clientSubnet, clientNetwork)
	return s.String()
}
