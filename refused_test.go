package ordering

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
)

// parsedCorefile returns what parse makes of the first server block of a Corefile, which may have
// snippets and imports.
func parsedCorefile(tb testing.TB, corefile string) (*zones, error) {
	tb.Helper()
	blocks, err := caddyfile.Parse("Corefile", strings.NewReader(corefile), nil)
	if err != nil || len(blocks) == 0 {
		tb.Fatalf("%v\n%s", err, corefile)
	}
	c := caddy.NewTestController("dns", "")
	c.Dispenser = caddyfile.NewDispenserTokens("Corefile", blocks[0].Tokens[pluginName])
	c.ServerBlockKeys = blocks[0].Keys
	return parse(c, new(rrset.Turns))
}

// refusedProperties are what may be wrong in line 3 of a Corefile, with the whole message after
// inLine3. DIR is the working directory, where a relative path begins.
var refusedProperties = []struct{ line, wantErr string }{
	// Unknown properties
	{"frobnicate on", "unknown property frobnicate"},
	{"netmsk 24", "unknown property netmsk: did you mean netmask?"},
	{"Classful off", "unknown property Classful: did you mean classful?"},
	{"net-mask 24", "unknown property net-mask: did you mean netmask?"},
	{"answers_limit 3", "unknown property answers_limit: did you mean answer_limit?"},
	{"weighted weights.txt", "unknown property weighted: did you mean weight?"},
	{"10.0.0.0/8 3", "unknown property 10.0.0.0/8"},
	{"netmask=24", `unknown property "netmask=24": did you mean netmask 24?`},
	{"netmask: 24", `unknown property "netmask:": did you mean netmask 24?`},
	{"netmask=", `unknown property "netmask=": did you mean netmask?`},
	{"frobnicate=24", `unknown property "frobnicate=24"`},
	{"{$NONE} 24", `"" is not a property: is an environment variable not set?`},
	{"{$NONE}", `"" is not a property: is an environment variable not set?`},
	{"\x1b[31mnetmask 24", `unknown property "\x1b[31mnetmask": did you mean netmask?`},
	{"a_property_of_more_than_sixty_characters_that_nobody_has_ever_heard_of on", "unknown property a_property_of_more_than_sixty_characters_that_nobody_has_eve…"},

	// Words of other servers
	{"LocalNetPriority 1", "unknown property LocalNetPriority: did you mean local_net_priority on?"},
	{"/LocalNetPriority 0", "unknown property /LocalNetPriority: did you mean local_net_priority off?"},
	{"LocalNetPriority", "unknown property LocalNetPriority: did you mean local_net_priority?"},
	{"LocalNetPriorityNetMask 0xff", "unknown property LocalNetPriorityNetMask: did you mean netmask 0xff?"},
	{"LocalNetPriorityNetMask 0x0", "unknown property LocalNetPriorityNetMask: did you mean netmask 0x0?"},
	{"LocalNetPriorityNetMask 255", "unknown property LocalNetPriorityNetMask: did you mean netmask 0xff?"},
	{"LocalNetPriorityNetMask 4294967295", "unknown property LocalNetPriorityNetMask: did you mean netmask 0xffffffff?"},
	{"LocalNetPriorityNetMask 0xffffff00", "unknown property LocalNetPriorityNetMask: did you mean netmask 0xff?"},
	{"LocalNetPriorityNetMask 255.255.255.0", "unknown property LocalNetPriorityNetMask: did you mean netmask 255.255.255.0?"},
	{"LocalNetPriorityNetMask =dword:000000ff", "unknown property LocalNetPriorityNetMask: did you mean netmask 0xff?"},
	{"LocalNetPriorityNetMask REG_DWORD 0x1f", "unknown property LocalNetPriorityNetMask: did you mean netmask 0x1f?"},
	{"RoundRobin 1", "unknown property RoundRobin: did you mean round_robin on?"},
	{"RoundRobin False", "unknown property RoundRobin: did you mean round_robin off?"},
	{"round-robin: yes;", `unknown property "round-robin:": did you mean round_robin on?`},
	{"DoNotRoundRobinTypes ns srv", "unknown property DoNotRoundRobinTypes: did you mean types A AAAA MX PTR TXT?"},
	{`DoNotRoundRobinTypes "ns srv"`, "unknown property DoNotRoundRobinTypes: did you mean types A AAAA MX PTR TXT?"},
	{`"DoNotRoundRobinTypes"="ns srv"`, "unknown property DoNotRoundRobinTypes: did you mean types A AAAA MX PTR TXT?"},
	{"DoNotRoundRobinTypes REG_SZ ns srv", "unknown property DoNotRoundRobinTypes: did you mean types A AAAA MX PTR TXT?"},
	{"DoNotRoundRobinTypes", "unknown property DoNotRoundRobinTypes: did you mean types A AAAA MX NS PTR SRV TXT?"},
	{"LocalNetPriorityMask : 31", "unknown property LocalNetPriorityMask: did you mean netmask 0x1f?"},
	{"RoundRobin : True", "unknown property RoundRobin: did you mean round_robin on?"},
	{"AddressAnswerLimit : 0", "unknown property AddressAnswerLimit: 0 means no limit there, so remove this line"},
	{"AddressAnswerLimit 5", "unknown property AddressAnswerLimit: did you mean answer_limit 5?"},
	{"AddressAnswerLimit REG_DWORD 0x8", "unknown property AddressAnswerLimit: did you mean answer_limit 8?"},
	{`"RoundRobin"=dword:00000000`, "unknown property RoundRobin: did you mean round_robin off?"},
	{"AddressAnswerLimit 0", "unknown property AddressAnswerLimit: 0 means no limit there, so remove this line"},
	{"rrset-order cyclic", "unknown property rrset-order: did you mean round_robin on?"},
	{"rrset-order random", "unknown property rrset-order: did you mean round_robin random?"},
	{"rrset-order fixed", "unknown property rrset-order: did you mean round_robin off?"},
	{"rrset-order none", "unknown property rrset-order: did you mean round_robin off?"},
	{"rrset-order", "unknown property rrset-order: did you mean round_robin on?"},
	{"rrset-order { order Random; }", "unknown property rrset-order: did you mean round_robin random?"},
	{"rrset-roundrobin: no", `unknown property "rrset-roundrobin:": did you mean round_robin off?`},
	{"answer-rotation: on", `unknown property "answer-rotation:": did you mean round_robin on?`},
	{"localise-queries", "unknown property localise-queries: did you mean local_net_priority on?"},
	{"prefer 10.0.0.0/8 192.168.0.0/16", "unknown property prefer: did you mean sortlist any 10.0.0.0/8 192.168.0.0/16?"},
	{"sortlist { 10.0.0.0/8; }", "sortlist: unexpected {: did you mean sortlist 10.0.0.0/8?"},
	{"sortlist { { 10.0.0.0/8; { 10.1.0.0/16; 10.2.0.0/16; } } }", "sortlist: unexpected {: did you mean sortlist 10.0.0.0/8 10.1.0.0/16 10.2.0.0/16?"},
	{"sortlist { { { 10.0.0.0/8; 10.4.3.2; }; { 10.1.0.0/16; { 10.2.0.0/16; 10.3.0.0/16; } } } }", "sortlist: unexpected {: did you mean sortlist 10.0.0.0/8,10.4.3.2 10.1.0.0/16 10.2.0.0/16,10.3.0.0/16?"},
	{"sortlist {\n    { 10.0.0.0/8; 10.1.0.0/16; }\n    }", "sortlist: unexpected {: did you mean sortlist 10.0.0.0/8 10.1.0.0/16?"},
	{"sortlist {{10.0.0.0/8;{!10.1.0.0/16;};};};", "sortlist: unexpected {: did you mean sortlist 10.0.0.0/8 !10.1.0.0/16?"},
	{"sortlist {}", "sortlist: unexpected {; want CLIENTS [PREFERENCE...]"},
	{"sortlist { { } }", "sortlist: unexpected {; want CLIENTS [PREFERENCE...]"},

	// Directives
	{"forward . 192.0.2.53", "forward is a directive, not a property: put } before it to end the ordering block of Corefile:2"},
	{"cache 30 {\n    }", "cache is a directive, not a property: put } before it to end the ordering block of Corefile:2"},
	{"ordering www.example.org {\n    }", "ordering is a directive, not a property: put } before it to end the ordering block of Corefile:2"},

	// Braces, and what separates words
	{"{\n    netmask 24\n    }", "unexpected {: put { at the end of the ordering line and } on a line of its own"},
	{"netmask /24 {\n    }", "netmask: unexpected {: a property has no block, so remove { and its }"},
	{"netmask {", "netmask: unexpected {: a property has no block, so remove { and its }"},
	{"netmask /24 }", "netmask: unexpected }: put it on a line of its own"},
	{"netmask 24}", "netmask: unexpected }: put it on a line of its own"},
	{"weight 10.0.0.0/8 2 {", "weight: unexpected {: a property has no block, so remove { and its }"},
	{"topology kubernetes {\n    }", "topology: unexpected {: a property has no block, so remove { and its }"},
	{"netmask {$NONE}", `netmask: "" is empty: is an environment variable not set?`},
	{"types A {$NONE}", `types: "" is empty: is an environment variable not set?`},
	{"topology {$NONE}", `topology: "" is empty: is an environment variable not set?`},
	{"netmask /24 classful off", "netmask: unexpected classful: put it on a line of its own"},
	{"netmask /24 netmask /16", "netmask: given twice in this line: is the line imported twice?"},
	{"netmask /24 ordering", "netmask: unexpected ordering: put it on a line of its own"},
	{"netmask = 24", `netmask: unexpected "=": did you mean netmask 24?`},
	{"netmask 24 // the subnet", "netmask: unexpected //: a comment starts with #"},
	{"netmask 24, 16", `netmask: "24," contains a comma: did you mean netmask 24 16?`},
	{"netmask 24,16", `netmask: "24,16" contains a comma: did you mean netmask 24 16?`},
	{"netmask 24 , 16", `netmask: "," is unexpected: did you mean netmask 24 16?`},
	{"netmask 24;", `netmask: "24;" ends in a semicolon: did you mean netmask 24?`},
	{"netmask 24 ;", `netmask: ";" is unexpected: did you mean netmask 24?`},
	{"netmask ;", `netmask: ";" is unexpected`},
	{`netmask "24 16"`, `netmask: "24 16" contains a space: write the words apart, without quotation marks`},
	{"netmask6 64,48", `netmask6: "64,48" contains a comma: did you mean netmask6 64 48?`},
	{"types A, AAAA", `types: "A," contains a comma: did you mean types A AAAA?`},
	{"ecs 10.0.0.53, 10.0.0.54", `ecs: "10.0.0.53," contains a comma: did you mean ecs 10.0.0.53 10.0.0.54?`},
	{"weight 10.0.0.0/8,10.1.0.0/16 3", `weight: "10.0.0.0/8,10.1.0.0/16" contains a comma: write a line for each network`},
	{"weight 10.0.0.0/8,3", `weight: "10.0.0.0/8,3" contains a comma: did you mean weight 10.0.0.0/8 3?`},
	{"sortlist any 10.0.0.0/8, 192.168.0.0/16", `sortlist: "10.0.0.0/8," ends in a comma: did you mean sortlist any 10.0.0.0/8,192.168.0.0/16?`},
	{"sortlist any 10.0.0.0/8 ,192.168.0.0/16", `sortlist: ",192.168.0.0/16" begins with a comma: did you mean sortlist any 10.0.0.0/8,192.168.0.0/16?`},
	{"sortlist any 10.0.0.0/8 , 192.168.0.0/16", `sortlist: "," is unexpected: did you mean sortlist any 10.0.0.0/8,192.168.0.0/16?`},
	{"sortlist any, 10.0.0.0/8", `sortlist: "any," ends in a comma: did you mean sortlist any 10.0.0.0/8?`},
	{"sortlist any 10.0.0.0/8,", `sortlist: "10.0.0.0/8," ends in a comma: did you mean sortlist any 10.0.0.0/8?`},
	{"sortlist any ! 10.0.0.0/8", `sortlist: "!" is not followed by a network: did you mean sortlist any !10.0.0.0/8?`},
	{"sortlist any !", `sortlist: "!" is not followed by a network`},
	{"sortlist 10.0.0.0/8; 10.1.0.0/16;", `sortlist: "10.0.0.0/8;" ends in a semicolon: did you mean sortlist 10.0.0.0/8 10.1.0.0/16?`},

	// local_net_priority, classful
	{"local_net_priority", "local_net_priority: missing argument; want on or off"},
	{"local_net_priority 1", "local_net_priority: 1 is not on or off: did you mean on?"},
	{"local_net_priority yes", "local_net_priority: yes is not on or off: did you mean on?"},
	{"local_net_priority true", "local_net_priority: true is not on or off: did you mean on?"},
	{"local_net_priority ON", "local_net_priority: ON is not on or off: did you mean on?"},
	{"local_net_priority disabled", "local_net_priority: disabled is not on or off: did you mean off?"},
	{"local_net_priority maybe", "local_net_priority: maybe is not on or off"},
	{"classful off on", `classful: unexpected argument "on"; want on or off`},
	{"classful of", "classful: of is not on or off: did you mean off?"},

	// round_robin, first_turn, base_order
	{"round_robin", "round_robin: missing argument; want on, off, random or sticky"},
	{"round_robin cyclic", "round_robin: cyclic is not on, off, random or sticky: did you mean on?"},
	{"round_robin fixed", "round_robin: fixed is not on, off, random or sticky: did you mean off?"},
	{"round_robin none", "round_robin: none is not on, off, random or sticky: did you mean off?"},
	{"round_robin yes", "round_robin: yes is not on, off, random or sticky: did you mean on?"},
	{"round_robin 1", "round_robin: 1 is not on, off, random or sticky: did you mean on?"},
	{"round_robin Sticky", "round_robin: Sticky is not on, off, random or sticky: did you mean sticky?"},
	{"round_robin shuffle", "round_robin: shuffle is not on, off, random or sticky: did you mean random?"},
	{"round_robin randon", "round_robin: randon is not on, off, random or sticky: did you mean random?"},
	{"round_robin weighted", "round_robin: weighted is not on, off, random or sticky"},
	{"round_robin on random", `round_robin: unexpected argument "random"; want on, off, random or sticky`},
	{"first_turn", "first_turn: missing argument; want zero or random"},
	{"first_turn Random", "first_turn: Random is not zero or random: did you mean random?"},
	{"first_turn on", "first_turn: on is not zero or random: did you mean random?"},
	{"first_turn 0", "first_turn: 0 is not zero or random: did you mean zero?"},
	{"first_turn one", "first_turn: one is not zero or random"},
	{"first_turn zero random", `first_turn: unexpected argument "random"; want zero or random`},
	{"base_order", "base_order: missing argument; want auto, received or canonical"},
	{"base_order fixed", "base_order: fixed is not auto, received or canonical: did you mean received?"},
	{"base_order zone", "base_order: zone is not auto, received or canonical: did you mean received?"},
	{"base_order file", "base_order: file is not auto, received or canonical: did you mean received?"},
	{"base_order sorted", "base_order: sorted is not auto, received or canonical: did you mean canonical?"},
	{"base_order recieved", "base_order: recieved is not auto, received or canonical: did you mean received?"},
	{"base_order rotated", "base_order: rotated is not auto, received or canonical"},
	{"base_order auto received", `base_order: unexpected argument "received"; want auto, received or canonical`},

	// netmask
	{"netmask", "netmask: missing argument; want one or more masks"},
	{"netmask 255.0.255.0", "netmask: 255.0.255.0 has holes"},
	{"netmask 24 255.255.0.255 8", "netmask: 255.255.0.255 has holes"},
	{"netmask 0.0.7.255", "netmask: 0.0.7.255 has the host bits set instead of the network bits: did you mean 255.255.248.0?"},
	{"netmask 255.255.248", "netmask: 255.255.248 is not a mask; want one like 255.255.248.0, /21 or 0x000007ff"},
	{"netmask 10.0.0.0/8", "netmask: 10.0.0.0/8 is a network, not a mask: did you mean /8?"},
	{"netmask ffff:ffff::", "netmask: ffff:ffff:: is an IPv6 mask: did you mean netmask6 /32?"},
	{"netmask ffff:0:ffff::", "netmask: ffff:0:ffff:: is an IPv6 mask: use netmask6 with a prefix length"},
	{"netmask class-c", "netmask: class-c is not a mask; want one like 255.255.248.0, /21 or 0x000007ff"},
	{"netmask -1", "netmask: -1 is not a mask; want one like 255.255.248.0, /21 or 0x000007ff"},
	{"netmask //24", "netmask: //24 is not a prefix length from 0 to 32"},
	{"netmask /33", "netmask: /33 is longer than /32: did you mean netmask6 /33?"},
	{"netmask /64", "netmask: /64 is longer than /32: did you mean netmask6 /64?"},
	{"netmask 64", "netmask: 64 is longer than /32: did you mean netmask6 /64?"},
	{"netmask 31", "netmask: 31 is /31 as a length and /27 as Windows' DWORD: write /31 or 0x1f"},
	{"netmask 1", "netmask: 1 is /1 as a length and /31 as Windows' DWORD: write /1 or 0x1"},
	{"netmask 63", "netmask: 63 is longer than /32: did you mean 0x3f?"},
	{"netmask 255", "netmask: 255 is longer than /32: did you mean 0xff?"},
	{"netmask 4294967295", "netmask: 4294967295 is longer than /32: did you mean 0xffffffff?"},
	{"netmask 4294967040", "netmask: 4294967040 is longer than /32: did you mean 0x000000ff?"},
	{"netmask 000000ff", "netmask: 000000ff is not a prefix length: did you mean 0x000000ff?"},
	{"netmask ff", "netmask: ff is not a prefix length: did you mean 0xff?"},
	{"netmask 0x00ff00ff", "netmask: 0x00ff00ff has holes"},
	{"netmask 0xffffff00", "netmask: 0xffffff00 has the network bits set, but Windows sets the host bits: did you mean 0x000000ff?"},
	{"netmask 0x1ffffffff", "netmask: 0x1ffffffff is not a 32-bit hexadecimal number"},
	{"netmask 0xmask", "netmask: 0xmask is not a 32-bit hexadecimal number"},
	{"netmask 24 16 24", "netmask: 24 is given twice"},
	{"netmask 255.255.255.0 0xff", "netmask: 0xff is given twice"},
	{"netmask 0xffffffff 0xFFFFFFFF", "netmask: 0xFFFFFFFF is given twice"},
	{"netmask 0xffffffff\nclassful off", "netmask: 0xffffffff stands for the classful network, but classful is off: remove one of the two"},
	{"netmask \x07", `netmask: "\a" is not a mask; want one like 255.255.248.0, /21 or 0x000007ff`},
	{"netmask 255.255.255.255.255.255.255.255.255.255.255.255.255.255.255.255.255", "netmask: 255.255.255.255.255.255.255.255.255.255.255.255.255.255.255.… is not a mask; want one like 255.255.248.0, /21 or 0x000007ff"},

	// netmask6
	{"netmask6", "netmask6: missing argument; want one or more prefix lengths"},
	{"netmask6 64 129", "netmask6: 129 is longer than /128"},
	{"netmask6 ffff:ffff::", "netmask6: ffff:ffff:: is a mask, not a prefix length: did you mean /32?"},
	{"netmask6 255.255.255.0", "netmask6: 255.255.255.0 is an IPv4 mask: did you mean netmask 255.255.255.0?"},
	{"netmask6 0xff", "netmask6: 0xff is not a prefix length; want one like /64"},
	{"netmask6 2001:db8::/32", "netmask6: 2001:db8::/32 is a network, not a mask: did you mean /32?"},
	{"netmask6 64 /64", "netmask6: /64 is given twice"},

	// types
	{"types", "types: missing argument; want one or more record types"},
	{"types A AAAAA", "types: AAAAA is not a record type"},
	{"types all", "types: all is not a record type"},
	{"types 28", "types: 28 is not a record type: did you mean AAAA?"},
	{"types TYPE28", "types: TYPE28 is not a record type: did you mean AAAA?"},
	{"types A CNAME", "types: CNAME cannot be ordered: a name has only one alias"},
	{"types DNAME", "types: DNAME cannot be ordered: a name has only one alias"},
	{"types soa", "types: soa cannot be ordered: a zone has only one SOA record"},
	{"types OPT", "types: OPT cannot be ordered: it is not zone data"},
	{"types RRSIG", "types: RRSIG cannot be ordered: signatures are not reordered"},
	{"types TSIG", "types: TSIG cannot be ordered: it is not zone data"},
	{"types ANY", "types: ANY cannot be ordered: it is a query type, not a record type"},
	{"types AXFR", "types: AXFR cannot be ordered: it is a query type, not a record type"},
	{"types IXFR", "types: IXFR cannot be ordered: it is a query type, not a record type"},
	{"types A MX a", "types: a is given twice"},
	{"types MX mx", "types: mx is given twice"},

	// sortlist
	{"sortlist", "sortlist: missing argument; want CLIENTS [PREFERENCE...]"},
	{"sortlist lan 10.0.0.0/8", `sortlist: "lan" is not an address or network`},
	{"sortlist ANY 10.0.0.0/8", `sortlist: "ANY" is not an address or network: did you mean any?`},
	{"sortlist 10.1.2.3/8", "sortlist: 10.1.2.3/8 has host bits set: did you mean 10.0.0.0/8?"},
	{"sortlist 10.1/16", `sortlist: "10.1/16" is not an address or network: did you mean 10.1.0.0/16?`},
	{"sortlist 10.1.*", `sortlist: "10.1.*" is not an address or network: did you mean 10.1.0.0/16?`},
	{"sortlist !10.0.0.0/8", "sortlist: !10.0.0.0/8: ! is allowed only at the start of a word of PREFERENCE"},
	{"sortlist any 172.16.0.0/12,2001:db8::1/32", "sortlist: 2001:db8::1/32 has host bits set: did you mean 2001:db8::/32?"},
	{"sortlist any 10.0.0.0/255.0.0.0", "sortlist: 10.0.0.0/255.0.0.0 has a mask instead of a prefix length: did you mean 10.0.0.0/8?"},
	{"sortlist any 10.0.0.0/33", `sortlist: 10.0.0.0/33: "33" is not a prefix length from 0 to 32`},
	{"sortlist any 10.0.0.0/8,!10.1.0.0/16", "sortlist: !10.1.0.0/16: ! is allowed only at the start of a word of PREFERENCE"},
	{"sortlist any !!10.0.0.0/8", "sortlist: !10.0.0.0/8: ! is allowed only at the start of a word of PREFERENCE"},
	{"sortlist any 10.0.0.0/8,any", "sortlist: 10.0.0.0/8,any has any among others, and any is every address: did you mean any?"},
	{"sortlist any 10.0.0.0/8,,10.4.3.2", "sortlist: 10.0.0.0/8,,10.4.3.2 has a comma too many"},
	{"sortlist any fe80::1%eth0", "sortlist: fe80::1%eth0 has an IPv6 zone: remove %eth0"},

	// topology
	{"topology", "topology: missing argument; want FILE, or kubernetes [KUBECONFIG [CONTEXT]]"},
	{"topology one two", `topology: unexpected argument "two"; want FILE`},
	{"topology kubernetes config context more", `topology: unexpected argument "more"; want FILE, or kubernetes [KUBECONFIG [CONTEXT]]`},
	{"topology nowhere", "topology: DIR/nowhere: no such file or directory"},
	{"pods on", "pods: there is no topology kubernetes: add it or remove this line"},
	{"pods never\ntopology kubernetes", "pods: never is not auto, on or off"},
	{"topology k8s", "topology: DIR/k8s: no such file or directory: did you mean topology kubernetes?"},
	{"topology Kubernetes", "topology: DIR/Kubernetes: no such file or directory: did you mean topology kubernetes?"},

	// weight
	{"weight", "weight: missing argument; want NETWORK N"},
	{"weight 10.0.0.0/8", "weight: missing argument; want NETWORK N"},
	{"weight 10.0.0.0/8 2 3", `weight: unexpected argument "3"; want NETWORK N`},
	{"weight 4 192.0.2.1", "weight: the network comes first: did you mean weight 192.0.2.1 4?"},
	{"weight any 3", `weight: "any" is not an address or network`},
	{"weight 10.0.0.1/8 3", "weight: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?"},
	{"weight 10.0.0.0/8 256", "weight: 256 is not a number from 0 to 255"},
	{"weight 10.0.0.0/8 -1", "weight: -1 is not a number from 0 to 255"},
	{"weight 10.0.0.0/8 much", "weight: much is not a number from 0 to 255"},
	{"weight 10.0.0.0/8 50%", "weight: 50% is not a number from 0 to 255"},

	// answer_limit
	{"answer_limit", "answer_limit: missing argument; want a number from 1 up"},
	{"answer_limit 0", "answer_limit: 0 is not a number from 1 up: for no limit, remove this line"},
	{"answer_limit none", "answer_limit: none is not a number from 1 up: for no limit, remove this line"},
	{"answer_limit -3", "answer_limit: -3 is not a number from 1 up"},
	{"answer_limit five", "answer_limit: five is not a number from 1 up"},
	{"answer_limit 5 6", `answer_limit: unexpected argument "6"; want a number from 1 up`},

	// ecs
	{"ecs", "ecs: missing argument; want one or more addresses or networks to trust"},
	{"ecs on", `ecs: "on" is not an address or network: name the resolvers to trust, such as 10.0.0.53`},
	{"ecs off", `ecs: "off" is not an address or network: to trust nobody, remove this line`},
	{"ecs any", `ecs: "any" is not an address or network: did you mean 0.0.0.0/0 ::/0?`},
	{"ecs 10.0.0.53 resolver", `ecs: "resolver" is not an address or network`},
	{"ecs 10.0.0.53/24", "ecs: 10.0.0.53/24 has host bits set: did you mean 10.0.0.0/24?"},
	{"ecs 10.0.0.53:53", `ecs: "10.0.0.53:53" is not an address or network: did you mean 10.0.0.53?`},
	{"ecs [2001:db8::53]", `ecs: "[2001:db8::53]" is not an address or network: did you mean 2001:db8::53?`},
}

