// Package control holds no code, only tests: the services that manage things (backend, api with identity, dataflow) together, each behind its
// real gRPC client, with real stores, asked over REST as a user would.
package control
