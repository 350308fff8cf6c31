# Every target is at most three lines; what is longer is a script in tools/.
.DEFAULT_GOAL := help
.PHONY: help build run tour test test-short testbed soak bench s3tests fuzz lint check generate image up down
TOOLS := bin/tools/.stamp

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/gelato; CEPH=1 adds the type ceph-rados, which needs librados-dev
	go build $(if $(CEPH),-tags ceph) -o bin/gelato ./cmd/gelato

run: build ## build and start everything in one process, data in ./gelato-data
	@exec bin/gelato up

tour: build ## a first migration between two local stores, step by step
	go run ./internal/testbed/tour bin/gelato

image: ## build the image gelato
	docker build --file deploy/Dockerfile --tag gelato .

up: ## start the services of docker-compose.yml and wait until they serve
	docker compose up --build --detach --wait

down: ## stop them; what they keep stays in volumes
	docker compose down

test: check testbed ## everything: checks, race tests, real clients, migrations under load
	tools/test.sh

test-short: ## the Go tests that need Go alone, under three minutes
	GELATO_TEST_SHORT=1 tools/test.sh

testbed: ## install the real servers and clients of the tests into bin/testbed
	tools/testbed.sh

soak: testbed ## migrations with kills, new seeds for SOAK minutes (default 30); S3's parsers fuzzed for FUZZTIME (10m) each
	tools/soak.sh

bench: testbed ## figures beside rclone, versitygw and the clouds' own SDKs
	go test -tags ceph -run "^$$" -bench . -benchtime 1x -timeout 90m ./internal/testbed/bench

s3tests: ## the public suite ceph/s3-tests, checked out in SRC; OPTIONS go to pytest
	tools/s3tests.sh $(OPTIONS)

fuzz: ## each fuzz target for FUZZTIME (default 30s)
	tools/fuzz.sh

lint: $(TOOLS) ## go vet and staticcheck
	go vet ./...
	bin/tools/staticcheck ./...
	$(if $(wildcard /usr/include/rados/librados.h),go vet -tags ceph ./adapters/... && bin/tools/staticcheck -tags ceph ./adapters/cephrados)

check: lint ## lint, formatting, go.mod, generated code
	tools/check.sh

generate: $(TOOLS) ## generate the protobuf code
	PATH="$(CURDIR)/bin/tools:$$PATH" buf generate

$(TOOLS): tools/go.mod tools/go.sum
	cd tools && GOBIN="$(CURDIR)/bin/tools" go install tool
	@touch $@