// onThisSystem returns message with dir for DIR, and with the words of this system.
func onThisSystem(message, dir string) string {
	return strings.NewReplacer("DIR/", dir+string(filepath.Separator),
		"no such file or directory", systemtest.NoSuchFile()).Replace(message)
}

const inLine3 = "Corefile:3 - Error during parsing: "

func TestRefusedProperties(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range refusedProperties {
		t.Run(tt.line, func(t *testing.T) {
			_, err := parsedCorefile(t, inBlock(tt.line))
			want := inLine3 + onThisSystem(tt.wantErr, dir)
			if err == nil || err.Error() != want {
				t.Errorf("got:  %v\nwant: %s", err, want)
			}
		})
	}
}

// inBlock returns a Corefile with a property in line 3.
func inBlock(line string) string { return "example.org {\n  ordering {\n    " + line + "\n  }\n}\n" }

// TestMendsAreAccepted writes what the messages say to write, the whole line or one word of it.
func TestMendsAreAccepted(t *testing.T) {
	tried := 0
	for _, tt := range refusedProperties {
		what, mend, found := strings.Cut(strings.TrimSuffix(tt.wantErr, "?"), ": did you mean ")
		if !found || strings.HasPrefix(mend, "topology ") { // no cluster is here
			continue
		}
		mended := mend
		if _, property := properties[strings.Fields(mend)[0]]; !property || !strings.Contains(mend, " ") {
			what = strings.TrimPrefix(what, "unknown property ")
			if property, rest, ok := strings.Cut(what, ": "); ok && properties[property] != nil {
				what = rest
			}
			wrong, _, _ := strings.Cut(what, " ")
			mended = strings.Replace(tt.line, strings.Trim(wrong, `"`), mend, 1)
		}
		switch tt.line { // those whose mend leaves something to be said
		case "weighted weights.txt", "LocalNetPriority", "netmask=", "\x1b[31mnetmask 24":
			continue
		}
		tried++
		if _, err := parsedCorefile(t, inBlock(mended)); err != nil {
			t.Errorf("%s\ngives %s\nand then %s gives %v", tt.line, tt.wantErr, mended, err)
		}
	}
	if tried < 100 {
		t.Errorf("only %d tried", tried)
	}
}

