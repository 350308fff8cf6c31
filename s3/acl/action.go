package acl

// Needed says which permission on which target an action of IAM needs, as AWS's table "Mapping of ACL permissions and access policy permissions" has it;
// false for an action that no list can grant by itself. Deleting is none: WRITE lets the owners of bucket and object delete, and nobody else.
func Needed(action string) (Target, Permission, bool) {
	switch action {
	case "s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads":
		return Bucket, Read, true
	case "s3:PutObject":
		return Bucket, Write, true
	case "s3:GetBucketAcl":
		return Bucket, ReadACP, true
	case "s3:PutBucketAcl":
		return Bucket, WriteACP, true
	case "s3:GetObject", "s3:GetObjectVersion":
		return Object, Read, true
	case "s3:GetObjectAcl", "s3:GetObjectVersionAcl":
		return Object, ReadACP, true
	case "s3:PutObjectAcl", "s3:PutObjectVersionAcl":
		return Object, WriteACP, true
	}
	return 0, 0, false
}
