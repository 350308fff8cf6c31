// Package matrix proves that objects travel from every store to every other one: through one `gelato up`, for each ordered pair of real stores, a
// bucket is filled on the first, copied to a bucket on the second by a plan, and relocated there itself. What arrived is judged three times: by S3
// (every byte, headers, metadata, the listing), by the job's report, and by the store's own client, which knows nothing of Gelato. Only its
// own tests use it.
package matrix
