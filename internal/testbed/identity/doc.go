// Package identity holds no code, only tests: users and access keys of a running gelato, made over REST and used over S3.
package identity
