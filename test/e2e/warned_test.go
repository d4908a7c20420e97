package e2e

import (
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/server"
)

// A few; the whole table is beside the parser.
func TestCorefileWarnsOfWhatHasNoEffect(t *testing.T) {
	const netmask = "Corefile:4 - netmask: has no effect while local_net_priority is off: remove one of the two lines"
	const weight = "Corefile:5 - weight: has no effect because every IPv4 address has weight 1: give some another weight or remove these lines"
	count := func() (n [2]int) {
		return [2]int{len(serverLog.lines("[WARNING]", netmask)), len(serverLog.lines("[WARNING]", weight))}
	}
	before := count()
	const snippet = "(inert) {\nordering {\nlocal_net_priority off\nnetmask /24\nweight 10.0.0.0/8 1\n}\n}\n"
	const block = " {\nbind 127.0.0.1\nimport inert\nwhoami\n}\n"
	instance, err := server.Run(t, "Corefile", snippet+"example.org"+block+"example.net"+block)
	if err != nil {
		t.Fatal(err)
	}
	instance.ShutdownCallbacks()
	instance.Stop()
	if after := count(); after != [2]int{before[0] + 1, before[1] + 1} {
		t.Errorf("warned %v times in all, %v before; want once each for two server blocks\n%s", after, before,
			strings.Join(serverLog.lines("[WARNING]", "plugin/ordering"), "\n"))
	}
}
