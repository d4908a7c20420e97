package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var thorough = flag.Bool("thorough", false,
	"build for every platform, and the second time with an empty build cache (takes half an hour)")

var here = platform{runtime.GOOS, runtime.GOARCH}

const archiveName = "coredns-ordering_1.2.3"

// written writes a release of a copy of the source, in a directory with this name, and returns its
// files.
func written(t *testing.T, directory string, platforms []platform) map[string][]byte {
	t.Helper()
	source := filepath.Join(t.TempDir(), directory)
	copySource(t, source)
	r := release{version: "v1.2.3", date: time.Date(2026, time.May, 4, 3, 2, 0, 0, time.UTC),
		source: source, out: filepath.Join(t.TempDir(), "dist"), platforms: platforms}
	if err := r.write(); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	entries, err := os.ReadDir(r.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = content
	}
	return files
}

// copySource copies what a release is made from to the directory to.
func copySource(t *testing.T, to string) {
	t.Helper()
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bench", "dist", "release", "test"}, path):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, path), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		content, err := fs.ReadFile(root, path)
		return errors.Join(err, os.WriteFile(filepath.Join(to, path), content, 0o644))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReleaseIsTheSameFromTwoDirectories(t *testing.T) {
	platforms := []platform{here}
	if *thorough {
		platforms = []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}, {"windows", "amd64"}}
	}
	first := written(t, "one", platforms)
	if *thorough {
		t.Setenv("GOCACHE", t.TempDir())
	}
	second := written(t, "another/and/deeper", platforms)
	if len(first) != 2*len(platforms)+1 {
		t.Errorf("%d files, want an archive and a list of modules for each platform, and SHA256SUMS", len(first))
	}
	for name, content := range first {
		if !bytes.Equal(content, second[name]) {
			t.Errorf("%s differs between two directories", name)
		}
	}

	t.Run("checksums", func(t *testing.T) { testChecksums(t, first) })
	t.Run("modules", func(t *testing.T) { testModules(t, first) })
	if here.os != "windows" {
		t.Run("archive", func(t *testing.T) { testArchive(t, first) })
	}
}

func testChecksums(t *testing.T, files map[string][]byte) {
	want := ""
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name != "SHA256SUMS" {
			want += fmt.Sprintf("%x  %s\n", sha256.Sum256(files[name]), name)
		}
	}
	if got := string(files["SHA256SUMS"]); got != want {
		t.Errorf("SHA256SUMS is\n%s\nwant\n%s", got, want)
	}
}

func testModules(t *testing.T, files map[string][]byte) {
	var bom struct {
		BOMFormat  string
		Metadata   struct{ Component struct{ PURL string } }
		Components []struct {
			Name, Version, PURL string
			Hashes              []struct{ Alg, Content string }
		}
	}
	if err := json.Unmarshal(files[fmt.Sprintf("%s_%s_%s.cdx.json", archiveName, here.os, here.arch)], &bom); err != nil {
		t.Fatal(err)
	}
	if got, want := bom.Metadata.Component.PURL, "pkg:golang/github.com/coredns-ordering/ordering@v1.2.3"; got != want {
		t.Errorf("the SBOM is that of %s, want %s", got, want)
	}
	if bom.BOMFormat != "CycloneDX" {
		t.Errorf("the format is %q", bom.BOMFormat)
	}
	for _, want := range []string{"std", "github.com/coredns/coredns", "github.com/miekg/dns"} {
		found := false
		for _, c := range bom.Components {
			if c.Name == want {
				found = c.PURL == "pkg:golang/"+c.Name+"@"+c.Version && c.Version != "" &&
					(want == "std" || len(c.Hashes) == 1 && len(c.Hashes[0].Content) == 64)
			}
		}
		if !found {
			t.Errorf("the SBOM does not have %s with its version and hash", want)
		}
	}
}

func testArchive(t *testing.T, files map[string][]byte) {
	directory := fmt.Sprintf("%s_%s_%s", archiveName, here.os, here.arch)
	compressed, err := gzip.NewReader(bytes.NewReader(files[directory+".tar.gz"]))
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(compressed)
	program := filepath.Join(t.TempDir(), "coredns")
	var names []string
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		if !header.ModTime.Equal(time.Date(2026, time.May, 4, 3, 2, 0, 0, time.UTC)) || header.Uname != "" || header.Uid != 0 {
			t.Errorf("%s is dated %v and belongs to %q, %d", header.Name, header.ModTime, header.Uname, header.Uid)
		}
		if header.Name == directory+"/coredns" {
			content, err := io.ReadAll(archive)
			if err = errors.Join(err, os.WriteFile(program, content, header.FileInfo().Mode())); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("the files are not sorted: %v", names)
	}
	for _, name := range []string{"coredns", "coredns-ordering.7", "CHANGELOG.md", "LICENSE", "README.md"} {
		if !slices.Contains(names, directory+"/"+name) {
			t.Errorf("the archive has no %s: %v", name, names)
		}
	}
	output, err := exec.Command(program, "-version").CombinedOutput()
	if err != nil || !strings.Contains(string(output), " ordering-1.2.3\n") {
		t.Errorf("coredns -version prints %q (%v), want it to name ordering-1.2.3", output, err)
	}
}

// The archive for Windows has the same properties as the others, in the form of zip.
func TestZipDoesNotDependOnTheMachine(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for _, name := range []string{"README.md", "coredns.exe", "LICENSE"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("text of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	date := time.Date(2026, time.May, 4, 3, 2, 0, 0, time.UTC)
	if err := (platform{"windows", "amd64"}).pack(filepath.Join(dir, "name"), files, date); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(dir, "name.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var got []string
	for _, f := range archive.File {
		got = append(got, fmt.Sprint(f.Name, " ", f.Mode(), " ", f.Modified.UTC().Format(time.DateTime)))
	}
	want := []string{
		"name/LICENSE -rw-r--r-- 2026-05-04 03:02:00",
		"name/README.md -rw-r--r-- 2026-05-04 03:02:00",
		"name/coredns.exe -rwxr-xr-x 2026-05-04 03:02:00",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the archive has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSourceDate(t *testing.T) {
	for epoch, want := range map[string]string{"": "1980-01-01 00:00:00", "1777863720": "2026-05-04 03:02:00"} {
		date, err := sourceDate(epoch)
		if got := date.Format(time.DateTime); err != nil || got != want {
			t.Errorf("SOURCE_DATE_EPOCH %q is %s (%v), want %s", epoch, got, err, want)
		}
	}
	if _, err := sourceDate("yesterday"); err == nil {
		t.Error("SOURCE_DATE_EPOCH yesterday is accepted")
	}
}

func TestVersionIsNeeded(t *testing.T) {
	for _, version := range []string{"", "v1 -X main.x=y", "feature/x"} {
		r := release{version: version, out: t.TempDir()}
		if err := r.write(); err == nil {
			t.Errorf("the version %q is accepted", version)
		}
	}
}
