// Package docker gives tests a Docker engine of their own, and local images that stand in for those that no registry is asked for.
//
// A test package calls Main from its TestMain. It then runs as the first process of a process, mount and network namespace of its own:
// the engine's bridges, firewall rules and mounts are nobody else's, published ports collide with nothing, and whatever is left ends
// with the test process, however that ends. It needs root, and what tools/testbed-docker.sh unpacked.
//
// A stand-in carries the real image's name and enough of its behaviour for an unmodified Dockerfile or compose file; standins/ holds
// their Dockerfiles. Nothing is pulled: a name without a stand-in fails.
package docker
