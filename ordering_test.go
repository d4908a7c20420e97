package ordering

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// TestExamples has the two examples of netmask ordering. The addresses of the last tier take turns
// from the first answer on.
func TestExamples(t *testing.T) {
	for _, tt := range []struct {
		corefile, client string
		zone             []string
		answers          [][]string
	}{
		{
			"ordering", "10.4.3.2",
			[]string{"192.168.1.27", "10.0.0.14", "172.16.20.4"},
			[][]string{
				{"10.0.0.14", "192.168.1.27", "172.16.20.4"},
				{"10.0.0.14", "172.16.20.4", "192.168.1.27"},
				{"10.0.0.14", "192.168.1.27", "172.16.20.4"},
			},
		}, {
			"ordering", "172.16.22.8",
			[]string{"192.168.1.27", "172.16.22.4", "10.0.0.14", "172.16.31.5"},
			[][]string{
				{"172.16.22.4", "172.16.31.5", "192.168.1.27", "10.0.0.14"},
				{"172.16.22.4", "172.16.31.5", "10.0.0.14", "192.168.1.27"},
				{"172.16.22.4", "172.16.31.5", "192.168.1.27", "10.0.0.14"},
			},
		}, {
			"ordering {\n netmask 255.255.248.0\n}", "172.16.22.8",
			[]string{"192.168.1.27", "172.16.22.4", "10.0.0.14", "172.16.31.5"},
			[][]string{
				{"172.16.22.4", "172.16.31.5", "192.168.1.27", "10.0.0.14"},
				{"172.16.22.4", "172.16.31.5", "10.0.0.14", "192.168.1.27"},
				{"172.16.22.4", "172.16.31.5", "192.168.1.27", "10.0.0.14"},
			},
		},
	} {
		checkAnswers(t, tt.corefile, tt.client, tt.zone, tt.answers)
	}
}

// TestToggles has the four combinations of local_net_priority and round_robin.
func TestToggles(t *testing.T) {
	const client = "10.4.3.2"
	zone := []string{"192.168.1.27", "10.0.0.14", "172.16.20.4"}
	for _, tt := range []struct {
		localNetPriority, roundRobin string
		answers                      [][]string
	}{
		{"on", "on", [][]string{ // tiers, each tier rotating
			{"10.0.0.14", "192.168.1.27", "172.16.20.4"},
			{"10.0.0.14", "172.16.20.4", "192.168.1.27"},
			{"10.0.0.14", "192.168.1.27", "172.16.20.4"},
		}},
		{"on", "off", [][]string{ // tiers, base order inside each
			{"10.0.0.14", "192.168.1.27", "172.16.20.4"},
			{"10.0.0.14", "192.168.1.27", "172.16.20.4"},
		}},
		{"off", "on", [][]string{ // one tier, rotating
			{"192.168.1.27", "10.0.0.14", "172.16.20.4"},
			{"10.0.0.14", "172.16.20.4", "192.168.1.27"},
			{"172.16.20.4", "192.168.1.27", "10.0.0.14"},
			{"192.168.1.27", "10.0.0.14", "172.16.20.4"},
		}},
		{"off", "off", [][]string{ // base order
			{"192.168.1.27", "10.0.0.14", "172.16.20.4"},
			{"192.168.1.27", "10.0.0.14", "172.16.20.4"},
		}},
	} {
		corefile := "ordering {\n local_net_priority " + tt.localNetPriority + "\n round_robin " + tt.roundRobin + "\n}"
		checkAnswers(t, corefile, client, zone, tt.answers)
	}
}

// checkAnswers checks the answers that a client gets one after the other for a name with the
// addresses of zone, in zone order.
func checkAnswers(t *testing.T, corefile, client string, zone []string, answers [][]string) {
	t.Helper()
	o := orderingOf(t, corefile, replying(reply(hot, dns.TypeA, addressRRset(zone...)...)))
	for i, want := range answers {
		if got := addrs(ask(t, o, client, hot, dns.TypeA).Answer); !slices.Equal(got, want) {
			t.Errorf("%s\nanswer %d to %s is %v, want %v", corefile, i, client, got, want)
		}
	}
}
