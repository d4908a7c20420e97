package counters

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// published returns the series of a metric: "a=1" is one with label value a, which counts 1.
func published(t *testing.T, name string) string {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			all = append(all, fmt.Sprintf("%s=%v", m.GetLabel()[0].GetValue(), m.GetCounter().GetValue()))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestSeriesExistAsLongAsTheyAreUsed(t *testing.T) {
	const name = "counters_used_total"
	v := NewVec(prometheus.CounterOpts{Name: name, Help: "Counter of this test."}, "label")
	check := func(when, want string) {
		t.Helper()
		if got := published(t, name); got != want {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
	check("without users", "")
	var before, after, unused User
	before.Counter(v, "kept")
	check("used", "kept=0")
	before.Counter(v, "kept").Inc()
	before.Counter(v, "dropped").Inc()
	kept := after.Counter(v, "kept")
	kept.Inc()
	after.Counter(v, "new")
	check("with two users", "dropped=1 kept=2 new=0")

	before.Close()
	kept.Inc()
	check("one closed", "kept=3 new=0")
	late := before.Counter(v, "late")
	late.Inc()
	before.Counter(v, "kept").Inc()
	before.Close()
	unused.Close()
	check("used and closed after it was closed", "kept=3 new=0")

	after.Close()
	check("both closed", "")
	if len(v.users) > 0 {
		t.Errorf("%d series are remembered", len(v.users))
	}
	var again User
	again.Counter(v, "kept")
	check("used again", "kept=0")
	again.Close()
}

// A series is of one Vec, although another has the same label values.
func TestVecsAreApart(t *testing.T) {
	one := NewVec(prometheus.CounterOpts{Name: "counters_one_total", Help: "Counter of this test."}, "label")
	two := NewVec(prometheus.CounterOpts{Name: "counters_two_total", Help: "Counter of this test."}, "label")
	var u, v User
	u.Counter(one, "same").Inc()
	v.Counter(two, "same")
	u.Close()
	if got, got2 := published(t, "counters_one_total"), published(t, "counters_two_total"); got != "" || got2 != "same=0" {
		t.Errorf("got %q and %q", got, got2)
	}
	v.Close()
}

func TestUsersAreConcurrent(t *testing.T) {
	const name = "counters_concurrent_total"
	v := NewVec(prometheus.CounterOpts{Name: name, Help: "Counter of this test."}, "label")
	var kept User
	kept.Counter(v, "same")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				var u User
				u.Counter(v, "same").Inc()
				u.Counter(v, "other").Inc()
				u.Close()
			}
		})
	}
	all.Wait()
	if got, want := published(t, name), "same=800"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	kept.Close()
}
