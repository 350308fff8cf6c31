package testbed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// AzuriteOptions changes how Azurite starts its server. The zero value is good.
type AzuriteOptions struct {
	Dir string // kept after the test; empty: a temporary one
}

// AzuriteServer is a running Azurite: Microsoft's emulator of Azure Blob Storage, with its blobs in files.
type AzuriteServer struct {
	Endpoint string // of the account, "http://127.0.0.1:PORT/devstoreaccount1", the same after Restart
	Account  string
	Key      string // base64, as Azure shows keys

	Server
	dir, address string
	cmd          []string
}

// Azurite starts a server of its own for the test and waits until it answers, which takes about two seconds.
func Azurite(t testing.TB, o AzuriteOptions) *AzuriteServer {
	t.Helper()
	installed(t, "node")
	bin, err := binDir()
	if err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(bin, "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js")
	if _, err := os.Stat(main); err != nil {
		t.Fatalf("no test server %q: run make testbed (%v)", "azurite", err)
	}
	s := &AzuriteServer{
		Account: "devstoreaccount1", dir: o.Dir, // the account and key that all of Azure's emulators have
		Key: "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
	}
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	s.launch(t, "azurite", func() {
		port := strconv.Itoa(FreePort(t))
		s.address = "http://127.0.0.1:" + port
		s.Endpoint = s.address + "/" + s.Account
		// The SDK names a version of the service's interface that is newer than the emulator.
		s.cmd = []string{"node", main, "--blobHost", "127.0.0.1", "--blobPort", port, "--location", s.dir, "--disableTelemetry", "--skipApiVersionCheck"}
	}, s.begin)
	return s
}

func (s *AzuriteServer) begin() (*Process, error) {
	cmd := exec.Command(s.cmd[0], s.cmd[1:]...)
	cmd.Dir = s.dir
	return startAnswering(cmd, func() error { return answersHTTP(s.address) })
}

// CreateContainer makes an empty container.
func (s *AzuriteServer) CreateContainer(name string) {
	s.t.Helper()
	if err := s.createContainer(name); err != nil {
		s.t.Fatalf("create container %s: %v", name, err)
	}
}

func (s *AzuriteServer) createContainer(name string) error {
	credential, err := container.NewSharedKeyCredential(s.Account, s.Key)
	if err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	c, err := container.NewClientWithSharedKeyCredential(s.Endpoint+"/"+name, credential, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = c.Create(ctx, nil)
	return err
}
