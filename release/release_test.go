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
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xeipuuv/gojsonschema"
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

// copySource copies what the image is built from to the directory to: a release needs nothing else.
func copySource(t *testing.T, to string) {
	t.Helper()
	ignored := dockerignore(t)
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path == ".git":
			return fs.SkipDir
		case !d.Type().IsRegular() || ignored(path):
			return nil
		}
		content, err := fs.ReadFile(root, path)
		file := filepath.Join(to, path)
		return errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, content, 0o644))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dockerignore returns a function that reports whether .dockerignore keeps a file out of the
// image's build. The last pattern that matches the file or a directory above it decides.
func dockerignore(t *testing.T) func(file string) bool {
	t.Helper()
	text, err := os.ReadFile("../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	return func(file string) (ignored bool) {
		for pattern := range strings.Lines(string(text)) {
			pattern, exception := strings.CutPrefix(strings.TrimSpace(pattern), "!")
			anywhere, deep := strings.CutPrefix(pattern, "**/")
			for name := file; name != "."; name = path.Dir(name) {
				matches, _ := path.Match(pattern, name)
				if deep {
					matches, _ = path.Match(anywhere, path.Base(name))
				}
				if matches {
					ignored = !exception
				}
			}
		}
		return ignored
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
	t.Run("schema", func(t *testing.T) { testSchema(t, first) })
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

// sbomOf returns the list of modules for this machine's platform.
func sbomOf(t *testing.T, files map[string][]byte) (bom struct {
	BOMFormat  string
	Metadata   struct{ Component struct{ PURL string } }
	Components []struct {
		Name, Version, PURL string
		Hashes              []struct{ Alg, Content string }
		Licenses            []struct{ License struct{ ID string } }
	}
}) {
	t.Helper()
	if err := json.Unmarshal(files[fmt.Sprintf("%s_%s_%s.cdx.json", archiveName, here.os, here.arch)], &bom); err != nil {
		t.Fatal(err)
	}
	return bom
}

func testModules(t *testing.T, files map[string][]byte) {
	bom := sbomOf(t, files)
	if got, want := bom.Metadata.Component.PURL, "pkg:golang/github.com/coredns-ordering/ordering@v1.2.3"; got != want {
		t.Errorf("the SBOM is that of %s, want %s", got, want)
	}
	if bom.BOMFormat != "CycloneDX" {
		t.Errorf("the format is %q", bom.BOMFormat)
	}
	for _, want := range []string{"stdlib", "github.com/coredns/coredns", "github.com/miekg/dns"} {
		found := false
		for _, c := range bom.Components {
			if c.Name == want {
				found = c.PURL == "pkg:golang/"+c.Name+"@"+c.Version && c.Version != "" &&
					(want == "stdlib" || len(c.Hashes) == 1 && len(c.Hashes[0].Content) == 64)
			}
		}
		if !found {
			t.Errorf("the SBOM does not have %s with its version and hash", want)
		}
	}
	for _, c := range bom.Components {
		for _, l := range c.Licenses {
			if !slices.Contains(accepted, l.License.ID) {
				t.Errorf("%s has the licence %s, which is not among those accepted so far", c.Name, l.License.ID)
			}
		}
		if len(c.Licenses) == 0 {
			t.Errorf("%s has no licence", c.Name)
		}
	}
}

// accepted are the licences that modules may have: they allow to ship the server under the Apache
// License 2.0, with THIRD-PARTY-LICENSES.txt and with sources that everybody can download.
var accepted = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0"}

// testSchema compares the lists of modules with the schema of CycloneDX, which is in the module
// that writes them.
func testSchema(t *testing.T, files map[string][]byte) {
	directory, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	load := func(name string) gojsonschema.JSONLoader {
		content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(directory)), "schema", name))
		if err != nil {
			t.Fatal(err)
		}
		return gojsonschema.NewBytesLoader(content)
	}
	loader := gojsonschema.NewSchemaLoader()
	if err := loader.AddSchemas(load("spdx.schema.json"), load("jsf-0.82.schemax.json")); err != nil {
		t.Fatal(err)
	}
	schema, err := loader.Compile(load("bom-" + specVersion.String() + ".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if !strings.HasSuffix(name, ".cdx.json") {
			continue
		}
		result, err := schema.Validate(gojsonschema.NewBytesLoader(content))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range result.Errors() {
			t.Errorf("%s: %s", name, e)
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
	var licences string
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
		content, err := io.ReadAll(archive)
		switch header.Name {
		case directory + "/coredns":
			err = errors.Join(err, os.WriteFile(program, content, header.FileInfo().Mode()))
		case directory + "/THIRD-PARTY-LICENSES.txt":
			licences = string(content)
		}
		if err != nil {
			t.Fatal(err)
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
	for _, c := range sbomOf(t, files).Components {
		module := c.Name + " " + c.Version
		if c.Name == "stdlib" {
			module = c.Name
		}
		if !strings.Contains(licences, "\n"+module+": ") {
			t.Errorf("the archive has no licence of %s", module)
		}
	}
}

// The server of this test has one module beside the standard library, with a package that it uses
// and one that it does not use.
func TestLicencesOfWhatIsInTheServer(t *testing.T) {
	source := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.org/server\ngo 1.26.0\nrequire example.org/module v1.2.3\n" +
			"replace example.org/module v1.2.3 => ./module\n",
		"LICENSE":                              "licence of the server itself",
		"cmd/coredns/main.go":                  "package main\nimport _ \"example.org/module/third_party/copied\"\nfunc main() {}\n",
		"module/go.mod":                        "module example.org/module\ngo 1.26.0\n",
		"module/LICENSE.md":                    "https://www.opensource.org/licenses/mit\r\n  of the module\r\n",
		"module/NOTICE":                        "notice of the module",
		"module/README":                        "no licence",
		"module/third_party/LICENCE":           "https://www.opensource.org/licenses/mit\n  of the module\n\n",
		"module/third_party/copied/COPYING":    "licence of the copy",
		"module/third_party/copied/license.go": "package copied\n",
		"module/unused/LICENSE":                "licence of what is not in the server",
		"module/unused/unused.go":              "package unused\n",
	} {
		file := filepath.Join(source, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	licences, err := here.licences(source)
	if err != nil {
		t.Fatal(err)
	}
	if got := licences.ids["example.org/module"]; !slices.Equal(got, []string{"MIT"}) {
		t.Errorf("the licences of the module are %v, want MIT", got)
	}
	line := strings.Repeat("=", 80)
	_, got, _ := strings.Cut(string(licences.text()), "\n\n")
	got, _, _ = strings.Cut(got, "\n"+line+"\nstdlib")
	want := line + `
example.org/module v1.2.3: LICENSE.md
example.org/module v1.2.3: third_party/LICENCE
` + line + `

https://www.opensource.org/licenses/mit
  of the module

` + line + `
example.org/module v1.2.3: NOTICE
` + line + `

notice of the module

` + line + `
example.org/module v1.2.3: third_party/copied/COPYING
` + line + `

licence of the copy
`
	if got != want {
		t.Errorf("the licences are\n%s\nwant\n%s", got, want)
	}

	if err := os.WriteFile(filepath.Join(source, "module/LICENSE.md"), []byte("Do not use it."), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := here.licences(source); err == nil || !strings.Contains(err.Error(), "example.org/module v1.2.3 has no licence") {
		t.Errorf("a module without a known licence: %v", err)
	}
}

// A scanner finds a module by its package URL, in which a + is written %2B.
func TestPackageURL(t *testing.T) {
	got := component(debug.Module{Path: "example.org/module", Version: "v2.0.0+incompatible"}, nil).PackageURL
	if want := "pkg:golang/example.org/module@v2.0.0%2Bincompatible"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestGoSettingsOfTheUserDoNotMatter(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "env") // where go env -w writes
	if err := os.WriteFile(settings, []byte("GOFLAGS=-tags=other\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOENV", settings)
	t.Setenv("GOFLAGS", "")
	got, err := here.goCommand("env", "GOFLAGS")
	if err != nil || strings.Contains(string(got), "other") {
		t.Errorf("GOFLAGS is %s (%v)", got, err)
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
	for _, version := range []string{"", "v1 -X main.x=y", "v1'", "-v1", "feature/x"} {
		r := release{version: version, out: t.TempDir()}
		if err := r.write(); err == nil {
			t.Errorf("the version %q is accepted", version)
		}
	}
}
