package ordering

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/coredns/caddy"
	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// inLine2 is where the property of a directive with one property stands.
const inLine2 = "Testfile:2 - Error during parsing: "

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, property, wantErr string }{
		{"a property that nobody knows", "frobnicate on", "unknown property frobnicate"},
		{"a misspelled property", "netmsk 24", "unknown property netmsk: did you mean netmask?"},
		{"a property in capitals", "Classful off", "unknown property Classful: did you mean classful?"},
		{"a property with hyphens", "round-robin off", "unknown property round-robin: did you mean round_robin?"},
		{"the Windows name", "LocalNetPriority on", "unknown property LocalNetPriority: did you mean local_net_priority?"},

		{"a toggle without a word", "local_net_priority", "local_net_priority: wants on or off"},
		{"a toggle with another word", "local_net_priority 1", "local_net_priority: 1 is not on or off"},
		{"a toggle with two words", "classful off on", "classful: on is one word too many: wants on or off"},
		{"a toggle in capitals", "classful OFF", "classful: OFF is not on or off"},
		{"round robin without a word", "round_robin", "round_robin: wants on, off, random or sticky"},
		{"round robin of another kind", "round_robin cyclic", "round_robin: cyclic is not on, off, random or sticky"},
		{"round robin twice", "round_robin on random", "round_robin: random is one word too many: wants on, off, random or sticky"},
		{"base order without a word", "base_order", "base_order: wants auto, received or canonical"},
		{"base order of another kind", "base_order zone", "base_order: zone is not auto, received or canonical"},
		{"base order twice", "base_order auto received", "base_order: received is one word too many: wants auto, received or canonical"},

		{"no mask", "netmask", "netmask: wants one mask or more"},
		{"netmask with holes", "netmask 255.0.255.0", "netmask: 255.0.255.0 has holes"},
		{"netmask with the bits of the host", "netmask 0.0.7.255", "netmask: 0.0.7.255 has the host bits set and not those of the network: did you mean 255.255.248.0?"},
		{"netmask of IPv6", "netmask ffff:ffff::", "netmask: ffff:ffff:: is an IPv6 mask: netmask6 takes their lengths"},
		{"netmask of three numbers", "netmask 255.255.248", "netmask: 255.255.248 is not a mask: wants 255.255.248.0, /21 or 0x000007ff"},
		{"netmask with a network", "netmask 10.0.0.0/8", "netmask: 10.0.0.0/8 is not a mask: wants 255.255.248.0, /21 or 0x000007ff"},
		{"netmask that is no number", "netmask class-c", "netmask: class-c is not a length"},
		{"netmask of two slashes", "netmask //24", "netmask: //24 is not a length"},
		{"netmask below zero", "netmask -1", "netmask: -1 is not a length"},
		{"netmask longer than an address", "netmask /33", "netmask: /33 is longer than /32"},
		{"netmask like a DWORD in decimal", "netmask 255", "netmask: 255 is longer than /32: did you mean 0xff?"},
		{"DWORD with holes", "netmask 0x00ff00ff", "netmask: 0x00ff00ff has holes"},
		{"DWORD with the bits of the network", "netmask 0xffffff00", "netmask: 0xffffff00 has the bits of the network set, and Windows sets those of the host: did you mean 0x000000ff?"},
		{"DWORD of more than 32 bits", "netmask 0x1ffffffff", "netmask: 0x1ffffffff is not a number of 32 bits"},
		{"DWORD without a number", "netmask 0xmask", "netmask: 0xmask is not a number of 32 bits"},
		{"netmask twice in one notation", "netmask 24 16 24", "netmask: 24 is there twice"},
		{"netmask twice in two notations", "netmask 255.255.255.0 0xff", "netmask: 0xff is there twice"},
		{"the classful network twice", "netmask 0xffffffff 0xFFFFFFFF", "netmask: 0xFFFFFFFF is there twice"},
		{"the classful network where it is off", "netmask 0xffffffff\nclassful off", "netmask: 0xffffffff is the classful network, and classful is off: remove one of the two"},
		{"the right one of several masks", "netmask 24 255.255.0.255 8", "netmask: 255.255.0.255 has holes"},

		{"no length", "netmask6", "netmask6: wants one length or more"},
		{"length longer than an address", "netmask6 64 129", "netmask6: 129 is longer than /128"},
		{"length that is a mask", "netmask6 ffff::", "netmask6: ffff:: is not a length"},
		{"length in hexadecimal", "netmask6 0xff", "netmask6: 0xff is not a length"},
		{"length twice", "netmask6 64 /64", "netmask6: /64 is there twice"},

		{"no type", "types", "types: wants one type or more"},
		{"type that does not exist", "types A AAAAA", "types: AAAAA is not a type"},
		{"CNAME", "types A CNAME", "types: CNAME is an alias, of which a name has one: it cannot be ordered"},
		{"DNAME", "types DNAME", "types: DNAME is an alias, of which a name has one: it cannot be ordered"},
		{"SOA", "types soa", "types: soa is the one record of its kind: it cannot be ordered"},
		{"OPT", "types OPT", "types: OPT is no data of a name: it cannot be ordered"},
		{"RRSIG", "types RRSIG", "types: RRSIG belongs to other records: it cannot be ordered"},
		{"TSIG", "types TSIG", "types: TSIG is no data of a name: it cannot be ordered"},
		{"ANY", "types ANY", "types: ANY is no type of a record: it cannot be ordered"},
		{"AXFR", "types AXFR", "types: AXFR is no type of a record: it cannot be ordered"},
		{"IXFR", "types IXFR", "types: IXFR is no type of a record: it cannot be ordered"},
		{"type twice", "types A MX a", "types: a is there twice"},
		{"type without an address twice", "types MX mx", "types: mx is there twice"},

		{"no clients", "sortlist", "sortlist: wants CLIENTS [PREFERENCE...]"},
		{"clients that are no network", "sortlist lan 10.0.0.0/8", `sortlist: "lan" is not an address or network`},
		{"clients with host bits set", "sortlist 10.1.2.3/8", "sortlist: 10.1.2.3/8 has host bits set: did you mean 10.0.0.0/8?"},
		{"clients negated", "sortlist !10.0.0.0/8", "sortlist: !10.0.0.0/8: a ! stands in front of a whole word of PREFERENCE only"},
		{"preference with host bits set", "sortlist any 172.16.0.0/12,2001:db8::1/32", "sortlist: 2001:db8::1/32 has host bits set: did you mean 2001:db8::/32?"},
		{"preference negated inside", "sortlist any 10.0.0.0/8,!10.1.0.0/16", "sortlist: !10.1.0.0/16: a ! stands in front of a whole word of PREFERENCE only"},
		{"preference negated twice", "sortlist any !!10.0.0.0/8", "sortlist: !10.0.0.0/8: a ! stands in front of a whole word of PREFERENCE only"},
		{"preference with a comma too many", "sortlist any 10.0.0.0/8,", `sortlist: "" is not an address or network`},
		{"preference that is any among others", "sortlist any 10.0.0.0/8,any", `sortlist: "any" is not an address or network`},
		{"preference of only an exclamation mark", "sortlist any !", `sortlist: "" is not an address or network`},
		{"preference with a zone", "sortlist any fe80::1%eth0", "sortlist: fe80::1%eth0 has a zone: leave out %eth0"},

		{"no weight", "weight", "weight: wants NETWORK N"},
		{"weight without a number", "weight 10.0.0.0/8", "weight: wants NETWORK N"},
		{"weight with two numbers", "weight 10.0.0.0/8 2 3", "weight: 3 is one word too many: wants NETWORK N"},
		{"weight of no network", "weight any 3", `weight: "any" is not an address or network`},
		{"weight with host bits set", "weight 10.0.0.1/8 3", "weight: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?"},
		{"weight too great", "weight 10.0.0.0/8 256", "weight: 256 is not a number from 0 to 255"},
		{"weight below zero", "weight 10.0.0.0/8 -1", "weight: -1 is not a number from 0 to 255"},
		{"weight that is no number", "weight 10.0.0.0/8 much", "weight: much is not a number from 0 to 255"},

		{"no limit", "answer_limit", "answer_limit: wants a number"},
		{"limit of nothing", "answer_limit 0", "answer_limit: 0 would leave no address: remove the line for no limit"},
		{"limit below zero", "answer_limit -3", "answer_limit: -3 is not a number from 1 up"},
		{"limit that is no number", "answer_limit five", "answer_limit: five is not a number from 1 up"},
		{"limit twice", "answer_limit 5 6", "answer_limit: 6 is one word too many: wants a number"},

		{"nobody trusted", "ecs", "ecs: wants one network or more that is trusted"},
		{"trusted that is no network", "ecs 10.0.0.53 resolver", `ecs: "resolver" is not an address or network`},
		{"trusted with host bits set", "ecs 10.0.0.53/24", "ecs: 10.0.0.53/24 has host bits set: did you mean 10.0.0.0/24?"},

		{"no topology", "topology", "topology: wants FILE, or kubernetes [KUBECONFIG [CONTEXT]]"},
		{"topology of two files", "topology one two", "topology: two is one word too many: wants FILE"},
		{"cluster with a word too many", "topology kubernetes config context more", "topology: more is one word too many: wants FILE, or kubernetes [KUBECONFIG [CONTEXT]]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parsed("ordering {\n" + tt.property + "\n}")
			if err == nil || err.Error() != inLine2+tt.wantErr {
				t.Errorf("%s\n got: %v\nwant: %s", tt.property, err, inLine2+tt.wantErr)
			}
		})
	}
}

