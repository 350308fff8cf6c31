package api

import (
	"net/http"

	"github.com/opensds/gelato/proto/backendpb"
)

// typeJSON is a backend type of REST.
type typeJSON struct {
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	Available    bool              `json:"available"`         // in this build
	Missing      string            `json:"missing,omitempty"` // what this build lacks otherwise, and how to get it
	Fields       []fieldJSON       `json:"fields"`
	Capabilities *capabilitiesJSON `json:"capabilities"`
}

// fieldJSON is a configuration field of a backend type, as in backendJSON; options are named "options.x".
type fieldJSON struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Required    bool     `json:"required"`
	Secret      bool     `json:"secret"`
	Default     string   `json:"default,omitempty"`
	Choices     []string `json:"choices,omitempty"` // the accepted values, when they are a closed list
}

// capabilitiesJSON says what a store can do; sizes in bytes, 0 where there is no limit.
type capabilitiesJSON struct {
	MaxObjectSize     int64    `json:"maxObjectSize"`
	MaxPutSize        int64    `json:"maxPutSize"`
	Multipart         bool     `json:"multipart"`
	MinPartSize       int64    `json:"minPartSize"`
	MaxPartSize       int64    `json:"maxPartSize"`
	MaxParts          int32    `json:"maxParts"`
	ExclusiveUploads  bool     `json:"exclusiveUploads"` // any other write of a key may drop the parts of its open uploads
	NeedsAllParts     bool     `json:"needsAllParts"`    // a part that was stored cannot be left out at completion
	MaxKeyBytes       int32    `json:"maxKeyBytes"`
	ConditionalPut    bool     `json:"conditionalPut"`
	ConditionalDelete bool     `json:"conditionalDelete"`
	ServerCopy        bool     `json:"serverCopy"`
	MaxCopySize       int64    `json:"maxCopySize"` // of one server-side copy
	StoresChecksum    bool     `json:"storesChecksum"`
	StorageClasses    []string `json:"storageClasses"` // the first is the default

	S3Classes map[string]string `json:"s3Classes,omitempty"` // S3's names of some of them
}

func capabilitiesOf(c *backendpb.Capabilities) *capabilitiesJSON {
	if c == nil {
		return nil
	}
	out := &capabilitiesJSON{c.GetMaxObjectSize(), c.GetMaxPutSize(), c.GetMultipart(), c.GetMinPartSize(), c.GetMaxPartSize(), c.GetMaxParts(),
		c.GetExclusiveUploads(), c.GetNeedsAllParts(),
		c.GetMaxKeyBytes(), c.GetConditionalPut(), c.GetConditionalDelete(), c.GetServerCopy(), c.GetMaxCopySize(), c.GetStoresChecksum(), c.GetStorageClasses(), c.GetS3Classes()}
	if out.StorageClasses == nil {
		out.StorageClasses = []string{}
	}
	return out
}

func (s *Service) listTypes(w http.ResponseWriter, r *http.Request) error {
	types, err := s.peers.Backends.Types(r.Context(), &backendpb.TypesRequest{})
	if err != nil {
		return err
	}
	var items []typeJSON
	for _, t := range types.GetTypes() {
		out := typeJSON{Name: t.GetName(), Description: t.GetDescription(), Available: t.GetMissing() == "", Missing: t.GetMissing(), Fields: []fieldJSON{}, Capabilities: capabilitiesOf(t.GetCapabilities())}
		for _, f := range t.GetFields() {
			out.Fields = append(out.Fields, fieldJSON{f.GetName(), f.GetDescription(), f.GetRequired(), f.GetSecret(), f.GetDefault(), f.GetChoices()})
		}
		items = append(items, out)
	}
	return writePage(w, items, false, nil)
}
