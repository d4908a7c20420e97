// Package corefile has what the commands that read a Corefile share.
package corefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	golog "log"
	"os"
	"strings"

	"github.com/coredns/caddy"
	clog "github.com/coredns/coredns/plugin/pkg/log"
)

// Read reads a Corefile. As for the server, "stdin" is the standard input.
func Read(path string) (caddy.Input, error) {
	var text []byte
	var err error
	if path == "stdin" {
		text, err = io.ReadAll(os.Stdin)
	} else {
		text, err = os.ReadFile(path)
	}
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return caddy.CaddyfileInput{Filepath: path, Contents: text, ServerTypeName: "dns"}, nil
}

// OneLine returns the message of err on one line.
func OneLine(err error) string { return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ") }

// Refusal returns OneLine of the error that a Corefile was refused with. If the Corefile ends inside a
// block because a statement of BIND was pasted, it names the line.
func Refusal(corefile caddy.Input, err error) string {
	message := OneLine(err)
	if !strings.HasSuffix(message, "Unexpected EOF") {
		return message
	}
	line := 0
	for text := range strings.Lines(string(corefile.Body())) {
		line++
		if !strings.HasPrefix(strings.TrimSpace(text), "#") && strings.Contains(text, "};") {
			return fmt.Sprintf("%s: line %d has }; as in BIND, but in a Corefile } ends a block and stands alone on its line",
				message, line)
		}
	}
	return message
}

// LogTo has CoreDNS write its warnings and errors to w, and nothing else: not the queries that the
// log plugin would write.
func LogTo(w io.Writer) {
	golog.SetFlags(0)
	clog.SetOutput(filter{w})
}

// A filter passes on the lines that are warnings or errors.
type filter struct{ io.Writer }

func (f filter) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("[INFO] ")) || bytes.HasPrefix(line, []byte("[DEBUG] ")) {
		return len(line), nil
	}
	return f.Writer.Write(line)
}
