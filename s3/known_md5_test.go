package s3

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/opensds/gelato/adapters"
)

// TestStoreIsToldTheMD5 has every way in which bytes reach a store hand over the MD5 that is computed for S3's ETag anyway.
func TestStoreIsToldTheMD5(t *testing.T) {
	t.Parallel()
	_, store, c := limited(t, func(*adapters.Capabilities) {})
	for _, size := range []int{0, 100, smallBody, smallBody + 1, mib} {
		key := fmt.Sprint(size)
		put(t, c, "tight", key, data(1, size))
		put(t, c, "roomy", key, data(1, size))
		if _, err := c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("tight"), Key: aws.String("copy of " + key), CopySource: aws.String("roomy/" + key)}); err != nil {
			t.Fatal(err)
		}
		if got := store.Known.Swap(0); got != 2 {
			t.Errorf("%d bytes put and copied: the store was told %d MD5s, want 2", size, got)
		}
		upload := begin(t, c, "tight", "parts of "+key, "", "")
		upload.part(1, data(2, size), "")
		if got := store.Known.Swap(0); got != 1 {
			t.Errorf("a part of %d bytes: the store was told %d MD5s, want 1", size, got)
		}
	}
	if got, _ := get(t, c, "tight", "copy of 100"); !bytes.Equal(got, data(1, 100)) {
		t.Errorf("the copy has other bytes than its source")
	}
}
