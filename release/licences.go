package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

var (
	licenceFile = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying)([-.].*)?$`)
	noticeFile  = regexp.MustCompile(`(?i)^(copyright|notice|patents|third-party)([-.].*)?$`)
)

// listed is what the go command prints of a package that is neither ordering's nor of the standard
// library: its module, the directory of that, and its own. A package of the standard library has
// only the last.
const listed = `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{"\t"}}{{.Dir}}{{"\t"}}{{$.Dir}}{{end}}` +
	`{{else}}{{.Dir}}{{end}}`

// licences are those of everything in the server that is not ordering's.
type licences struct {
	files map[string][]string // names of the licences and notices, by their text
	ids   map[string][]string // what SPDX calls the licences of a module, by its path
}

// licences returns the licences and notices that go with the packages in the server. A module whose
// licence is unknown is an error.
func (p platform) licences(source string) (*licences, error) {
	packages, err := p.goCommand("list", "-C", source, "-deps", "-f", listed, "./cmd/coredns")
	if err != nil {
		return nil, err
	}
	goroot, err := p.goCommand("env", "GOROOT")
	if err != nil {
		return nil, err
	}
	all := &licences{map[string][]string{}, map[string][]string{}}
	read := map[string]bool{} // directories
	for line := range strings.Lines(string(packages)) {
		field := strings.Split(strings.TrimSpace(line), "\t")
		if len(field) == 1 {
			field = []string{"stdlib", strings.TrimSpace(string(goroot)), field[0]}
		}
		module, root, directory := field[0], field[1], field[2]
		// Code that a module has copied has its licence in a directory between.
		for ; !read[directory]; directory = filepath.Dir(directory) {
			read[directory] = true
			if err := all.add(module, root, directory); err != nil {
				return nil, err
			}
			if directory == root {
				break
			}
		}
	}
	return all, nil
}

// add adds the licences and notices in a directory of a module. The module has the licences in its
// root.
func (l *licences) add(module, root, directory string) error {
	within, err := filepath.Rel(root, directory)
	if err != nil || !filepath.IsLocal(within) {
		return fmt.Errorf("%s is not in %s, the directory of %s", directory, root, module)
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	var ids []string
	for _, e := range entries {
		isLicence := licenceFile.MatchString(e.Name())
		if e.IsDir() || filepath.Ext(e.Name()) == ".go" || !isLicence && !noticeFile.MatchString(e.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(directory, e.Name()))
		if err != nil {
			return err
		}
		text := strings.Trim(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n")
		name := filepath.ToSlash(filepath.Join(within, e.Name()))
		l.files[text] = append(l.files[text], module+": "+name)
		if isLicence {
			for _, match := range licensecheck.Scan(content).Match {
				ids = append(ids, match.ID)
			}
		}
	}
	if directory == root {
		if len(ids) == 0 {
			return fmt.Errorf("%s has no licence that is known, in %s", module, root)
		}
		path, _, _ := strings.Cut(module, " ")
		slices.Sort(ids)
		l.ids[path] = slices.Compact(ids)
	}
	return nil
}

// text returns the licences and notices, which they ask to pass on with a program. Equal texts are
// there once, below the names of all files that have them.
func (l *licences) text() []byte {
	type section struct {
		files []string
		text  string
	}
	var sections []section
	for text, names := range l.files {
		sections = append(sections, section{slices.Sorted(slices.Values(names)), text})
	}
	slices.SortFunc(sections, func(x, y section) int { return cmp.Compare(x.files[0], y.files[0]) })

	var all bytes.Buffer
	all.WriteString("The server contains these Go modules and the standard library of Go (stdlib).\n" +
		"Their sources are what go mod download MODULE@VERSION brings.\n")
	line := strings.Repeat("=", 80)
	for _, s := range sections {
		fmt.Fprintf(&all, "\n%s\n%s\n%s\n\n%s\n", line, strings.Join(s.files, "\n"), line, s.text)
	}
	return all.Bytes()
}
