package chain

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/keytest"

	"github.com/miekg/dns"
)

// updatable are directives for a zone in the directory DIR that takes updates.
const updatable = `	root DIR
	tsig {
		secret key.example.org. i9M+00yrECfVZG2qCjr4mPpaGim/Bq+IWMiNrLjUO4Y=
		require_opcode UPDATE
	}
	dynupdate {
		file zone
		database database
		allow key.example.org. * *
	}
`

// TestNothingListensNorIsWritten has all plugins that would listen or write, and a server of each
// transport. The test itself listens once, so that it would be seen.
func TestNothingListensNorIsWritten(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir) // temporary files have to go, too
	if err := os.WriteFile(filepath.Join(dir, "zone"), []byte(zone), 0o600); err != nil {
		t.Fatal(err)
	}
	keytest.Certificate(t, dir, "example.org")
	_, key := keytest.SigningKey(t, dir)
	before, filesBefore := listening(t), files(t, dir)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if len(listening(t)) != len(before)+1 {
		t.Fatal("a socket that listens is not seen")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i, transport := range []string{"dns", "tls", "https", "grpc", "quic", "https3"} {
		fmt.Fprintf(&text, "%s://%s.example.org:%d {\n", transport, transport, 40100+i)
		text.WriteString("\tordering\n\tfile DIR/zone example.org\n")
		if transport != "dns" {
			text.WriteString("\ttls DIR/cert.pem DIR/key.pem {\n\t\tkeylog DIR/keys\n\t}\n")
		}
		text.WriteString("}\n")
	}
	text.WriteString("example.org:40207 {\n\tordering\n" + updatable + `}
example.org:40200 {
	ordering
	file DIR/zone
	prometheus 127.0.0.1:40201
	health 127.0.0.1:40202
	ready 127.0.0.1:40203
	pprof 127.0.0.1:40204
	dnstap listen tcp://127.0.0.1:40205
	sign DIR/zone {
		key file ` + key + `
		directory DIR
	}
	transfer {
		to 127.0.0.1:40206
	}
	loop
	reload
	trace
	on startup touch DIR/started
}
`)
	c, err := Open(input(strings.ReplaceAll(text.String(), "DIR", dir)))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.servers {
		res := askedAt(t, c, s, "10.1.0.9", "www.example.org.", dns.TypeA)
		if res.Msg == nil {
			t.Errorf("%s does not respond", s.Addr)
		}
	}
	if got := listening(t); !slices.Equal(got, before) {
		t.Errorf("it listens: %v", got)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if got := files(t, dir); !slices.Equal(got, filesBefore) {
		t.Errorf("there are the files %v", got)
	}
}

// files returns the names in a directory.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// listening returns the sockets of this process that listen, as /proc/net has them: those of TCP in
// state 0A, and those of UDP that are not connected.
func listening(t *testing.T) (all []string) {
	t.Helper()
	own := map[string]bool{}
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(fds) == 0 {
		t.Skip("there is no /proc")
	}
	for _, fd := range fds {
		target, _ := os.Readlink(fd)
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile("/proc/self/net/" + table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) < 10 || !own[words[9]] {
				continue
			}
			unconnected := strings.HasPrefix(table, "udp") && strings.HasSuffix(words[2], ":0000")
			if words[3] == "0A" || unconnected {
				all = append(all, table+" "+words[1])
			}
		}
	}
	slices.Sort(all)
	return all
}
