package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/server"

	"github.com/coredns/coredns/core/dnsserver"
)

// A few errors of each kind. The tests of the parser have the full table.
func TestBrokenCorefilesAreRefused(t *testing.T) {
	broken := writeFile(t, "topology.txt", "10.1.0.0/16 west\n\n10.2.0.0/40 east\n")
	tests := []struct{ name, ordering, want string }{
		{"netmask with holes", "ordering {\nnetmask 255.0.255.0\n}",
			"Corefile:4 - Error during parsing: netmask: 255.0.255.0 has holes"},
		{"an IPv6 mask", "ordering {\nround_robin on\nnetmask /24 ffff::\n}",
			"Corefile:5 - Error during parsing: netmask: ffff:: is an IPv6 mask"},
		{"unknown property", "ordering {\nnet_mask /24\n}",
			"Corefile:4 - Error during parsing: unknown property net_mask: did you mean netmask?"},
		{"missing argument", "ordering {\nnetmask\n}", "Corefile:4 - Error during parsing: netmask: "},
		{"surplus argument", "ordering {\nround_robin on off\n}",
			`Corefile:4 - Error during parsing: round_robin: unexpected argument "off"`},
		{"neither on nor off", "ordering {\nlocal_net_priority yes\n}", "Corefile:4 - Error during parsing: local_net_priority: yes "},
		{"given twice", "ordering {\nclassful on\nclassful off\n}", "Corefile:5 - Error during parsing: classful: given twice, first at Corefile:4"},
		{"host bits", "ordering {\nsortlist 10.1.2.3/8\n}", "Corefile:4 - Error during parsing: sortlist: 10.1.2.3/8 has host bits set: did you mean 10.0.0.0/8?"},
		{"an alias", "ordering {\ntypes A CNAME\n}", "Corefile:4 - Error during parsing: types: CNAME "},
		{"a limit of 0", "ordering {\nanswer_limit 0\n}", "Corefile:4 - Error during parsing: answer_limit: 0 "},
		{"a weight above 255", "ordering {\nweight 10.0.0.0/8 256\n}", "Corefile:4 - Error during parsing: weight: 256 "},
		{"the same zone twice", "ordering a.example.org\nordering A.example.org", "Corefile:4 - Error during parsing: zone a.example.org already has an ordering directive, at Corefile:3"},
		{"a broken topology", "ordering {\ntopology " + broken + "\n}", "Corefile:4 - Error during parsing: topology: " + broken + ":3: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			instance, err := server.Run(t, "Corefile", "example.org {\nbind 127.0.0.1\n"+test.ordering+"\nwhoami\n}\n")
			if err == nil {
				instance.ShutdownCallbacks()
				instance.Stop()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got error %q\nwant one line with %q", err, test.want)
			}
		})
	}
}

// moved returns the directive list with directive moved directly before another.
func moved(directive, before string) []string {
	list := slices.DeleteFunc(slices.Clone(dnsserver.Directives), func(d string) bool { return d == directive })
	return slices.Insert(list, slices.Index(list, before), directive)
}

func TestWrongPositionsInTheDirectiveOrderAreRefused(t *testing.T) {
	tests := []struct {
		name         string
		order        []string
		block, wants string
	}{
		{"below cache", moved("ordering", "header"), "", "compiled in below cache"},
		{"below file", moved("file", "ordering"), "", "compiled in below file"},
		{"below forward", moved("forward", "cancel"), "", "compiled in below forward"},
		{"below loadbalance in the same server block", moved("ordering", "tsig"), "loadbalance",
			"loadbalance is compiled in above ordering"},
		{"below loadbalance, which no server block uses", moved("ordering", "tsig"), "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			defer func(list []string) { dnsserver.Directives = list }(dnsserver.Directives)
			dnsserver.Directives = test.order
			instance, err := server.Run(t, "Corefile", "example.org {\nbind 127.0.0.1\n"+test.block+"\nordering\nwhoami\n}\n")
			if err == nil {
				instance.ShutdownCallbacks()
				instance.Stop()
			}
			switch {
			case test.wants == "" && err != nil:
				t.Error(err)
			case test.wants != "" && err == nil:
				t.Error("started")
			case test.wants != "" &&
				(!strings.Contains(err.Error(), test.wants) || !strings.Contains(err.Error(), "Corefile:4 - ")):
				t.Errorf("got error %q\nwant %q and the line", err, test.wants)
			}
		})
	}
}

func TestLoadbalanceBelowGivesAWarning(t *testing.T) {
	const near, far = "10.9.8.1 10.9.8.2", "192.0.2.1 192.0.2.2"
	before := len(serverLog.lines("[WARNING]", "loadbalance"))
	s := start(t, "example.org {\n import clients\n ordering\n loadbalance\n file "+
		zoneFile(t, host("www", far+" "+near))+"\n}")
	if got := len(serverLog.lines("[WARNING]", "plugin/ordering: Corefile:", "remove loadbalance")); got != before+1 {
		t.Errorf("%d warnings, want 1", got-before)
	}
	for range 20 {
		words := strings.Fields(s.as("10.9.8.7").answer("www.example.org"))
		slices.Sort(words[:2])
		slices.Sort(words[2:])
		if got, want := strings.Join(words, " "), near+" "+far; got != want {
			t.Errorf("the tiers are mixed: %s, want %s", got, want)
		}
	}
}
