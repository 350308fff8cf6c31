package s3shape

import (
	"fmt"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Matches judges a Delete with ifMatch, for a store that knows no condition there, by what Head says of the object (info, err). gone says that there is
// nothing to delete.
func Matches(info adapters.Info, err error, ifMatch string) (gone bool, failed error) {
	switch {
	case errs.Is(err, errs.NotFound):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("delete object: %w", err)
	case info.ETag != ifMatch:
		return false, errs.Newf(errs.FailedPrecondition, "the object has another ETag").Because("PreconditionFailed")
	}
	return false, nil
}
