// Command release writes the files of a release: for each platform an archive with the server, its
// manual pages, its licence and those of the modules in it, and a list of these modules (an SBOM in
// the form of CycloneDX), then the checksums of all of them.
//
// The same source, version, date and Go toolchain give the same files, byte for byte, in any
// directory and on any machine. The date is SOURCE_DATE_EPOCH, in seconds, and 1980 without it.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("release: ")
	r := release{platforms: []platform{
		{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}, {"windows", "amd64"},
	}}
	flag.StringVar(&r.version, "version", "", "version, such as v0.1.0")
	flag.StringVar(&r.source, "source", "..", "directory of the source code")
	flag.StringVar(&r.out, "out", "../dist", "directory of the files to write; it is emptied first")
	only := flag.String("only", "", "platforms, such as linux/amd64,linux/arm64; all by default")
	flag.Parse()
	if *only != "" {
		r.platforms = platformsOf(*only)
	}
	var err error
	if r.date, err = sourceDate(os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		log.Fatal(err)
	}
	if err := r.write(); err != nil {
		log.Fatal(err)
	}
}

// A release is what its files are made from.
type release struct {
	version   string // with the v of the tag
	date      time.Time
	source    string // directory of the source code
	out       string // directory of the files
	platforms []platform
}

// versionForm matches a tag, and what git describe prints for other commits.
var versionForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+-]*$`)

// write builds the server for each platform and writes the files of the release.
func (r *release) write() error {
	if !versionForm.MatchString(r.version) {
		return fmt.Errorf("-version %q is no version: want one such as v0.1.0", r.version)
	}
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	for _, p := range r.platforms {
		if err := r.writePlatform(p, scratch); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return r.writeChecksums()
}

// writePlatform writes the archive and the list of modules for a platform. The server is built in
// the directory scratch.
func (r *release) writePlatform(p platform, scratch string) error {
	program := filepath.Join(scratch, p.program())
	if err := p.build(r.source, r.version, program); err != nil {
		return err
	}
	licences, err := p.licences(r.source)
	if err != nil {
		return err
	}
	licencesFile := filepath.Join(scratch, "THIRD-PARTY-LICENSES.txt")
	if err := os.WriteFile(licencesFile, licences.text(), 0o644); err != nil {
		return err
	}
	files, err := r.packed(program, licencesFile)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("coredns-ordering_%s_%s_%s", strings.TrimPrefix(r.version, "v"), p.os, p.arch)
	if err := p.pack(filepath.Join(r.out, name), files, r.date); err != nil {
		return err
	}
	return writeSBOM(filepath.Join(r.out, name+".cdx.json"), program, r.version, r.date, licences.ids)
}

// packed returns the files of an archive: those given, and those of the source that go with them.
func (r *release) packed(files ...string) ([]string, error) {
	pages, err := filepath.Glob(filepath.Join(r.source, "man", "*.[1-8]"))
	if err != nil || len(pages) == 0 {
		return nil, fmt.Errorf("no manual page in %s (%v)", r.source, err)
	}
	files = append(files, pages...)
	for _, name := range []string{"CHANGELOG.md", "LICENSE", "README.md"} {
		files = append(files, filepath.Join(r.source, name))
	}
	return files, nil
}

// writeChecksums writes SHA256SUMS, which sha256sum -c reads, of all files in the directory out.
func (r *release) writeChecksums() error {
	entries, err := os.ReadDir(r.out) // sorted by name
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

// sourceDate returns the time of a SOURCE_DATE_EPOCH. The oldest that a zip archive can hold is
// 1980, which is what "" stands for.
func sourceDate(epoch string) (time.Time, error) {
	if epoch == "" {
		return time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH %q is no number of seconds", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
