package matrix

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/opensds/gelato/internal/testbed"
)

func azure(t *testing.T) *store {
	t.Helper()
	server := testbed.Azurite(t, testbed.AzuriteOptions{})
	server.CreateContainer(native)
	credential, err := container.NewSharedKeyCredential(server.Account, server.Key)
	if err != nil {
		t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // else it unpacks what says that it is packed
	t.Cleanup(transport.CloseIdleConnections)
	own, err := container.NewClientWithSharedKeyCredential(server.Endpoint+"/"+native, credential,
		&container.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: transport}}})
	if err != nil {
		t.Fatal(err)
	}
	return &store{name: "azure", own: azureClient{own}, backend: map[string]any{"type": "azure-blob", "endpoint": server.Endpoint, "bucketName": native,
		"access": server.Account, "security": server.Key}}
}

// azureClient is Azure's SDK.
type azureClient struct{ *container.Client }

func (c azureClient) list(ctx context.Context, bucket string) (map[string]int64, error) {
	found, prefix := map[string]int64{}, bucket+"/"
	for pages := c.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix}); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, b := range page.Segment.BlobItems {
			found[*b.Name] = *b.Properties.ContentLength
		}
	}
	return found, nil
}

func (c azureClient) read(ctx context.Context, key string, w io.Writer) (err error) {
	resp, err := c.NewBlobClient(key).DownloadStream(ctx, nil)
	if err != nil {
		return err
	}
	body := resp.NewRetryReader(ctx, nil)
	defer func() { err = errors.Join(err, body.Close()) }()
	_, err = io.Copy(w, body)
	return err
}
