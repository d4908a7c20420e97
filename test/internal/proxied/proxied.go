// Package proxied lets a test ask a server as any client: each query carries the address of its
// client in a PROXY header, version 2, or the client's network in a Client Subnet option.
package proxied

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// The header of a datagram and of a connection.
const (
	Datagram = 2
	Stream   = 1
)

// Header returns the PROXY header of a packet or connection that client sends to port 53 of some
// server. kind is Datagram or Stream. An IPv4-mapped client stays one.
func Header(kind byte, client netip.AddrPort) []byte {
	const ip4, ip6 = 0x10, 0x20
	source, family := client.Addr().AsSlice(), byte(ip4)
	if client.Addr().Is6() {
		family = ip6
	}
	header := []byte("\r\n\r\n\x00\r\nQUIT\n\x21")
	header = append(header, family|kind)
	header = binary.BigEndian.AppendUint16(header, uint16(2*len(source)+4))
	header = append(header, source...)
	header = append(header, make([]byte, len(source))...)
	header = binary.BigEndian.AppendUint16(header, client.Port())
	return binary.BigEndian.AppendUint16(header, 53)
}

// Dial opens a TCP connection to addr as client. Closing it leaves no connection in TIME-WAIT, of
// which the system has room for fewer than a long test opens.
func Dial(addr string, client netip.AddrPort) (net.Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	conn.(*net.TCPConn).SetLinger(0)
	if _, err := conn.Write(Header(Stream, client)); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
