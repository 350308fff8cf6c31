// Package obstranslator stands in front of a real S3 server and makes it speak the dialect of Huawei's OBS, because no OBS can be installed:
// it proves what a client of OBS sends, with a real store behind it.
//
//   - It verifies the signature of each request (Authorization: OBS AK:signature, over the x-obs-* headers) by rules of its own, written from the API
//     reference of OBS ("Using an Authorization Header"), not with Huawei's SDK. Whatever is not signed so, and whatever mixes in a
//     header of S3 (x-amz-*), is refused.
//   - It forwards to the S3 server, signed with SigV4: headers and answers are renamed (x-obs-* and x-amz-*), so are storage
//     classes (WARM and STANDARD_IA, COLD and GLACIER), the namespace of XML, and errors of HEAD, which OBS says in headers.
//   - Buckets may be in the path or in the host name. Keys go on byte for byte as they were sent.
//   - Bodies of objects stream; nothing is retried or stored.
//
// Only tests import it.
package obstranslator
