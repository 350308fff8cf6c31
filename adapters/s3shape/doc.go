// Package s3shape holds what the adapters of stores that took their form from S3 have in common whichever client speaks to them, as Huawei's OBS
// does in its own dialect too: error codes, ETags that are an MD5, the object made of parts, pages of a listing, and XML that a parser takes.
//
// It sends nothing and imports no SDK. Adapters and their tests import it.
package s3shape
