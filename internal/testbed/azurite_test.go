package testbed_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"github.com/opensds/gelato/internal/testbed"
)

func TestAzurite(t *testing.T) {
	t.Parallel()
	s := testbed.Azurite(t, testbed.AzuriteOptions{})
	s.CreateContainer("box")
	credential, err := azblob.NewSharedKeyCredential(s.Account, s.Key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := azblob.NewClientWithSharedKeyCredential(s.Endpoint, credential, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("body"), 1000)
	if _, err := c.UploadBuffer(t.Context(), "box", "blob", body, nil); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	resp, err := c.DownloadStream(t.Context(), "box", "blob", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, body) {
		t.Errorf("after a restart: %d bytes, %v, want the %d that were put", len(got), err, len(body))
	}
}
