package hwobs

import (
	"cmp"
	"slices"

	"github.com/opensds/gelato/internal/errs"
)

// Storage classes by OBS's own names. The SDK renames them for the V4 dialect.
const (
	classStandard = "STANDARD"
	classWarm     = "WARM"
	classCold     = "COLD"
)

// s3Classes are names that S3 has for them, which users may give too (API Reference, "x-obs-storage-class").
func s3Classes() map[string]string {
	return map[string]string{"STANDARD_IA": classWarm, "GLACIER": classCold}
}

// classes lists the canonical names, the default first.
func classes() []string { return []string{classStandard, classWarm, classCold} }

// toClass returns the canonical name of a class that a caller gave, "" for none.
func toClass(name string) (string, error) {
	name = canonical(name)
	if name != "" && !slices.Contains(classes(), name) {
		return "", errs.Newf(errs.InvalidArgument, "OBS has no storage class %q", name).Because("InvalidStorageClass")
	}
	return name, nil
}

// canonical returns OBS's name of a class; one that neither list has stays as it is.
func canonical(name string) string {
	return cmp.Or(s3Classes()[name], name)
}

// fromHeader is the class that the head of an answer tells. OBS leaves out the default.
func fromHeader(value string) string {
	if value == "" {
		return classStandard
	}
	return canonical(value)
}
