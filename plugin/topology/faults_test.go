package topology

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-ordering/ordering/internal/faults"
	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

// TestFaultsOfFiles follows a file that vanishes, tears, becomes something else or cannot be read,
// and whose reads hang. The table must always be that of a version of the file that was at rest, and
// that of the last version once this is good again.
func TestFaultsOfFiles(t *testing.T) {
	topologytest.Logged(t)
	descriptors := openDescriptors()
	faults.Run(t, 150, func(t *testing.T, rnd *rand.Rand) {
		synctest.Test(t, func(t *testing.T) {
			d := newFaultyDisk(t, rnd)
			f := open(t, d.path)
			var hang atomic.Int64
			atOnce := f.shared.look
			f.shared.look = func(path string, last version, seen os.FileInfo) look {
				now := atOnce(path, last, seen)
				time.Sleep(time.Duration(hang.Load()))
				return now
			}
			topologytest.Must(t, f.Start())
			for range 25 {
				hang.Store(0)
				if rnd.IntN(10) == 0 {
					hang.Store(rnd.Int64N(int64(5 * time.Second)))
				}
				d.fail()
				d.check(f.Table())
			}
			hang.Store(0)
			time.Sleep(5 * time.Second)
			d.rewrite(d.text())
			poll()
			if got, want := d.nameOf(f.Table()), d.current; got != want {
				t.Errorf("has %s, want %s: the file is good again", got, want)
			}
			f.Stop()
		})
	})
	topologytest.Eventually(t, "all files closed", func() bool { return openDescriptors() <= descriptors })
}

// openDescriptors returns how many file descriptors this process has; 0 where that cannot be told.
func openDescriptors() int {
	open, _ := os.ReadDir("/proc/self/fd")
	return len(open)
}

// marker is an address whose location says which version of the file a table is of.
var marker = netip.MustParseAddr("192.0.2.1")

// A faultyDisk breaks a file. It notes which versions of it a table may be of.
type faultyDisk struct {
	t       *testing.T
	rnd     *rand.Rand
	path    string
	written int // versions so far

	current string    // the name of the version that the file has, "" if it is broken
	since   time.Time // when it was written
	allowed []string  // names
}

func newFaultyDisk(t *testing.T, rnd *rand.Rand) *faultyDisk {
	d := &faultyDisk{t: t, rnd: rnd, path: t.TempDir() + "/networks"}
	d.rewrite(d.text())
	d.allowed = []string{d.current}
	return d
}

// text returns a new version of the file.
func (d *faultyDisk) text() string {
	var b strings.Builder
	d.written++
	fmt.Fprintf(&b, "%v v%d\n", marker, d.written)
	for i := range d.rnd.IntN(200) {
		fmt.Fprintf(&b, "10.0.%d.0/24 region/zone-%d\n", i, d.written)
	}
	return b.String()
}

// nameOf returns the name of the version that table is of.
func (d *faultyDisk) nameOf(table *Table) string {
	return fmt.Sprintf("%v with %d networks", table.Find(marker), table.Len())
}

// change calls write, which makes text the text of the file; "" if it breaks the file.
func (d *faultyDisk) change(text string, write func()) {
	d.t.Helper()
	d.rest()
	write()
	d.current, d.since = "", time.Now()
	table, err := parse(d.path, strings.NewReader(text))
	if err == nil && table.Len() > 0 && strings.HasSuffix(text, "\n") {
		d.current = d.nameOf(table)
	}
}

// rest allows the present version if it was at rest for long enough to be read.
func (d *faultyDisk) rest() {
	if d.current != "" && time.Since(d.since) >= restInterval {
		d.allowed = append(d.allowed, d.current)
	}
}

// rewrite writes the file in place.
func (d *faultyDisk) rewrite(text string) {
	d.t.Helper()
	d.change(text, func() {
		if info, err := os.Lstat(d.path); err == nil && !info.Mode().IsRegular() {
			topologytest.Must(d.t, os.Remove(d.path))
		}
		rewrite(d.t, d.path, text)
	})
}

// replace removes the file and calls write, which makes another thing at its path.
func (d *faultyDisk) replace(text string, write func()) {
	d.t.Helper()
	d.change(text, func() {
		topologytest.Must(d.t, os.RemoveAll(d.path))
		write()
	})
}

// pause waits for a while: sometimes not as long as a change must be at rest, sometimes longer. It
// never ends at the same time as a pause of poll.
func (d *faultyDisk) pause() {
	time.Sleep(time.Duration(1 + 2*d.rnd.Int64N(int64(2*time.Second)/2)))
	synctest.Wait()
}

// fail does something to the file and waits.
func (d *faultyDisk) fail() {
	text := d.text()
	link := func(target string) {
		d.replace("", func() { topologytest.Must(d.t, os.Symlink(target, d.path)) })
	}
	switch d.rnd.IntN(13) {
	case 0, 1:
		d.rewrite(text)
	case 2:
		rewrite(d.t, d.path+".new", text)
		d.replace(text, func() { topologytest.Must(d.t, os.Rename(d.path+".new", d.path)) })
	case 3: // in two parts
		n := d.rnd.IntN(len(text))
		d.rewrite(text[:n])
		d.pause()
		d.rewrite(text)
	case 4: // only the first part
		d.rewrite(text[:d.rnd.IntN(len(text))])
	case 5:
		d.rewrite("")
	case 6:
		b := []byte(text)
		for range 1 + d.rnd.IntN(5) {
			b[d.rnd.IntN(len(b))] = byte(d.rnd.IntN(256))
		}
		d.rewrite(string(b))
	case 7:
		d.rewrite(text + strings.Repeat("x", maxLineLength+1))
	case 8:
		d.replace("", func() { topologytest.Must(d.t, os.Mkdir(d.path, 0o700)) })
	case 9:
		d.replace("", func() {}) // vanishes
	case 10:
		link("nowhere")
	case 11:
		link("networks") // leads to itself
	case 12:
		link("/proc/self/mem") // reading it is an error
	}
	d.pause()
}

// check checks that table is one that is allowed.
func (d *faultyDisk) check(table *Table) {
	d.t.Helper()
	d.rest()
	if got := d.nameOf(table); !slices.Contains(d.allowed, got) {
		d.t.Fatalf("has %s; there were %v at rest", got, d.allowed)
	}
}
