package main

import (
	"bytes"
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

// build builds the server from the directory source into the file program. The result is static,
// has no paths of this machine, and is for the oldest processors of its architecture.
func (p platform) build(source, version, program string) error {
	_, err := p.goCommand("build", "-C", source, "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version="+version, "-o", program, "./cmd/coredns")
	return err
}

// goCommand runs the go command for p and returns what it prints. Nothing in the environment but
// the toolchain changes the result.
func (p platform) goCommand(arguments ...string) ([]byte, error) {
	cmd := exec.Command("go", arguments...)
	// An empty GOFLAGS would be that of go env -w. This one says what is so by default.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOAMD64=v1",
		"GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off", "GOFLAGS=-mod=readonly", "GOWORK=off")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", arguments[0], err, problems.Bytes())
	}
	return output, nil
}

// pack packs files into the archive path, to which it adds the suffix of its format: zip for Windows,
// tar.gz for the others.
func (p platform) pack(path string, files []string, date time.Time) error {
	if p.os == "windows" {
		return packInto(path+".zip", files, newZip, date)
	}
	return packInto(path+".tar.gz", files, newTarball, date)
}
