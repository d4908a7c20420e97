//go:build linux

package soak

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/coredns-ordering/ordering/test/internal/proxied"

	"github.com/quic-go/quic-go"
)

// timeout is how long a client waits for an answer before the query counts as lost.
const timeout = 2 * time.Second

// randomClient returns one of 65,000 client addresses in each place, or one that is nowhere.
func randomClient() netip.Addr {
	place := mathrand.IntN(places + 1)
	a := [4]byte{100, byte(64 + place), byte(mathrand.Uint32()), byte(mathrand.Uint32())}
	if place == places {
		a[0] = 203
	}
	return netip.AddrFrom4(a)
}

// A connection sends one query after another to a server as some client.
type connection interface {
	// exchange sends a packed query and returns the packed answer.
	exchange(query []byte) ([]byte, error)
	client() netip.Addr
	Close() error
}

// dial opens a connection over a transport. A connection over UDP has another client for each
// query.
func dial(p *process, config *tls.Config, transport string) (connection, error) {
	addr, source := p.addr(transport), randomClient()
	switch transport {
	case "udp":
		conn, err := net.Dial("udp", addr)
		return &datagrams{Conn: conn, buffer: make([]byte, 65535)}, err
	case "tcp":
		conn, err := proxied.Dial(addr, netip.AddrPortFrom(source, 40000))
		return &stream{Conn: conn, source: source}, err
	case "tls":
		conn, err := proxied.Dial(addr, netip.AddrPortFrom(source, 40000))
		if err != nil {
			return nil, err
		}
		return &stream{Conn: tls.Client(conn, config), source: source}, nil
	case "https":
		return newWeb(config, addr, source), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	quicConfig := config.Clone()
	quicConfig.NextProtos = []string{"doq"}
	conn, err := quic.DialAddr(ctx, addr, quicConfig, &quic.Config{MaxIdleTimeout: timeout})
	return &quicConn{conn}, err
}

// datagrams are queries over UDP.
type datagrams struct {
	net.Conn
	source netip.Addr
	buffer []byte
}

func (d *datagrams) client() netip.Addr { return d.source }

func (d *datagrams) exchange(query []byte) ([]byte, error) {
	d.source = randomClient()
	d.SetDeadline(time.Now().Add(timeout))
	packet := append(proxied.Header(proxied.Datagram, netip.AddrPortFrom(d.source, 40000)), query...)
	if _, err := d.Write(packet); err != nil {
		return nil, err
	}
	for {
		n, err := d.Read(d.buffer)
		if err != nil || n >= 2 && bytes.Equal(d.buffer[:2], query[:2]) {
			return d.buffer[:n], err
		} // otherwise a late answer to an earlier query
	}
}

// A stream is a connection over TCP or TLS.
type stream struct {
	net.Conn
	source netip.Addr
}

func (s *stream) client() netip.Addr { return s.source }

func (s *stream) exchange(query []byte) ([]byte, error) {
	s.SetDeadline(time.Now().Add(timeout))
	return overStream(s, query)
}

// overStream writes a query with its length in front and reads the answer.
func overStream(s io.ReadWriter, query []byte) ([]byte, error) {
	if _, err := s.Write(withLength(query)); err != nil {
		return nil, err
	}
	return readAnswer(s)
}

func withLength(query []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
}

func readAnswer(r io.Reader) ([]byte, error) {
	length := make([]byte, 2)
	if _, err := io.ReadFull(r, length); err != nil {
		return nil, err
	}
	answer := make([]byte, binary.BigEndian.Uint16(length))
	_, err := io.ReadFull(r, answer)
	return answer, err
}

// web is a connection over HTTPS.
type web struct {
	http   *http.Client
	url    string
	source netip.Addr
}

func newWeb(config *tls.Config, addr string, source netip.Addr) *web {
	return &web{url: "https://" + addr + "/dns-query", source: source, http: &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			TLSClientConfig:   config.Clone(), // the transport adds its protocol to it
			ForceAttemptHTTP2: true,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				return proxied.Dial(addr, netip.AddrPortFrom(source, 40000))
			},
		},
	}}
}

func (w *web) client() netip.Addr { return w.source }

func (w *web) exchange(query []byte) ([]byte, error) {
	response, err := w.http.Post(w.url, "application/dns-message", bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s", response.Status)
	}
	return io.ReadAll(response.Body)
}

func (w *web) Close() error {
	w.http.CloseIdleConnections()
	return nil
}

// quicConn is a connection over QUIC. It has no PROXY header, so the client is this machine.
type quicConn struct{ conn *quic.Conn }

func (q *quicConn) client() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

func (q *quicConn) exchange(query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s, err := q.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	s.SetDeadline(time.Now().Add(timeout))
	zeroed := append([]byte{0, 0}, query[2:]...) // the ID must be 0 (RFC 9250, section 4.2.1)
	if _, err := s.Write(withLength(zeroed)); err != nil {
		return nil, err
	}
	s.Close()
	return readAnswer(s)
}

func (q *quicConn) Close() error { return q.conn.CloseWithError(0, "") }
