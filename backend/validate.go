package backend

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/opensds/gelato/internal/errs"
)

// Limits on what a configuration may hold, in bytes.
const (
	maxName    = 63
	maxPrefix  = 512
	maxValue   = 4096
	maxOptions = 64
)

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	idForm     = regexp.MustCompile(`^be_[0-9a-f]{16}$`)
	regionForm = regexp.MustCompile(`^(EU|(us|eu|ap|sa|ca|me|af|il|mx|cn)(-gov|-iso[a-z]?)?-(north|south|east|west|central|northeast|northwest|southeast|southwest)-[0-9]+)$`)
)

// checkName refuses names that could be mistaken for something else: an id, or a region, which S3 clients send by themselves as a
// LocationConstraint.
func (s *Service) checkName(name string) error {
	switch {
	case name == "":
		return invalid("name", "name is required")
	case len(name) > maxName || !nameForm.MatchString(name):
		return invalid("name", "name must be 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit")
	case idForm.MatchString(name):
		return invalid("name", "name has the form of an id")
	case regionForm.MatchString(name) || name == s.o.Region:
		return invalid("name", "name is that of a region, which S3 clients send by themselves")
	}
	return nil
}

// checkText bounds what comes from outside before a type's own rules look at it.
func checkText(name, value string, limit int) error {
	switch {
	case len(value) > limit:
		return errs.Newf(errs.InvalidArgument, "%s is longer than %d bytes", name, limit).Because(name)
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return errs.Newf(errs.InvalidArgument, "%s is not UTF-8 without NUL", name).Because(name)
	}
	return nil
}

func invalid(field, message string) error {
	return errs.New(errs.InvalidArgument, message, nil).Because(field)
}