// TestRefusedDirectives has Corefiles with what is wrong with several lines together, or with the
// line of the directive. DIR is the directory that the Corefiles import from.
func TestRefusedDirectives(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for name, text := range map[string]string{
		"masks": "\nnetmask 24\n", "broken": "\nnetmask 255.0.255.0\n", "directive": "\n\nordering a.example\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ corefile, wantErr string }{
		{
			"example.org {\n  ordering example..org\n}\n",
			"Corefile:2 - Error during parsing: example..org is not a zone",
		},
		{
			"example.org {\n  ordering round_robin\n}\n",
			"Corefile:2 - Error during parsing: round_robin is a property, not a zone: put it on a line of its own between { and }",
		},
		{
			"example.org {\n  ordering netmask 24\n}\n",
			"Corefile:2 - Error during parsing: netmask is a property, not a zone: put it on a line of its own between { and }",
		},
		{
			"example.org {\n  ordering {}\n}\n",
			"Corefile:2 - Error during parsing: {} is not a zone: put a space before { and put } on a line of its own",
		},
		{
			"example.org {\n  ordering {netmask 24}\n}\n",
			"Corefile:2 - Error during parsing: {netmask is not a zone: put a space before { and put } on a line of its own",
		},
		{
			"example.org {\n  ordering\n  {\n    netmask 24\n  }\n}\n",
			"Corefile:3 - Error during parsing: unexpected {: put { at the end of the ordering line and } on a line of its own",
		},
		{
			"example.org {\n  ordering { netmask 24 }\n}\n",
			"Corefile:2 - Error during parsing: netmask: unexpected }: put it on a line of its own",
		},
		{
			"example.org {\n  ordering {\n  } netmask 24\n}\n",
			"Corefile:3 - Error during parsing: unexpected netmask after }: put it on a line of its own",
		},
		{
			"example.org {\n  ordering a.example.org {\n  } ordering b.example.org\n}\n",
			"Corefile:3 - Error during parsing: unexpected ordering after }: put it on a line of its own",
		},
		{
			"example.org {\n  ordering on\n}\n",
			"Corefile:2 - Error during parsing: on is a value, not a zone: put it after its property between { and }",
		},
		{
			"example.org {\n  ordering off\n}\n",
			"Corefile:2 - Error during parsing: off is a value, not a zone: put it after its property between { and }",
		},
		{
			"example.org {\n  ordering 24\n}\n",
			"Corefile:2 - Error during parsing: 24 is a value, not a zone: put it after its property between { and }",
		},
		{
			"example.org {\n  ordering /24\n}\n",
			"Corefile:2 - Error during parsing: /24 is a value, not a zone: put it after its property between { and }",
		},
		{
			"example.org {\n  ordering 0xff\n}\n",
			"Corefile:2 - Error during parsing: 0xff is a value, not a zone: put it after its property between { and }",
		},
		{
			"example.org {\n  ordering 255.255.255.0\n}\n",
			"Corefile:2 - Error during parsing: 255.255.255.0 is a value, not a zone: put it after its property between { and }",
		},
		{
			"example.org {\n  ordering other.example.net\n}\n",
			"Corefile:2 - Error during parsing: other.example.net can never match, because this server block serves only example.org",
		},
		{
			"example.org {\n  ordering anexample.org\n}\n",
			"Corefile:2 - Error during parsing: anexample.org can never match, because this server block serves only example.org",
		},
		{
			"example.org {\n  ordering www\n}\n",
			"Corefile:2 - Error during parsing: www can never match, because this server block serves only example.org: did you mean www.example.org?",
		},
		{
			"example.org {\n  ordering 10.0.0.0/8\n}\n",
			"Corefile:2 - Error during parsing: 10.0.0.0/8 can never match, because this server block serves only example.org",
		},
		{
			"example.org {\n  ordering *.example.org\n}\n",
			"Corefile:2 - Error during parsing: *.example.org is a wildcard, and a zone holds all names below it: did you mean example.org?",
		},
		{
			"example.org {\n  ordering *\n}\n",
			"Corefile:2 - Error during parsing: * is a wildcard, not a zone: write . for all names",
		},
		{
			"example.org {\n  ordering a.example.org, b.example.org\n}\n",
			`Corefile:2 - Error during parsing: "a.example.org," is not a zone: did you mean a.example.org?`,
		},
		{
			"example.org {\n  ordering a.example.org,b.example.org\n}\n",
			`Corefile:2 - Error during parsing: "a.example.org,b.example.org" is not a zone: did you mean a.example.org b.example.org?`,
		},
		{
			"example.org {\n  ordering \\100.example.org\n}\n",
			`Corefile:2 - Error during parsing: \100.example.org can never match, because questions spell it another way: did you mean d.example.org?`,
		},
		{
			"example.org {\n  ordering a(b.example.org\n}\n",
			`Corefile:2 - Error during parsing: a(b.example.org can never match, because questions spell it another way: did you mean a\(b.example.org?`,
		},
		{
			"example.org {\n  ordering a.example.org;\n}\n",
			`Corefile:2 - Error during parsing: "a.example.org;" is not a zone: did you mean a.example.org?`,
		},
		{
			"example.org {\n  ordering 10.0.0.1\n}\n",
			"Corefile:2 - Error during parsing: 10.0.0.1 is an address, not a zone: its reverse zone is written 10.0.0.1/32",
		},
		{
			"example.org {\n  ordering 10.0.0.1:53\n}\n",
			"Corefile:2 - Error during parsing: 10.0.0.1:53 is not a zone",
		},
		{
			"example.org {\n  ordering 2001:db8::1\n}\n",
			"Corefile:2 - Error during parsing: 2001:db8::1 is an address, not a zone: its reverse zone is written 2001:db8::1/128",
		},
		{
			"example.org {\n  ordering 10.0.0.0/33\n}\n",
			`Corefile:2 - Error during parsing: 10.0.0.0/33: "33" is not a prefix length from 0 to 32`,
		},
		{
			"example.org {\n  ordering ::/0\n}\n",
			"Corefile:2 - Error during parsing: ::/0 is not a zone",
		},
		{
			"example.org {\n  ordering zürich.example.org\n}\n",
			"Corefile:2 - Error during parsing: zürich.example.org is not a zone: write it in ASCII, as xn--…",
		},
		{
			"example.org {\n  ordering \"a.example.org b.example.org\"\n}\n",
			`Corefile:2 - Error during parsing: "a.example.org b.example.org" is not a zone`,
		},
		{
			"example.org {\n  ordering {$NONE}\n}\n",
			`Corefile:2 - Error during parsing: "" is not a zone: is an environment variable not set?`,
		},
		{
			"example.org {\n  ordering a\x07.example.org\n}\n",
			`Corefile:2 - Error during parsing: "a\a.example.org" is not a zone`,
		},
		{
			"example.org {\n  ordering example.org EXAMPLE.org.\n}\n",
			"Corefile:2 - Error during parsing: zone example.org is given twice: remove one",
		},
		{
			"example.org {\n  ordering\n  ordering {\n    netmask 20\n  }\n}\n",
			"Corefile:3 - Error during parsing: zone example.org already has an ordering directive, at Corefile:2: merge the two",
		},
		{
			"example.org {\n  ordering example.org {\n    classful off\n  }\n  ordering a.example.org example.org\n}\n",
			"Corefile:5 - Error during parsing: zone example.org already has an ordering directive, at Corefile:2: merge the two",
		},
		{
			"example.org {\n  ordering {\n    netmask 24\n    classful off\n    netmask 16\n  }\n}\n",
			"Corefile:5 - Error during parsing: netmask: given twice, first at Corefile:3: merge the two lines or remove one",
		},
		{
			"example.org {\n  ordering {\n    weight 10.0.0.0/8 2\n    weight 10.0.0.0/8 2\n  }\n}\n",
			"Corefile:4 - Error during parsing: weight: 10.0.0.0/8 is given twice, first at Corefile:3: remove one",
		},
		{
			"example.org {\n  ordering {\n    netmask 24\n    # a comment\n\n    classful of\n  }\n}\n",
			"Corefile:6 - Error during parsing: classful: of is not on or off: did you mean off?",
		},
		{
			"example.org {\n  ordering a.example.org {\n    netmask 24\n  }\n  ordering b.example.org {\n    netmask 255.0.255.0\n  }\n}\n",
			"Corefile:6 - Error during parsing: netmask: 255.0.255.0 has holes",
		},
		{
			"example.org {\n  ordering {\n    netmask 24\n    whoami\n}\n",
			"Corefile:4 - Error during parsing: whoami is a directive, not a property: put } before it to end the ordering block of Corefile:2",
		},
		{
			"example.org {\n  ordering a.example.org {\n    netmask 24\n    ordering b.example.org\n  }\n}\n",
			"Corefile:4 - Error during parsing: ordering is a directive, not a property: put } before it to end the ordering block of Corefile:2",
		},
		{
			"org.example example.org {\n  ordering other.example\n}\n",
			"Corefile:2 - Error during parsing: other.example can never match, because this server block serves only example.org, org.example",
		},
		{
			"a.example b.example {\n  ordering www\n}\n",
			"Corefile:2 - Error during parsing: www can never match, because this server block serves only a.example, b.example",
		},
		{
			"a.example b.example c.example d.example {\n  ordering x.example\n}\n",
			"Corefile:2 - Error during parsing: x.example can never match, because this server block serves only a.example, b.example, c.example, …",
		},
		{
			"10.0.0.0/8 {\n  ordering 11.0.0.0/8\n}\n",
			"Corefile:2 - Error during parsing: 11.0.0.0/8 can never match, because this server block serves only 10.in-addr.arpa",
		},
		{
			". {\n  ordering on\n}\n",
			"Corefile:2 - Error during parsing: on is a value, not a zone: put it after its property between { and }",
		},
		{
			". {\n  ordering auto\n}\n",
			"Corefile:2 - Error during parsing: auto is a value, not a zone: put it after its property between { and }",
		},
		{
			". {\n  ordering 31\n}\n",
			"Corefile:2 - Error during parsing: 31 is a value, not a zone: put it after its property between { and }",
		},
		{
			". {\n  ordering *.example.org\n}\n",
			"Corefile:2 - Error during parsing: *.example.org is a wildcard, and a zone holds all names below it: did you mean example.org?",
		},
		{
			". {\n  ordering 192.0.2.53\n}\n",
			"Corefile:2 - Error during parsing: 192.0.2.53 is an address, not a zone: its reverse zone is written 192.0.2.53/32",
		},
		{
			"(one) {\n  ordering a.example\n}\n. {\n  import one\n  import one\n}\n",
			"Corefile:2 - Error during parsing: ordering is given twice in this line: is the line imported twice?",
		},
		{
			"(one) {\n  ordering\n}\n. {\n  import one\n  import one\n}\n",
			"Corefile:2 - Error during parsing: ordering is given twice in this line: is the line imported twice?",
		},
		{
			"(one) {\n  ordering a.example {\n    classful off\n  }\n}\n. {\n  import one\n  import one\n}\n",
			"Corefile:2 - Error during parsing: zone a.example already has this directive: is it imported twice?",
		},
		{
			"(one) {\n  ordering a.example\n}\n. {\n  import one\n  ordering b.example a.example\n}\n",
			"Corefile:6 - Error during parsing: zone a.example already has an ordering directive, at Corefile:2: merge the two",
		},
		{
			"(masks) {\n  netmask 24\n}\n. {\n  ordering {\n    import masks\n    import masks\n  }\n}\n",
			"Corefile:2 - Error during parsing: netmask: given twice in this line: is the line imported twice?",
		},
		{
			"(masks) {\n  netmask 24\n  classful off\n}\n. {\n  ordering {\n    import masks\n    import masks\n  }\n}\n",
			"Corefile:2 - Error during parsing: netmask: given twice in this line: is the line imported twice?",
		},
		{
			"(masks) {\n  netmask 24\n}\n. {\n  ordering {\n    import masks\n    netmask 16\n  }\n}\n",
			"Corefile:7 - Error during parsing: netmask: given twice, first at Corefile:2: merge the two lines or remove one",
		},
		{
			". {\n  ordering {\n    import masks\n    netmask 16\n  }\n}\n",
			"Corefile:4 - Error during parsing: netmask: given twice, first at DIR/masks:2: merge the two lines or remove one",
		},
		{
			". {\n  ordering {\n    import masks\n    import masks\n  }\n}\n",
			"DIR/masks:2 - Error during parsing: netmask: given twice in this line: is the line imported twice?",
		},
		{
			". {\n  ordering {\n    netmask 16\n    import masks\n  }\n}\n",
			"DIR/masks:2 - Error during parsing: netmask: given twice, first at Corefile:3: merge the two lines or remove one",
		},
		{
			". {\n  ordering {\n    import broken\n  }\n}\n",
			"DIR/broken:2 - Error during parsing: netmask: 255.0.255.0 has holes",
		},
		{
			". {\n  import directive\n  ordering a.example\n}\n",
			"Corefile:3 - Error during parsing: zone a.example already has an ordering directive, at DIR/directive:3: merge the two",
		},
		{
			". {\n  ordering a.example\n  import directive\n}\n",
			"DIR/directive:3 - Error during parsing: zone a.example already has an ordering directive, at Corefile:2: merge the two",
		},
		{
			". {\n  ordering {\n    netmask 24\n    forward . 192.0.2.53\n  }\n",
			"Corefile:4 - Error during parsing: forward is a directive, not a property: put } before it to end the ordering block of Corefile:2",
		},
	} {
		t.Run(tt.corefile, func(t *testing.T) {
			_, err := parsedCorefile(t, tt.corefile)
			if want := onThisSystem(tt.wantErr, dir); err == nil || err.Error() != want {
				t.Errorf("%s\ngot:  %v\nwant: %s", tt.corefile, err, want)
			}
		})
	}
}

