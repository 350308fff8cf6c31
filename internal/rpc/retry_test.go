package rpc

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/proto/identitypb"
)

// A new method needs a decision: it is repeatable, or it is named here.
func TestEveryMethodIsRepeatableOrNot(t *testing.T) {
	t.Parallel()
	not := []string{
		"/gelato.backend.v1.Backends/Create", "/gelato.backend.v1.Backends/Delete", "/gelato.backend.v1.Backends/Probe", "/gelato.backend.v1.Backends/Update",
		"/gelato.catalog.v1.Catalog/Adopt", "/gelato.catalog.v1.Catalog/Commit", "/gelato.catalog.v1.Catalog/Delete",
		"/gelato.dataflow.v1.Dataflow/AddTask", "/gelato.dataflow.v1.Dataflow/CancelJob", "/gelato.dataflow.v1.Dataflow/CreatePlan",
		"/gelato.dataflow.v1.Dataflow/CreatePolicy", "/gelato.dataflow.v1.Dataflow/DeletePlan", "/gelato.dataflow.v1.Dataflow/DeletePolicy",
		"/gelato.dataflow.v1.Dataflow/FailJob", "/gelato.dataflow.v1.Dataflow/FinishPass", "/gelato.dataflow.v1.Dataflow/LeaseTask",
		"/gelato.dataflow.v1.Dataflow/RunAdHoc", "/gelato.dataflow.v1.Dataflow/RunPlan", "/gelato.dataflow.v1.Dataflow/UpdatePlan",
		"/gelato.dataflow.v1.Dataflow/UpdatePolicy",
	}
	var all []string
	for _, file := range []protoreflect.FileDescriptor{
		backendpb.File_backendpb_backend_proto, catalogpb.File_catalogpb_catalog_proto, dataflowpb.File_dataflowpb_dataflow_proto, identitypb.File_identitypb_identity_proto,
	} {
		for i := range file.Services().Len() {
			s := file.Services().Get(i)
			for j := range s.Methods().Len() {
				all = append(all, "/"+string(s.FullName())+"/"+string(s.Methods().Get(j).Name()))
			}
		}
	}
	decided := slices.Concat(not, repeatable())
	slices.Sort(all)
	slices.Sort(decided)
	if !slices.Equal(all, decided) {
		t.Errorf("methods\n%v\ndecided\n%v", all, decided)
	}
}
