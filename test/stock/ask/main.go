// Ask queries a server of the lucerne example for www.lucerne.example, from two subnets of the
// loopback network. It exits with an error if the nearest addresses do not come first for both.
//
//	ask 127.0.0.1:1053
package main

import (
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/miekg/dns"
)

const name = "www.lucerne.example."

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: ask ADDRESS:PORT")
	}
	server := os.Args[1]
	if err := awaitAnswer(server, 30*time.Second); err != nil {
		log.Fatal(err)
	}
	for _, client := range []string{"127.0.1.1", "127.0.2.1"} {
		addresses, err := ask(server, client)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s gets %v\n", client, addresses)
		if err := nearestFirst(client, addresses); err != nil {
			log.Fatal(err)
		}
	}
}

// awaitAnswer repeats a query until the server answers or timeout has passed. It returns the last
// error.
func awaitAnswer(server string, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		_, err := ask(server, "127.0.0.1")
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// ask sends a query from client to server, and returns the addresses in the order of the answer.
func ask(server, client string) ([]netip.Addr, error) {
	c := dns.Client{
		Timeout: time.Second,
		Dialer:  &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(client)}},
	}
	answer, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), server)
	if err != nil {
		return nil, err
	}
	var addresses []netip.Addr
	for _, rr := range answer.Answer {
		a, ok := rr.(*dns.A)
		if !ok {
			return nil, fmt.Errorf("not an address: %s", rr)
		}
		address, _ := netip.AddrFromSlice(a.A)
		addresses = append(addresses, address.Unmap())
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("%s: no addresses: %s", name, dns.RcodeToString[answer.Rcode])
	}
	return addresses, nil
}

// nearestFirst returns an error unless the addresses in client's /24 come before the others in its
// /8, and those before all the rest.
func nearestFirst(client string, addresses []netip.Addr) error {
	from := netip.MustParseAddr(client)
	last := 0
	for _, address := range addresses {
		t := tier(from, address)
		if t < last {
			return fmt.Errorf("%s gets %v: %s comes after a farther address", client, addresses, address)
		}
		last = t
	}
	if last != 2 {
		return fmt.Errorf("%s gets %v: the last address is not in the last of three tiers", client, addresses)
	}
	return nil
}

// tier returns 0 for an address in client's /24, 1 for others in its /8, and 2 for all the rest.
func tier(client, address netip.Addr) int {
	for t, length := range []int{24, 8} {
		if netip.PrefixFrom(client, length).Masked().Contains(address) {
			return t
		}
	}
	return 2
}
