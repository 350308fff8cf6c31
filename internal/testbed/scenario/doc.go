// Package scenario proves migrations from outside: real processes, real stores, readers and a writer that never stop, and a model of
// what every read may answer. Only its own tests use it.
//
// Model is the truth about one bucket as its only writers know it. Load drives readers and writers against it. Outage
// tells failures that a killed process explains from those that nothing explains.
package scenario
