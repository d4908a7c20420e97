package ordering

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// TestFloodLeavesMemoryFlatAndHotNamesExact asks for many names that are all different, each for a
// client of its own, and now and then for names that are asked again and again. Of all that, the
// plugin must remember only the turns of the hot names.
//
// ORDERING_FLOOD says how many names there are. Ten million, as a stranger could ask in an hour:
//
//	ORDERING_FLOOD=10000000 go test -run TestFlood . -v -timeout 0
func TestFloodLeavesMemoryFlatAndHotNamesExact(t *testing.T) {
	count := 200_000
	if systemtest.Raced() {
		count = 20_000
	}
	if text := os.Getenv("ORDERING_FLOOD"); text != "" {
		if _, err := fmt.Sscan(text, &count); err != nil {
			t.Fatal(err)
		}
	}
	for name, corefile := range map[string]string{
		"defaults": "ordering",
		"all properties": `ordering {
			netmask /28 /21
			classful off
			netmask6 /56
			base_order canonical
			types A AAAA MX
			sortlist 10.0.0.0/8 192.0.2.0/24 !198.51.100.0/24
			topology TABLE
			weight 192.0.2.1 3
			answer_limit 3
			ecs 0.0.0.0/0
		}`,
		"random": "ordering {\nround_robin random\nanswer_limit 2\n}",
		"sticky": "ordering {\nround_robin sticky\nweight 192.0.2.1 3\n}",
	} {
		t.Run(name, func(t *testing.T) { flood(t, orderingOf(t, withTable(t, corefile), threeAddresses()), count) })
	}
}

// threeAddresses returns a handler that answers with three addresses, which are equally far from
// the clients of the flood.
func threeAddresses() plugin.Handler {
	return test.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		m := new(dns.Msg).SetReply(r)
		m.Authoritative = true
		for _, a := range []string{"198.51.100.1", "198.51.100.2", "198.51.100.3"} {
			m.Answer = append(m.Answer, address(r.Question[0].Name, netip.MustParseAddr(a)))
		}
		return dns.RcodeSuccess, w.WriteMsg(m)
	})
}

// flood asks h for this many names, and after every hundredth for one of twenty hot names.
func flood(t *testing.T, h *Ordering, count int) {
	const hotNames, steady = 20, 10 // hot names are exact once they were asked for a few times
	rnd, client := rand.New(rand.NewPCG(1, 2)), &net.UDPAddr{IP: make(net.IP, 4), Port: 40212}
	box := &inbox{sink: &sink{client: client}}
	exchange := func(name string, source uint32) string {
		binary.BigEndian.PutUint32(client.IP, source)
		r := new(dns.Msg).SetQuestion(name, dns.TypeA)
		r.SetEdns0(1232, false)
		// The option names a client as well, which the third Corefile believes.
		r.IsEdns0().Option = []dns.EDNS0{subnet(1, client.IP.String(), 32, 0)}
		if _, err := h.ServeDNS(context.Background(), box, r); err != nil {
			t.Fatal(err)
		}
		return addrs(box.msg.Answer)[0]
	}
	cyclic := h.zones.find(".").policy.orderer.Rotation() == 0
	firsts := make([][4]string, hotNames) // of the last four answers
	asked := make([]int, hotNames)
	var start uint64
	for i := range count {
		if i == count/10 {
			start = heapInUse()
		}
		exchange(fmt.Sprintf("n%d.example.org.", i), rnd.Uint32())
		if i%100 != 0 {
			continue
		}
		hot := i / 100 % hotNames
		const farAway = 203<<24 | 7
		last := &firsts[hot]
		copy(last[:], last[1:])
		last[3] = exchange(fmt.Sprintf("hot%d.example.org.", hot), farAway)
		// Of any four in a row the last is as the first, and the three before it are different.
		if asked[hot]++; cyclic && asked[hot] > steady &&
			(last[3] != last[0] || last[1] == last[0] || last[2] == last[0] || last[2] == last[1]) {
			t.Fatalf("the last answers for hot name %d, up to number %d, begin with %v", hot, asked[hot], last)
		}
	}
	end := heapInUse()
	t.Logf("%d names and clients: %d KiB of heap after a tenth, %d KiB at the end", count, start>>10, end>>10)
	if end > start+256<<10 {
		t.Errorf("the heap grew from %d to %d KiB", start>>10, end>>10)
	}
	runtime.KeepAlive(h)
}

// heapInUse returns the bytes in use after a garbage collection.
func heapInUse() uint64 {
	runtime.GC()
	runtime.GC() // what pools keep over one collection
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
