// Package clients holds no code, only tests: awscli, s3cmd, rclone and boto3, as their makers ship them and with
// their default settings, work against a real `gelato up`.
//
// GELATO_TEST_TARGET=versitygw runs the same tests against versitygw: what fails there too is the test's fault.
package clients
