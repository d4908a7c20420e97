package rrset

import "github.com/miekg/dns"

// record returns the record that a line of a zone file says.
func record(line string) dns.RR {
	rr, err := dns.NewRR(line)
	if err != nil {
		panic(err)
	}
	return rr
}
