package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/opensds/gelato/internal/errs"
)

const (
	schemaCollection = "gelato.schema"
	schemaID         = "docstore"
	schemaVersion    = 1 // of the layout in the package comment

	codeNamespaceExists = 48
)

// checkSchema makes the schema document where it is absent. FailedPrecondition when it is of a newer version.
func (s *Store) checkSchema(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	c := s.db.Collection(schemaCollection)
	var found struct {
		Version int `bson:"version"`
	}
	err := c.FindOne(ctx, bson.D{{Key: "_id", Value: schemaID}}).Decode(&found)
	if errors.Is(err, mongo.ErrNoDocuments) {
		found.Version = schemaVersion
		_, err = c.InsertOne(ctx, bson.D{{Key: "_id", Value: schemaID}, {Key: "version", Value: schemaVersion}})
		if mongo.IsDuplicateKeyError(err) { // another process was first: look again
			err = c.FindOne(ctx, bson.D{{Key: "_id", Value: schemaID}}).Decode(&found)
		}
	}
	switch {
	case err != nil:
		return failure(ctx, "check the schema version", err)
	case found.Version > schemaVersion:
		return errs.Newf(errs.FailedPrecondition, "the database %q has schema version %d and this gelato knows none after %d: a newer gelato wrote it",
			s.db.Name(), found.Version, schemaVersion)
	case found.Version < 1:
		return errs.Newf(errs.DataLoss, "the database %q has schema version %d, which there never was", s.db.Name(), found.Version)
	}
	return nil
}

// collection returns a collection for use. The first time it makes it where it is absent, and refuses one whose order or
// durability is not what docstore needs.
func (s *Store) collection(ctx context.Context, name string) (*mongo.Collection, error) {
	if c, ok := s.known.Load(name); ok {
		return c.(*mongo.Collection), nil
	}
	var found struct {
		Type    string   `bson:"type"`
		Options bson.Raw `bson:"options"`
	}
	cursor, err := s.db.ListCollections(ctx, bson.D{{Key: "name", Value: name}})
	if err != nil {
		return nil, failure(ctx, "look at collection "+name, err)
	}
	defer cursor.Close(ctx)
	exists := false
	for !exists && cursor.Next(ctx) { // some servers ignore the filter
		if got, ok := cursor.Current.Lookup("name").StringValueOK(); ok && got == name {
			exists = true
			if err := cursor.Decode(&found); err != nil {
				return nil, errs.New(errs.DataLoss, "the state server describes a collection in an unknown way", fmt.Errorf("collection %s: %w", name, err))
			}
		}
	}
	if err := cursor.Err(); err != nil {
		return nil, failure(ctx, "look at collection "+name, err)
	}
	if !exists {
		if err := s.db.CreateCollection(ctx, name); err != nil && !hasCode(err, codeNamespaceExists) {
			return nil, failure(ctx, "make collection "+name, err)
		}
	}
	if found.Type != "" && found.Type != "collection" {
		return nil, errs.Newf(errs.FailedPrecondition, "the collection %q of the database %q is a %s", name, s.db.Name(), found.Type)
	}
	for _, option := range []string{"collation", "capped", "validator"} {
		if v, err := found.Options.LookupErr(option); err == nil && !harmless(option, v) {
			return nil, errs.Newf(errs.FailedPrecondition, "the collection %q of the database %q was made with the option %s: its documents need a plain one", name, s.db.Name(), option)
		}
	}
	c := s.db.Collection(name)
	s.known.Store(name, c)
	return c, nil
}

// harmless tells whether an option of a collection has the value that it has by default.
func harmless(option string, v bson.RawValue) bool {
	if option == "capped" {
		b, ok := v.BooleanOK()
		return ok && !b
	}
	d, ok := v.DocumentOK()
	if ok && option == "collation" {
		locale, _ := d.Lookup("locale").StringValueOK()
		return locale == "simple"
	}
	return ok && len(d) == 5 // an empty document
}