func TestParseRefusesDirective(t *testing.T) {
	for _, tt := range []struct{ name, corefile, wantErr string }{
		{
			"a zone that is no name", "ordering example..org",
			"Testfile:1 - Error during parsing: example..org is not a zone",
		}, {
			"a property in place of a zone", "ordering round_robin",
			"Testfile:1 - Error during parsing: round_robin is a property and not a zone: write it on a line of its own between { and }",
		}, {
			"an empty block without a space", "ordering {}",
			"Testfile:1 - Error during parsing: {} is not a zone: { wants a space in front, and } a line of its own",
		}, {
			"a brace on a line of its own", "ordering\n{\nnetmask 24\n}",
			"Testfile:2 - Error during parsing: { is out of place: { belongs at the end of the line of ordering, and } on a line of its own",
		}, {
			"a brace too many", "ordering {\nround_robin on {\n}\n}",
			"Testfile:4 - Error during parsing: } is out of place: { belongs at the end of the line of ordering, and } on a line of its own",
		}, {
			"a zone twice in one directive", "ordering example.org EXAMPLE.org.",
			"Testfile:1 - Error during parsing: zone example.org. has an ordering already, at Testfile:1: put both in one",
		}, {
			"a zone twice in two directives", "ordering example.org {\nclassful off\n}\nordering example.net example.org",
			"Testfile:4 - Error during parsing: zone example.org. has an ordering already, at Testfile:1: put both in one",
		}, {
			"the zones of the server block twice", "ordering\nordering {\nnetmask 20\n}",
			"Testfile:2 - Error during parsing: zone . has an ordering already, at Testfile:1: put both in one",
		}, {
			"a property twice", "ordering {\nnetmask 24\nclassful off\nnetmask 16\n}",
			"Testfile:4 - Error during parsing: netmask: given twice, in line 2 already: put both in one line or remove one",
		}, {
			"a weight twice", "ordering {\nweight 10.0.0.0/8 2\nweight 10.0.0.0/8 2\n}",
			"Testfile:3 - Error during parsing: weight: 10.0.0.0/8 is there twice",
		}, {
			"an error behind good lines", "ordering {\nnetmask 24\n# a comment\n\nclassful of\n}",
			"Testfile:5 - Error during parsing: classful: of is not on or off",
		}, {
			"a word of two lines", "ordering {\nnetmask \"2\n4\"\n}",
			`Testfile:2 - Error during parsing: netmask: 2\n4 is not a length`,
		}, {
			"an error in the second directive", "ordering a.example {\nnetmask 24\n}\nordering b.example {\nnetmask 255.0.255.0\n}",
			"Testfile:5 - Error during parsing: netmask: 255.0.255.0 has holes",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parsed(tt.corefile)
			if err == nil || err.Error() != tt.wantErr {
				t.Errorf("%s\n got: %v\nwant: %s", tt.corefile, err, tt.wantErr)
			}
		})
	}
}

