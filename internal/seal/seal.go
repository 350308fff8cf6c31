// Package seal keeps secrets unreadable at rest and between services: AES-256-GCM under one master key.
//
// A sealed secret is version byte 1, a 12-byte random nonce, the ciphertext and its tag. The context string (for example
// "backend/<id>") is authenticated too, so that a sealed secret opens only in the place that it was sealed for.
// Any service may import it.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/secretfile"
)

const (
	version    = 1
	maxKeyFile = 4 << 10
)

// Box seals and opens under one master key. It is safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// New makes a Box of a 32-byte key.
func New(key []byte) (*Box, error) {
	if len(key) != 32 {
		return nil, errs.Newf(errs.InvalidArgument, "the master key has %d bytes, not 32", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Box{aead}, nil
}

// Load reads the key (64 hex digits) from a file, which must be as secretfile wants it; with create, an absent file is made with mode 0600 and a fresh key.
func Load(path string, create bool) (*Box, error) {
	text, err := secretfile.Read(path, "master key", maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := generate(path); err != nil {
			return nil, fmt.Errorf("create master key: %w", err)
		}
		text, err = secretfile.Read(path, "master key", maxKeyFile)
	}
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, errs.Newf(errs.InvalidArgument, "the master key file does not hold 64 hex digits")
	}
	return New(key)
}

// generate writes a fresh key beside path and links it into place, so that of two starters one wins and no half file is seen.
func generate(path string) error {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	f, err := os.CreateTemp(filepath.Dir(path), ".master-key-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.WriteString(hex.EncodeToString(key) + "\n"); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Seal encrypts secret for the place that context names.
func (b *Box) Seal(context string, secret []byte) []byte {
	out := make([]byte, 1+b.aead.NonceSize(), 1+b.aead.NonceSize()+len(secret)+b.aead.Overhead())
	out[0] = version
	rand.Read(out[1:])
	return b.aead.Seal(out, out[1:], secret, []byte(context))
}

// Open decrypts what Seal made for the same context. DataLoss when it was made under another key, for another context, or changed.
func (b *Box) Open(context string, sealed []byte) ([]byte, error) {
	n := 1 + b.aead.NonceSize()
	if len(sealed) < n || sealed[0] != version {
		return nil, errs.Newf(errs.DataLoss, "a sealed secret is malformed")
	}
	secret, err := b.aead.Open(nil, sealed[1:n], sealed[n:], []byte(context))
	if err != nil {
		return nil, errs.New(errs.DataLoss, "a sealed secret does not open with this master key", err)
	}
	return secret, nil
}
