// Package badinput holds no code, only tests: what a running gelato answers to requests that are wrong in one way each, over S3,
// REST and the command line, and that nothing changed by them.
package badinput
