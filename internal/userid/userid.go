// Package userid makes the canonical id of a user: the 64 hex digits by which S3 names the owners of buckets and objects and the grantees of
// access control lists. Services may import it.
//
// The id is a function of the user's name, which never changes. So nothing needs to be stored or asked for to show the id of an owner, and a user who is
// removed and made again under the same name is the same user to S3, who owns what the first one owned.
package userid

import (
	"crypto/sha256"
	"encoding/hex"
)

// label keeps the ids apart from other hashes of names. It never changes: ids are stored in access control lists and written in policies.
const label = "gelato user "

// Of returns the canonical id of the user with this name.
func Of(name string) string {
	sum := sha256.Sum256([]byte(label + name))
	return hex.EncodeToString(sum[:])
}

// Valid reports whether id has the form of a user's canonical id.
func Valid(id string) bool {
	if len(id) != 2*sha256.Size {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
