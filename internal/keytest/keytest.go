// Package keytest makes certificates and signing keys for the servers that tests start.
package keytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Certificate makes a certificate for name that is valid for two days, and writes cert.pem and
// key.pem into dir. It returns a client configuration that trusts the certificate.
func Certificate(tb testing.TB, dir, name string) *tls.Config {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(48 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(tb, filepath.Join(dir, "cert.pem"), certificate)
	write(tb, filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(certificate)
	return &tls.Config{RootCAs: trusted, ServerName: name}
}

// SigningKey makes a key for the zone example.org, and writes its two files into dir. It returns the
// key and the path of the files without extension, as the plugins dnssec and sign take it.
func SigningKey(tb testing.TB, dir string) (key *dns.DNSKEY, path string) {
	tb.Helper()
	key = &dns.DNSKEY{
		Hdr:       dns.RR_Header{Name: "example.org.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 300},
		Flags:     dns.ZONE | dns.SEP,
		Protocol:  3,
		Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := key.Generate(256)
	if err != nil {
		tb.Fatal(err)
	}
	path = filepath.Join(dir, fmt.Sprintf("Kexample.org.+%03d+%05d", key.Algorithm, key.KeyTag()))
	write(tb, path+".key", []byte(key.String()+"\n"))
	write(tb, path+".private", []byte(key.PrivateKeyString(private)))
	return key, path
}

func write(tb testing.TB, path string, content []byte) {
	tb.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
}