func TestEveryPropertyButTwoStandsOnce(t *testing.T) {
	again := map[string]string{
		"local_net_priority": "on", "netmask": "24", "classful": "on", "netmask6": "64", "round_robin": "on", "base_order": "auto",
		"types": "A", "answer_limit": "3", "ecs": "10.0.0.53", "topology": tableFile(t),
	}
	for property, word := range again {
		_, err := parsed("ordering {\n" + property + " " + word + "\n" + property + " " + word + "\n}")
		want := "Testfile:3 - Error during parsing: " + property + ": given twice, in line 2 already: put both in one line or remove one"
		if err == nil || err.Error() != want {
			t.Errorf("got: %v\nwant: %s", err, want)
		}
	}
	for property := range properties {
		if _, ok := again[property]; !ok && property != "sortlist" && property != "weight" {
			t.Errorf("no test of %s", property)
		}
	}
}

func TestParseTopologyFileThatFails(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("10.0.0.0/8 a\n10.0.0.1/8 b\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, wantErr string }{
		{"missing", filepath.Join(t.TempDir(), "nowhere"), "no such file"},
		{"broken", broken, "did you mean 10.0.0.0/8?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parsed("ordering {\ntopology " + tt.path + "\n}")
			if err == nil || !strings.HasPrefix(err.Error(), inLine2+"topology: ") ||
				!strings.Contains(err.Error(), tt.path) || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("got: %v\nwant: … %s … %s …", err, tt.path, tt.wantErr)
			}
		})
	}
}

