package rpc

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// token is what a cluster token becomes: a key for TLS that only those who know the token can have.
type token struct {
	own    tls.Certificate
	public ed25519.PublicKey
}

// newToken derives the key and signs a certificate with it, of which the key is all that counts.
func newToken(secret string) (*token, error) {
	seed, err := hkdf.Key(sha256.New, []byte(secret), nil, "gelato cluster token 1", ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("derive key of cluster token: %w", err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	public := key.Public().(ed25519.PublicKey)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate of cluster token: %w", err)
	}
	return &token{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, public}, nil
}

// config is for both sides, and asks the same of both. What crypto/tls verifies by itself are names and authorities, which mean nothing here; that
// the peer has the private key of its certificate it proves in every handshake of TLS 1.3, as no session is resumed.
func (t *token) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{t.own}, SessionTicketsDisabled: true,
		ClientAuth: tls.RequireAnyClientCert, InsecureSkipVerify: true, VerifyConnection: t.verify,
	}
}

var errToken = errors.New("the peer's cluster token is not this cluster's")

func (t *token) verify(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errToken
	}
	if key, ok := s.PeerCertificates[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !key.Equal(t.public) {
		return errToken
	}
	return nil
}
