package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A platform is what a server runs on, in the words of the go command.
type platform struct{ os, arch string }

// platformsOf returns the platforms of a list such as linux/amd64,windows/amd64.
func platformsOf(list string) (all []platform) {
	for name := range strings.SplitSeq(list, ",") {
		os, arch, _ := strings.Cut(name, "/")
		all = append(all, platform{os, arch})
	}
	return all
}

// String returns p as the go command writes it: linux/amd64.
func (p platform) String() string { return p.os + "/" + p.arch }

// program returns the file name of the server.
func (p platform) program() string {
	if p.os == "windows" {
		return "coredns.exe"
	}
	return "coredns"
}

// build builds the server from the directory source into the file program. Nothing in the
// environment but the toolchain changes the result: it is static, has no paths of this machine, and
// is for the oldest processors of its architecture.
func (p platform) build(source, version, program string) error {
	cmd := exec.Command("go", "build", "-C", source, "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version="+version, "-o", program, "./cmd/coredns")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch,
		"GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off", "GOFLAGS=", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, output)
	}
	return nil
}

// pack packs files into the archive path, to which it adds the suffix of its format: zip for Windows,
// tar.gz for the others.
func (p platform) pack(path string, files []string, date time.Time) error {
	if p.os == "windows" {
		return packInto(path+".zip", files, newZip, date)
	}
	return packInto(path+".tar.gz", files, newTarball, date)
}
