// Package scenario proves migrations from outside: real processes, real stores, readers and a writer that never stop, and a model of
// what every read may answer. Only its own tests use it.
//
// Model is the truth about one bucket as its only writers know it. Load drives readers and writers against it. Outage
// tells failures that a killed process explains from those that nothing explains.
//
// The tests set a stage of two versitygw and one system on them: `gelato up`, or processes of `gelato serve` with the MongoDB stand-in
// (mongo-java-server on H2) and Apache Kafka. A system has blows, what can be done to its parts; a blow says what it excuses.
package scenario