// A parsedConfig is what can be seen of a block.
type parsedConfig struct {
	Masks                      ranking.MaskLengths
	Rotation                   rrset.Rotation
	Base                       baseOrder
	Types                      []uint16
	Limit                      int
	Sortlist, Trusted, Weights bool
}

// defaults is what ordering alone stands for.
var defaults = parsedConfig{
	Masks: ranking.MaskLengths{IPv4: []int{24}, IPv6: []int{64, 48}, Classful: true},
	Types: []uint16{dns.TypeA, dns.TypeAAAA},
}

// parsedBlock returns what a block says.
func parsedBlock(t *testing.T, corefile string) (*block, parsedConfig) {
	t.Helper()
	c := caddy.NewTestController("dns", corefile)
	c.Next()
	b, err := parseBlock(c)
	if err != nil {
		t.Fatal(err)
	}
	return b, parsedConfig{
		Masks: b.ranking.Masks, Rotation: b.order.Rotation, Base: b.base, Types: b.types, Limit: b.limit,
		Sortlist: b.ranking.Sortlist != nil, Trusted: b.trusted != nil, Weights: b.order.Weights != nil,
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		property string
		want     func(*parsedConfig)
	}{
		{"", func(*parsedConfig) {}},
		{"local_net_priority on", func(*parsedConfig) {}},
		{"local_net_priority off", func(c *parsedConfig) { c.Masks = ranking.MaskLengths{} }},
		{"netmask 255.255.255.0", func(*parsedConfig) {}},
		{"netmask /24", func(*parsedConfig) {}},
		{"netmask 24", func(*parsedConfig) {}},
		{"netmask 0x000000ff", func(*parsedConfig) {}},
		{"netmask 0XFF", func(*parsedConfig) {}},
		{"netmask 8", func(c *parsedConfig) { c.Masks.IPv4 = []int{8} }},
		{"netmask 16 255.255.248.0 /28", func(c *parsedConfig) { c.Masks.IPv4 = []int{16, 21, 28} }},
		{"netmask 0xffffffff", func(c *parsedConfig) { c.Masks.IPv4 = []int{} }},
		{"netmask 0xffffffff 20", func(c *parsedConfig) { c.Masks.IPv4 = []int{20} }},
		{"netmask 0x0", func(c *parsedConfig) { c.Masks.IPv4 = []int{32} }},
		{"netmask 0.0.0.0", func(c *parsedConfig) { c.Masks.IPv4 = []int{0} }},
		{"classful off", func(c *parsedConfig) { c.Masks.Classful = false }},
		{"netmask6 32 /56 128", func(c *parsedConfig) { c.Masks.IPv6 = []int{32, 56, 128} }},
		{"round_robin on", func(c *parsedConfig) { c.Rotation = rrset.Cyclic }},
		{"round_robin off", func(c *parsedConfig) { c.Rotation = rrset.Fixed }},
		{"round_robin random", func(c *parsedConfig) { c.Rotation = rrset.Random }},
		{"round_robin sticky", func(c *parsedConfig) { c.Rotation = rrset.Sticky }},
		{"base_order auto", func(c *parsedConfig) { c.Base = baseAuto }},
		{"base_order received", func(c *parsedConfig) { c.Base = baseReceived }},
		{"base_order canonical", func(c *parsedConfig) { c.Base = baseCanonical }},
		{"types AAAA", func(c *parsedConfig) { c.Types = []uint16{dns.TypeAAAA} }},
		{"types mx A srv TXT NS ptr", func(c *parsedConfig) {
			c.Types = []uint16{dns.TypeMX, dns.TypeA, dns.TypeSRV, dns.TypeTXT, dns.TypeNS, dns.TypePTR}
		}},
		{"answer_limit 1", func(c *parsedConfig) { c.Limit = 1 }},
		{"ecs 10.0.0.53 2001:db8::/32", func(c *parsedConfig) { c.Trusted = true }},
		{"sortlist any", func(c *parsedConfig) { c.Sortlist = true }},
		{"weight 10.0.0.0/8 0", func(c *parsedConfig) { c.Weights = true }},
	} {
		t.Run(tt.property, func(t *testing.T) {
			corefile := "ordering"
			if tt.property != "" {
				corefile += " {\n" + tt.property + "\n}"
			}
			want := defaults
			tt.want(&want)
			if _, got := parsedBlock(t, corefile); !cmp.Equal(want, got) {
				diff := cmp.Diff(want, got)
				t.Error(diff)
			}
		})
	}
}

