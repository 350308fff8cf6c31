// Package instore tests with the real process and a real S3 server that copies within one backend do not travel. It has tests only.
package instore
