package policy

import "strings"

// newKey makes a Key of a name as it stands in a policy. Case counts only behind the slash.
func newKey(text string) Key {
	name, tag, _ := strings.Cut(text, "/")
	return Key{Name: strings.ToLower(name), Tag: tag}
}

// parseKey reads a condition key. of is the set of keys that only some actions have, 0 for one that all have.
func parseKey(text string) (k Key, of keys, err error) {
	k = newKey(text)
	name, tagged := k.Name, strings.Contains(text, "/")
	of, tags, known := knownKey(name)
	if !known || tagged != tags || tags && k.Tag == "" {
		return Key{}, 0, malformed("Policy has an invalid condition key")
	}
	return k, of, nil
}

// knownKey is the table of condition keys, in lower case. tags says that a tag follows behind a slash.
// Sources: the table of S3's own keys beside that of its actions, and
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html.
func knownKey(name string) (of keys, tags, known bool) {
	switch name {
	case "s3:prefix", "s3:delimiter", "s3:max-keys":
		return kList, false, true
	case "s3:versionid":
		return kVersion, false, true
	case "s3:existingobjecttag":
		return kExistingTag, true, true
	case "s3:requestobjecttag":
		return kRequestTag, true, true
	case "s3:requestobjecttagkeys":
		return kRequestTag, false, true
	case "s3:x-amz-acl", "s3:x-amz-grant-full-control", "s3:x-amz-grant-read", "s3:x-amz-grant-read-acp", "s3:x-amz-grant-write", "s3:x-amz-grant-write-acp":
		return kACL, false, true
	case "s3:x-amz-copy-source", "s3:x-amz-metadata-directive", "s3:x-amz-website-redirect-location":
		return kWrite, false, true
	case "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:x-amz-server-side-encryption-customer-algorithm":
		return kEncryption, false, true
	case "s3:x-amz-storage-class":
		return kStorageClass, false, true
	case "s3:object-lock-mode", "s3:object-lock-retain-until-date", "s3:object-lock-remaining-retention-days":
		return kRetention, false, true
	case "s3:object-lock-legal-hold":
		return kLegalHold, false, true
	case "s3:if-match", "s3:if-none-match":
		return kIf, false, true
	case "s3:objectcreationoperation":
		return kCreation, false, true
	case "s3:locationconstraint":
		return kLocation, false, true
	case "s3:x-amz-object-ownership":
		return kOwnership, false, true
	case "s3:inventoryaccessibleoptionalfields":
		return kInventory, false, true
	case "s3:isreplicationpauserequest", "s3:destinationregion":
		return kReplication, false, true
	case "s3:accessgrantsinstancearn", "s3:accesspointnetworkorigin", "s3:authtype", "s3:dataaccesspointaccount", "s3:dataaccesspointarn", "s3:resourceaccount",
		"s3:signatureage", "s3:signatureversion", "s3:tlsversion", "s3:x-amz-content-sha256":
		return 0, false, true
	case "aws:requesttag":
		return kRequestedTag, true, true
	case "aws:tagkeys":
		return kRequestedTag, false, true
	case "aws:principaltag", "aws:resourcetag":
		return 0, true, true
	case "aws:assumedroot", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:chatbotsourcearn", "aws:currenttime", "aws:ec2instancesourceprivateipv4",
		"aws:ec2instancesourcevpc", "aws:epochtime", "aws:federatedprovider", "aws:multifactorauthage", "aws:multifactorauthpresent", "aws:principalaccount",
		"aws:principalarn", "aws:principalisawsservice", "aws:principalorgid", "aws:principalorgpaths", "aws:principalservicename", "aws:principalservicenameslist",
		"aws:principaltype", "aws:referer", "aws:requestedregion", "aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths", "aws:securetransport",
		"aws:sourceaccount", "aws:sourcearn", "aws:sourceidentity", "aws:sourceip", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner", "aws:sourcevpc",
		"aws:sourcevpcarn", "aws:sourcevpce", "aws:tokenissuetime", "aws:useragent", "aws:userid", "aws:username", "aws:viaawsservice", "aws:vpceaccount",
		"aws:vpceorgid", "aws:vpceorgpaths", "aws:vpcsourceip":
		return 0, false, true
	}
	return 0, false, false
}