// TestErrorsAreOneLineOfText puts words that nobody should see into every place of a Corefile.
func TestErrorsAreOneLineOfText(t *testing.T) {
	oneLine := regexp.MustCompile(`\A[[:print:]…�]{1,600}\z`)
	words := []string{"\x1b[31m", "a\nb", "\r", "\u202e", "\xff", "\u2028", strings.Repeat("x", 1e5), strings.Repeat("\x00", 1e5)}
	texts := []string{"LocalNetPriorityNetMask", "prefer", "rrset-order", "sortlist {", "sortlist any,", "netmask 24,", "netmask ="}
	for _, word := range words {
		quoted := `"` + word + `"`
		corefiles := []string{"ordering " + quoted, "ordering {\n} " + quoted, "ordering {\n" + quoted + " 24\n}", quoted}
		for property := range properties {
			if property != "topology" { // of which a path is shown in full
				corefiles = append(corefiles, "ordering {\n"+property+" "+quoted+"\n}",
					"ordering {\n"+property+" 10.0.0.0/8 "+quoted+" 3\n}")
			}
		}
		for _, text := range texts {
			corefiles = append(corefiles, "ordering {\n"+text+" "+quoted+"\n}")
		}
		for _, corefile := range corefiles {
			if _, err := parsed(corefile); err == nil || !oneLine.MatchString(err.Error()) {
				t.Errorf("%.100q\ngives %.700q", corefile, err)
			}
		}
	}
	c := caddy.NewTestController("dns", "")
	c.Dispenser = caddyfile.NewDispenser("Core\nfile\x1b[31m", strings.NewReader("ordering on"))
	want := `Core\nfile\x1b[31m:1 - Error during parsing: on is a value, not a zone: put it after its property between { and }`
	if _, err := parse(c, new(rrset.Turns)); err == nil || err.Error() != want {
		t.Errorf("got:  %q\nwant: %q", err, want)
	}
}
