// Package clients holds no code, only tests: S3 clients as their makers ship them, with their default settings, work
// against a real `gelato up`. TestMatrix runs each command that people use of each client and ends with a table of
// clients and rows in its log.
//
// The rows of a command-line client are a script in testdata, those of boto3 and of the SDK for JavaScript a program
// there, those of the Go SDKs Go code here. A row that several clients have carries one name everywhere.
package clients
