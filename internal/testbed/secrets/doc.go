// Package secrets holds no code, only a test: that no secret is readable in anything that Gelato's processes send, keep or say.
//
// Six processes do a job over the MongoDB stand-in, Apache Kafka and S3 servers. All of their connections pass through proxies (taps) that keep every byte;
// those between services are also looked into, as the proxies hold certificates of the cluster, so that a secret that TLS hides is found
// too. All that was recorded, the messages in Kafka, the documents in the state, files, logs, metrics, answers and command lines are then searched for
// every secret in every encoding that it could have got on its way, and for words that must be found, which shows that the search sees.
package secrets
