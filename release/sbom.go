package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// specVersion is the version of CycloneDX that the list is in. Many scanners refuse 1.7, and
// nothing here needs it.
const specVersion = cdx.SpecVersion1_6

// writeSBOM writes to file which modules are in a program: those that the go command recorded in it,
// and the standard library. licences are what SPDX calls those of each, by the path of the module.
func writeSBOM(file, program, version string, date time.Time, licences map[string][]string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	main := component(debug.Module{Path: info.Main.Path, Version: version}, []string{"Apache-2.0"})
	main.Type = cdx.ComponentTypeApplication
	main.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sha256.Sum256(content))}}

	// Databases of vulnerabilities call the standard library stdlib.
	modules := []*debug.Module{{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}}
	var parts []cdx.Component
	for _, m := range append(modules, info.Deps...) {
		ids := licences[m.Path]
		if m.Replace != nil {
			m = m.Replace
		}
		parts = append(parts, component(*m, ids))
	}
	var references []string
	for _, p := range parts {
		references = append(references, p.BOMRef)
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Timestamp: date.Format(time.RFC3339), Component: &main}
	bom.Components = &parts
	bom.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &references}}

	var text bytes.Buffer
	encoder := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true)
	if err := encoder.EncodeVersion(bom, specVersion); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}

// component returns a module as a part of the program, with its licences and the hash that go.sum
// has for it.
func component(m debug.Module, licences []string) cdx.Component {
	purl := "pkg:golang/" + m.Path + "@" + url.QueryEscape(m.Version) // a + is written %2B
	c := cdx.Component{
		Type: cdx.ComponentTypeLibrary, BOMRef: purl, PackageURL: purl, Name: m.Path, Version: m.Version,
	}
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) > 0 {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sum)}}
	}
	var all cdx.Licenses
	for _, id := range licences {
		all = append(all, cdx.LicenseChoice{License: &cdx.License{ID: id}})
	}
	c.Licenses = &all
	return c
}
