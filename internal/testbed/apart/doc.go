// Package apart tests the services as processes of their own, on a MongoDB stand-in and a real Apache Kafka: that they start in any order, drain,
// come back with everything that they had, and say precisely what is wrong with what they are given.
package apart
