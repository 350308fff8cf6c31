// Package compose proves deploy/Dockerfile and docker-compose.yml on a real Docker engine: see internal/testbed/docker for what stands in
// for images that would be pulled. Only its own tests use it.
package compose
