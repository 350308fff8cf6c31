// Package accesslog is S3's server access log: the format of its records and of the names of its objects, the configuration document, and a Collector that
// gathers records in memory and has them written as objects.
//
// Package s3 imports it. Logging is best effort, as S3 says of its own: records never hold up a request, memory for them is bounded, and what is lost is counted.
// Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html (how they are delivered and named),
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html and https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLogging.html.
package accesslog
