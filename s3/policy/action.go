package policy

import "strings"

// target says what an action is about.
type target uint8

const (
	onBucket target = iota + 1
	onObject
	onAccount // an action that no bucket policy can grant
)

// keys is a set of condition keys.
type keys uint32

// The condition keys that only some actions have. A key that all have is in none of these sets.
const (
	kList         keys = 1 << iota // s3:prefix, s3:delimiter, s3:max-keys
	kVersion                       // s3:versionid
	kExistingTag                   // s3:ExistingObjectTag/<key>
	kRequestTag                    // s3:RequestObjectTag/<key>, s3:RequestObjectTagKeys
	kACL                           // s3:x-amz-acl, s3:x-amz-grant-...
	kWrite                         // s3:x-amz-copy-source, s3:x-amz-metadata-directive, s3:x-amz-website-redirect-location
	kEncryption                    // s3:x-amz-server-side-encryption...
	kStorageClass                  // s3:x-amz-storage-class
	kRetention                     // s3:object-lock-mode, -retain-until-date, -remaining-retention-days
	kLegalHold                     // s3:object-lock-legal-hold
	kIf                            // s3:if-match, s3:if-none-match
	kCreation                      // s3:ObjectCreationOperation
	kLocation                      // s3:locationconstraint
	kOwnership                     // s3:x-amz-object-ownership
	kInventory                     // s3:InventoryAccessibleOptionalFields
	kReplication                   // s3:isReplicationPauseRequest, s3:destinationRegion
	kRequestedTag                  // aws:RequestTag/<key>, aws:TagKeys
)

type action struct {
	name string
	on   target
	keys keys
}

// row is an action as a policy is compared with it.
type row struct {
	action
	lower string
}

func rows() []row {
	all := actions()
	table := make([]row, len(all))
	for i, a := range all {
		table[i] = row{a, strings.ToLower(a.name)}
	}
	return table
}