func TestParseTables(t *testing.T) {
	b, _ := parsedBlock(t, "ordering {\nsortlist 10.0.0.0/8\nweight 10.0.0.0/8 3\n"+
		"sortlist 192.168.1.1,2001:db8::/32 172.16.0.0/12,10.0.0.1 !any\ntopology "+tableFile(t)+"\n}")
	networks := func(words ...string) (all []netip.Prefix) {
		for _, word := range words {
			all = append(all, netip.MustParsePrefix(word))
		}
		return all
	}
	want := []ranking.Statement{
		{Line: 2, Clients: networks("10.0.0.0/8"), Preference: []ranking.Rank{{Networks: networks("10.0.0.0/8")}}},
		{Line: 4, Clients: networks("192.168.1.1/32", "2001:db8::/32"), Preference: []ranking.Rank{
			{Networks: networks("172.16.0.0/12", "10.0.0.1/32")}, {Networks: networks("0.0.0.0/0", "::/0"), Negated: true},
		}},
	}
	if diff := cmp.Diff(want, b.ranking.Sortlist, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if got := b.ranking.Topology.Table().Len(); got != 256 {
		t.Errorf("the topology has %d networks, want 256", got)
	}
	if b.order.Weights.Add(netip.MustParsePrefix("10.0.0.0/8"), 1) || !b.order.Weights.Add(netip.MustParsePrefix("10.0.0.0/9"), 1) {
		t.Error("the weight is of another network")
	}
}

func TestParseZones(t *testing.T) {
	zones, err := parsed("ordering\nordering Example.ORG 10.0.0.0/8 {\nnetmask 20\n}\nordering www.example.org {\nround_robin off\n}")
	if err != nil {
		t.Fatal(err)
	}
	positions := map[string]string{}
	for zone, rule := range zones.rules {
		positions[zone] = rule.policy.position
	}
	want := map[string]string{".": "Testfile:1", "example.org.": "Testfile:2", "10.in-addr.arpa.": "Testfile:2", "www.example.org.": "Testfile:5"}
	if diff := cmp.Diff(want, positions); diff != "" {
		t.Error(diff)
	}
}
