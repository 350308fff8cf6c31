package acl

// Target says what a list is for.
type Target uint8

// The targets.
const (
	Bucket Target = iota + 1
	Object
)

// BucketOwnerFullControl is the canned list by which a writer hands an object over to the bucket's owner.
const BucketOwnerFullControl = "bucket-owner-full-control"

// Canned makes the predefined list of a name, for a target that owner owns, in a bucket of bucketOwner. InvalidArgument for a name that the target has not.
// aws-exec-read is private here: there is no EC2 that reads.
func Canned(name string, target Target, owner, bucketOwner string) (List, error) {
	grants := []Grant{{Grantee{User, owner}, FullControl}}
	add := func(k Kind, id string, permissions ...Permission) {
		for _, p := range permissions {
			grants = append(grants, Grant{Grantee{k, id}, p})
		}
	}
	switch name {
	case "private", "aws-exec-read":
	case "public-read":
		add(AllUsers, "", Read)
	case "public-read-write":
		add(AllUsers, "", Read, Write)
	case "authenticated-read":
		add(AuthenticatedUsers, "", Read)
	case "bucket-owner-read":
		if target == Object && owner != bucketOwner { // S3 ignores it on buckets
			add(User, bucketOwner, Read)
		}
	case BucketOwnerFullControl:
		if target == Object {
			add(User, bucketOwner, FullControl)
		}
	case "log-delivery-write":
		if target != Bucket {
			return nil, invalid("log-delivery-write is an access control list of buckets")
		}
		add(LogDelivery, "", Write, ReadACP)
	default:
		return nil, invalid("The canned access control list is not known")
	}
	return Normal(grants), nil
}
