package ordering

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"
	"github.com/coredns-ordering/ordering/plugin/topology/kubernetes"

	"github.com/coredns/caddy"
	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// inLine2 is where the property of a directive with one property stands.
const inLine2 = "Testfile:2 - Error during parsing: "

func TestMostPropertiesStandOnce(t *testing.T) {
	again := map[string]string{
		"local_net_priority": "on", "netmask": "24", "classful": "on", "netmask6": "64", "round_robin": "on", "base_order": "auto",
		"first_turn": "zero", "types": "A", "answer_limit": "3", "ecs": "10.0.0.53", "topology": tableFile(t), "pods": "on",
	}
	for property, word := range again {
		_, err := parsed("ordering {\n" + property + " " + word + "\n" + property + " " + word + "\n}")
		want := "Testfile:3 - Error during parsing: " + property + ": given twice, first at Testfile:2: merge the two lines or remove one"
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
		{"missing", filepath.Join(t.TempDir(), "nowhere"), systemtest.NoSuchFile()},
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
	RandomFirstTurn            bool
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
		Masks: b.ranking.Masks, Rotation: b.order.Rotation, RandomFirstTurn: b.order.RandomFirstTurn,
		Base: b.base, Types: b.types, Limit: b.limit,
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
		{"netmask 21 16 8", func(c *parsedConfig) { c.Masks.IPv4 = []int{21, 16, 8} }},
		{"netmask /31", func(c *parsedConfig) { c.Masks.IPv4 = []int{31} }},
		{"netmask 0x1f", func(c *parsedConfig) { c.Masks.IPv4 = []int{27} }},
		{"classful off", func(c *parsedConfig) { c.Masks.Classful = false }},
		{"netmask6 32 /56 128", func(c *parsedConfig) { c.Masks.IPv6 = []int{32, 56, 128} }},
		{"round_robin on", func(c *parsedConfig) { c.Rotation = rrset.Cyclic }},
		{"round_robin off", func(c *parsedConfig) { c.Rotation = rrset.Fixed }},
		{"round_robin random", func(c *parsedConfig) { c.Rotation = rrset.Random }},
		{"round_robin sticky", func(c *parsedConfig) { c.Rotation = rrset.Sticky }},
		{"first_turn zero", func(*parsedConfig) {}},
		{"first_turn random", func(c *parsedConfig) { c.RandomFirstTurn = true }},
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

func TestParseWithoutClosingBrace(t *testing.T) { // CoreDNS refuses it, unless a brace comes from a variable
	want := "Testfile:2 - Error during parsing: missing }: put it on a line of its own after the last property"
	for _, corefile := range []string{"\nordering {", "\nordering {\nnetmask 24", "\nordering {\nnetmask 24\n\n"} {
		if _, err := parsed(corefile); err == nil || err.Error() != want {
			t.Errorf("%q\n got: %v\nwant: %s", corefile, err, want)
		}
	}
}

func TestParseTopologyPathMayBeAnything(t *testing.T) {
	systemtest.SkipOnWindows(t, "links need a privilege")
	path := filepath.Join(t.TempDir(), "a, b; {c} netmask =!")
	if err := os.Rename(tableFile(t), path); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(path))
	if err := os.Symlink(path, "netmask"); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{`"` + path + `"`, "netmask"} {
		if b, _ := parsedBlock(t, "ordering {\ntopology "+word+"\n}"); b.ranking.Topology.Table().Len() != 256 {
			t.Errorf("%s is another file", word)
		}
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
		{Line: 2, Clients: networks("10.0.0.0/8"), Preference: []ranking.Word{{Networks: networks("10.0.0.0/8")}}},
		{Line: 4, Clients: networks("192.168.1.1/32", "2001:db8::/32"), Preference: []ranking.Word{
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

// TestParseTopologies reads a file and a cluster in one block, in any order, with and without pods.
func TestParseTopologies(t *testing.T) {
	directory := t.TempDir()
	kubeconfig := filepath.Join(directory, "kubeconfig")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: c\n" +
		"clusters: [{name: c, cluster: {server: \"http://192.0.2.1:6443\"}}]\ncontexts: [{name: c, context: {cluster: c}}]\n"
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file := tableFile(t)
	for corefile, want := range map[string]string{
		"topology " + file:                                                             file,
		"topology kubernetes " + kubeconfig:                                            "kubernetes 192.0.2.1:6443",
		"pods on\ntopology kubernetes " + kubeconfig + " c":                            "kubernetes 192.0.2.1:6443",
		"topology kubernetes " + kubeconfig + "\npods off\ntopology " + file:           "kubernetes 192.0.2.1:6443 and " + file,
		"topology " + file + "\ntypes A\npods auto\ntopology kubernetes " + kubeconfig: "kubernetes 192.0.2.1:6443 and " + file,
	} {
		b, _ := parsedBlock(t, "ordering {\n"+corefile+"\n}")
		if got := b.ranking.Topology.Name(); got != want {
			t.Errorf("%s: the topology is %s, want %s", corefile, got, want)
		}
	}
	for word, want := range map[string]kubernetes.Pods{
		"auto": kubernetes.PodsAuto, "on": kubernetes.PodsOn, "off": kubernetes.PodsOff,
	} {
		b, _ := parsedBlock(t, "ordering {\npods "+word+"\ntopology kubernetes "+kubeconfig+"\n}")
		if b.topology.options.Pods != want {
			t.Errorf("pods %s is %d", word, b.topology.options.Pods)
		}
	}
	twice := "topology kubernetes " + kubeconfig
	_, err := parsed("ordering {\n" + twice + "\n" + twice + " c\n}")
	want := "Testfile:3 - Error during parsing: topology: given twice, first at Testfile:2: merge the two lines or remove one"
	if err == nil || err.Error() != want {
		t.Errorf("got: %v\nwant: %s", err, want)
	}
}

func TestParseZones(t *testing.T) {
	for _, tt := range []struct {
		name, corefile string
		want           map[string]string // zone → position
	}{
		{
			"those named, and those of the server block", ". {\nordering\nordering Example.ORG 10.0.0.0/8 {\nnetmask 20\n}\nordering www.example.org:53\n}",
			map[string]string{".": "Corefile:2", "example.org.": "Corefile:3", "10.in-addr.arpa.": "Corefile:3", "www.example.org.": "Corefile:6"},
		},
		{"several of a server block", "example.org a.example {\nordering\n}", map[string]string{"example.org.": "Corefile:2", "a.example.": "Corefile:2"}},
		{"one at two ports", "example.org:53 example.org:1053 tls://example.org {\nordering\n}", map[string]string{"example.org.": "Corefile:2"}},
		{"above those of the server block", "a.example.org {\nordering example.org\nordering .\n}", map[string]string{"example.org.": "Corefile:2", ".": "Corefile:3"}},
		{"inside one of them", "example.net example.org {\nordering a.example.org\n}", map[string]string{"a.example.org.": "Corefile:2"}},
		{"a network of several zones", "10.0.0.0/8 {\nordering 10.2.0.0/15\n}", map[string]string{"2.10.in-addr.arpa.": "Corefile:2", "3.10.in-addr.arpa.": "Corefile:2"}},
		{"a network that sticks out", "10.0.0.0/8 {\nordering 10.0.0.0/7\n}", map[string]string{"10.in-addr.arpa.": "Corefile:2", "11.in-addr.arpa.": "Corefile:2"}},
		{"a network with host bits", ". {\nordering 10.1.2.3/8\n}", map[string]string{"10.in-addr.arpa.": "Corefile:2"}},
		{"an IPv6 network", ". {\nordering 2001:db8::/32\n}", map[string]string{"8.b.d.0.1.0.0.2.ip6.arpa.": "Corefile:2"}},
		{"top-level domains", ". {\nordering org on. 24.\n}", map[string]string{"org.": "Corefile:2", "on.": "Corefile:2", "24.": "Corefile:2"}},
		{"a server block of a value's name", "auto {\nordering auto\n}", map[string]string{"auto.": "Corefile:2"}},
		{"a wildcard below the top", ". {\nordering a.*.example\n}", map[string]string{"a.*.example.": "Corefile:2"}},
		{"an empty block", "example.org {\nordering {\n}\n}", map[string]string{"example.org.": "Corefile:2"}},
		{"an empty block in one line", "example.org {\nordering { }\n}", map[string]string{"example.org.": "Corefile:2"}},
		{"a snippet", "(o) {\nordering\n}\nexample.org {\nimport o\nordering a.example.org\n}", map[string]string{"example.org.": "Corefile:2", "a.example.org.": "Corefile:6"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			zones, err := parsedCorefile(t, tt.corefile)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for zone, rule := range zones.rules {
				got[zone] = rule.policy.position
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
