package chain

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
)

// copies are copies of the databases in which plugin dynupdate keeps zones. The server has its
// database locked, and a query would create one that does not exist. The zero copies is empty.
type copies struct {
	dir    string            // a temporary directory; "": not made yet
	byPath map[string]string // by the path of a database that of its copy
}

// use makes the directive dynupdate of c use a copy of its database, if it names one.
func (s *copies) use(c *caddy.Controller) (err error) {
	root := dnsserver.GetConfig(c).Root
	c.Dispenser = editLines(c.Dispenser, func(line []caddyfile.Token) []caddyfile.Token {
		if len(line) == 2 && line[0].Text == "database" && err == nil {
			path := line[1].Text
			if !filepath.IsAbs(path) {
				path = filepath.Join(root, path)
			}
			line[1].Text, err = s.of(path)
		}
		return line
	})
	return err
}

// of returns the path of the copy of a database. There is no file if the database does not exist.
func (s *copies) of(path string) (string, error) {
	if to, found := s.byPath[path]; found {
		return to, nil
	}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "coredns-")
		if err != nil {
			return "", err
		}
		s.dir, s.byPath = dir, map[string]string{}
	}
	to := filepath.Join(s.dir, strconv.Itoa(len(s.byPath)))
	s.byPath[path] = to
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return to, nil
	case err != nil:
		return "", err
	}
	return to, os.WriteFile(to, text, 0o600)
}

// remove removes the copies.
func (s *copies) remove() error {
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}
