package azureblob

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// Values of habits.refusesCRC; 0 is not known.
const (
	crcRefused = 1 + iota
	crcIgnored
)

// validation returns what makes the SDK send a known CRC64 along with a body, where the store is found to refuse a wrong one: Azure does,
// Azurite does not know it. checked says that it will be sent.
func (s *Store) validation(ctx context.Context, size int64, crc64 *uint64) (_ blob.TransferValidationType, checked bool) {
	if crc64 == nil || size == 0 {
		return nil, false
	}
	state := s.habits.refusesCRC.Load()
	if state == 0 {
		if state = s.tryCRC(ctx); state != 0 {
			s.habits.refusesCRC.Store(state)
		}
	}
	if state != crcRefused {
		return nil, false
	}
	return blob.TransferValidationTypeCRC64(*crc64), true
}

// tryCRC stages a block with a wrong CRC64 for a hidden blob. Nothing becomes visible: the block is refused, or is never committed and
// expires at the store. 0 means that it could not be found out now.
func (s *Store) tryCRC(ctx context.Context) int32 {
	const text = "trial"
	name := s.prefix + hidden + "trial-" + rand.Text()
	_, err := s.client.NewBlockBlobClient(name).StageBlock(ctx, "dHJpYWw=", streaming.NopCloser(strings.NewReader(text)), &blockblob.StageBlockOptions{
		TransactionalValidation: blob.TransferValidationTypeCRC64(1),
	})
	switch {
	case isCode(err, bloberror.CRC64Mismatch):
		return crcRefused
	case err == nil, // Azurite's own code comes with status 500
		isCode(err, "FeatureNotSupported"), isStatus(err, http.StatusBadRequest), isStatus(err, http.StatusNotImplemented):
		return crcIgnored
	}
	return 0
}
