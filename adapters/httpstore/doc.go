// Package httpstore holds what adapters of stores spoken to over HTTP share: the checked body of a request (Body) and of an answer
// (Download), the buffers for bodies of unknown size (Spool), metadata in headers, the transport, and what a failed call means.
//
// It knows no cloud: no SDK is imported here. What bytes count as proven is for each adapter to say.
//
// Adapters and their tests import it.
package httpstore