// actions is the table of S3's actions on buckets and objects, with the condition keys of their own.
// Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html.
func actions() []action {
	return []action{
		{"s3:AbortMultipartUpload", onObject, 0},
		{"s3:BypassGovernanceRetention", onObject, kRequestTag | kACL | kWrite | kEncryption | kStorageClass | kRetention | kLegalHold},
		{"s3:CreateBucket", onBucket, kACL | kLocation | kOwnership},
		{"s3:CreateBucketMetadataTableConfiguration", onBucket, 0},
		{"s3:DeleteBucket", onBucket, 0},
		{"s3:DeleteBucketMetadataTableConfiguration", onBucket, 0},
		{"s3:DeleteBucketPolicy", onBucket, 0},
		{"s3:DeleteBucketWebsite", onBucket, 0},
		{"s3:DeleteObject", onObject, kIf},
		{"s3:DeleteObjectTagging", onObject, kExistingTag},
		{"s3:DeleteObjectVersion", onObject, kVersion},
		{"s3:DeleteObjectVersionTagging", onObject, kVersion | kExistingTag},
		{"s3:GetAccelerateConfiguration", onBucket, 0},
		{"s3:GetAnalyticsConfiguration", onBucket, 0},
		{"s3:GetBucketAcl", onBucket, 0},
		{"s3:GetBucketCORS", onBucket, 0},
		{"s3:GetBucketLocation", onBucket, 0},
		{"s3:GetBucketLogging", onBucket, 0},
		{"s3:GetBucketMetadataTableConfiguration", onBucket, 0},
		{"s3:GetBucketNotification", onBucket, 0},
		{"s3:GetBucketObjectLockConfiguration", onBucket, 0},
		{"s3:GetBucketOwnershipControls", onBucket, 0},
		{"s3:GetBucketPolicy", onBucket, 0},
		{"s3:GetBucketPolicyStatus", onBucket, 0},
		{"s3:GetBucketPublicAccessBlock", onBucket, 0},
		{"s3:GetBucketRequestPayment", onBucket, 0},
		{"s3:GetBucketTagging", onBucket, 0},
		{"s3:GetBucketVersioning", onBucket, 0},
		{"s3:GetBucketWebsite", onBucket, 0},
		{"s3:GetEncryptionConfiguration", onBucket, 0},
		{"s3:GetIntelligentTieringConfiguration", onBucket, 0},
		{"s3:GetInventoryConfiguration", onBucket, 0},
		{"s3:GetLifecycleConfiguration", onBucket, 0},
		{"s3:GetMetricsConfiguration", onBucket, 0},
		{"s3:GetObject", onObject, kExistingTag | kIf},
		{"s3:GetObjectAcl", onObject, kExistingTag},
		{"s3:GetObjectAttributes", onObject, kExistingTag},
		{"s3:GetObjectLegalHold", onObject, 0},
		{"s3:GetObjectRetention", onObject, 0},
		{"s3:GetObjectTagging", onObject, kExistingTag},
		{"s3:GetObjectTorrent", onObject, 0},
		{"s3:GetObjectVersion", onObject, kVersion | kExistingTag},
		{"s3:GetObjectVersionAcl", onObject, kVersion | kExistingTag},
		{"s3:GetObjectVersionAttributes", onObject, kVersion | kExistingTag},
		{"s3:GetObjectVersionForReplication", onObject, 0},
		{"s3:GetObjectVersionTagging", onObject, kVersion | kExistingTag},
		{"s3:GetObjectVersionTorrent", onObject, kVersion},
		{"s3:GetReplicationConfiguration", onBucket, 0},
		{"s3:InitiateReplication", onObject, 0},
		{"s3:ListAllMyBuckets", onAccount, 0},
		{"s3:ListBucket", onBucket, kList},
		{"s3:ListBucketMultipartUploads", onBucket, 0},
		{"s3:ListBucketVersions", onBucket, kList},
		{"s3:ListMultipartUploadParts", onObject, 0},
		{"s3:ListTagsForResource", onBucket, 0},
		{"s3:ObjectOwnerOverrideToBucketOwner", onObject, 0},
		{"s3:PauseReplication", onBucket, kReplication},
		{"s3:PutAccelerateConfiguration", onBucket, 0},
		{"s3:PutAnalyticsConfiguration", onBucket, 0},
		{"s3:PutBucketAcl", onBucket, kACL},
		{"s3:PutBucketCORS", onBucket, 0},
		{"s3:PutBucketLogging", onBucket, 0},
		{"s3:PutBucketNotification", onBucket, 0},
		{"s3:PutBucketObjectLockConfiguration", onBucket, 0},
		{"s3:PutBucketOwnershipControls", onBucket, 0},
		{"s3:PutBucketPolicy", onBucket, 0},
		{"s3:PutBucketPublicAccessBlock", onBucket, 0},
		{"s3:PutBucketRequestPayment", onBucket, 0},
		{"s3:PutBucketTagging", onBucket, 0},
		{"s3:PutBucketVersioning", onBucket, 0},
		{"s3:PutBucketWebsite", onBucket, 0},
		{"s3:PutEncryptionConfiguration", onBucket, 0},
		{"s3:PutIntelligentTieringConfiguration", onBucket, 0},
		{"s3:PutInventoryConfiguration", onBucket, kInventory},
		{"s3:PutLifecycleConfiguration", onBucket, 0},
		{"s3:PutMetricsConfiguration", onBucket, 0},
		{"s3:PutObject", onObject, kRequestTag | kACL | kWrite | kEncryption | kStorageClass | kRetention | kLegalHold | kIf | kCreation},
		{"s3:PutObjectAcl", onObject, kExistingTag | kACL | kStorageClass},
		{"s3:PutObjectLegalHold", onObject, kLegalHold},
		{"s3:PutObjectRetention", onObject, kRetention},
		{"s3:PutObjectTagging", onObject, kExistingTag | kRequestTag},
		{"s3:PutObjectVersionAcl", onObject, kVersion | kExistingTag | kACL | kStorageClass},
		{"s3:PutObjectVersionTagging", onObject, kVersion | kExistingTag | kRequestTag},
		{"s3:PutReplicationConfiguration", onBucket, kReplication},
		{"s3:ReplicateDelete", onObject, 0},
		{"s3:ReplicateObject", onObject, kEncryption},
		{"s3:ReplicateTags", onObject, 0},
		{"s3:RestoreObject", onObject, 0},
		{"s3:TagResource", onBucket, kRequestedTag},
		{"s3:UntagResource", onBucket, kRequestedTag},
	}
}

// chosen is an entry of Action or NotAction with the actions of the table that it names.
type chosen struct {
	wildcard bool
	of       []action
}

// choose finds the actions that a text names. Case does not count.
func choose(table []row, text string) (chosen, error) {
	p, err := newPattern(strings.ToLower(text), true, false)
	if err != nil {
		return chosen{}, err
	}
	c := chosen{wildcard: strings.ContainsAny(text, "*?")}
	for _, a := range table {
		if matches(p.parts, a.lower) {
			c.of = append(c.of, a.action)
		}
	}
	if len(c.of) == 0 {
		return chosen{}, malformed("Policy has invalid action")
	}
	return c, nil
}

// applies reports whether one of the actions is about what the resources can be.
func (c *chosen) applies(bucket, object bool) bool {
	for _, a := range c.of {
		if a.on == onBucket && bucket || a.on == onObject && object {
			return true
		}
	}
	return false
}
