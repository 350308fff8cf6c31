// Package moving holds the tests of dataflow, scheduler and datamover together: real services over gRPC in memory, on real posix stores and
// the real catalog. It lies here because services, and their tests, know no other service. Nothing imports it.
package moving
