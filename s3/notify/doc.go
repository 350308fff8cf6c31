// Package notify is S3's event notifications: the configuration of a bucket, the JSON of an event, the targets that the operator names, and a Deliverer
// that brings events from their outboxes to the targets, at least once.
//
// Package s3 imports it, and cmd makes targets. Which events there are is decided where objects change (s3/catalog); a Deliverer only empties outboxes.
// Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html,
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html.
package notify
