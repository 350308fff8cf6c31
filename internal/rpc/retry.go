package rpc

import (
	"encoding/json"
	"strings"

	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/proto/identitypb"
)

// repeatable lists the calls that are sent again when the answer is UNAVAILABLE, which says that the connection broke and
// the call may have run, or that the service could not reach its state. Calls that surely did not run are sent again by gRPC itself, whatever the method.
//
// Reads repeat. Of the changes these do, as running twice is running once:
//   - Begin leaves a second note behind that nobody commits, as a crashed writer does; its time limit counts from before the first.
//   - Renew, Heartbeat and Abandon name what they mean by an id or an epoch, and say the same when it is so already.
//   - StartJob returns a running job unchanged. FinishTask succeeds again for the winner.
//   - SetPlacement sets a value; SetPlacement or another one made in between looks as if it had come first, which nobody can tell apart.
//
// The rest does not. Creating, opening a job, cancelling and deleting by name would answer ALREADY_EXISTS, FAILED_PRECONDITION or NOT_FOUND to the one who
// did it, or hit a namesake made in between. Commit, Adopt, catalog Delete, AddTask, LeaseTask, FinishPass and FailJob are
// compare-and-sets: a second run does no harm, but its answer (not found, taken, held, stale) hides that the first one won; their callers read
// again and decide. Probe takes long.
func repeatable() []string {
	return []string{
		identitypb.Identity_GetKey_FullMethodName,
		identitypb.Identity_GetUser_FullMethodName,

		backendpb.Backends_Types_FullMethodName,
		backendpb.Backends_Get_FullMethodName,
		backendpb.Backends_List_FullMethodName,

		catalogpb.Catalog_GetBucket_FullMethodName,
		catalogpb.Catalog_ListBuckets_FullMethodName,
		catalogpb.Catalog_SetPlacement_FullMethodName,
		catalogpb.Catalog_PendingWrites_FullMethodName,
		catalogpb.Catalog_BackendInUse_FullMethodName,
		catalogpb.Catalog_List_FullMethodName,
		catalogpb.Catalog_Get_FullMethodName,
		catalogpb.Catalog_Begin_FullMethodName,
		catalogpb.Catalog_Renew_FullMethodName,
		catalogpb.Catalog_Abandon_FullMethodName,

		dataflowpb.Dataflow_GetPolicy_FullMethodName,
		dataflowpb.Dataflow_ListPolicies_FullMethodName,
		dataflowpb.Dataflow_GetPlan_FullMethodName,
		dataflowpb.Dataflow_ListPlans_FullMethodName,
		dataflowpb.Dataflow_GetJob_FullMethodName,
		dataflowpb.Dataflow_ListJobs_FullMethodName,
		dataflowpb.Dataflow_Report_FullMethodName, // until its first outcome arrived
		dataflowpb.Dataflow_OpenJobs_FullMethodName,
		dataflowpb.Dataflow_StartJob_FullMethodName,
		dataflowpb.Dataflow_UnheldTasks_FullMethodName,
		dataflowpb.Dataflow_Heartbeat_FullMethodName,
		dataflowpb.Dataflow_FinishTask_FullMethodName,
	}
}

// serviceConfig is gRPC's service config (gRFC A6, A17) for a service: round robin over the addresses that are healthy, and retries of repeatable calls.
func serviceConfig(service string) string {
	type object = map[string]any
	var names []object
	for _, m := range repeatable() {
		s, method, _ := strings.Cut(strings.TrimPrefix(m, "/"), "/")
		names = append(names, object{"service": s, "method": method})
	}
	b, err := json.Marshal(object{
		"loadBalancingConfig": []object{{"round_robin": object{}}},
		"healthCheckConfig":   object{"serviceName": service},
		"methodConfig": []object{{"name": names, "retryPolicy": object{
			"maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": []string{"UNAVAILABLE"},
		}}},
		// No more than about one repeat in ten calls while a service is down for long.
		"retryThrottling": object{"maxTokens": 100, "tokenRatio": 0.1},
	})
	if err != nil {
		panic("rpc: service config: " + err.Error()) // strings and numbers only
	}
	return string(b)
}
