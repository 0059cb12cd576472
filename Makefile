# make alone lists the targets.

GO        ?= go
REF       ?=
FUZZTIME  ?= 200000x
BENCHTIME ?= 200ms
KILLS     ?= 100
FAULTS    ?= 10m
DATA      ?= $(or $(TMPDIR),/tmp)

.PHONY: help run test gen gen-check statements lint race fuzz bench bench-clients bench-compare bench-gate bench-durable bench-peers crash powerloss faults clientcrash ci

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start a broker on 127.0.0.1:1883
	@$(GO) build -o .bin/fletch ./tools/fletch
	@.bin/fletch serve

test: ## run all tests, those of the clients and servers of others for Go included
	$(GO) test ./...
	cd tools/interop/gopeers && $(GO) test ./...
	cd tools/interop/servers && $(GO) test ./...

gen: ## write the generated files of package packets anew
	$(GO) generate ./...

gen-check: ## generated files are what gen writes, all of them and no others
	rm -f packets/z*.go packets/wire/z*.go packets/REFERENCE.md packets/testdata/seeds.txt packets/testdata/breakers.txt
	$(GO) generate ./...
	git diff --exit-code -- packets

statements: ## every numbered statement has a line that keeps it, and a test; the others are printed
	$(GO) run ./tools/statements -gaps

lint: ## formatting, vet, staticcheck, go.mod
	@test -z "$$($(GO) tool gofumpt -l .)" || { $(GO) tool gofumpt -d .; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	cd bench/codecs && $(GO) vet ./... && $(GO) mod tidy -diff
	cd bench/clients && $(GO) vet ./... && $(GO) mod tidy -diff
	cd bench/peers && $(GO) vet ./... && $(GO) mod tidy -diff
	cd tools/interop/gopeers && $(GO) vet ./... && $(GO) mod tidy -diff
	cd tools/interop/servers && $(GO) vet ./... && $(GO) mod tidy -diff

race: ## run all tests with the race detector
	$(GO) test -race ./...
	cd tools/interop/gopeers && $(GO) test -race ./...
	cd tools/interop/servers && $(GO) test -race ./...

fuzz: ## fuzz every target for FUZZTIME, 200000x unless named
	FUZZTIME=$(FUZZTIME) bench/fuzz.sh

bench: ## the codec beside others, and the micro-benchmarks, once
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	cd bench/codecs && $(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

bench-clients: ## package client beside the other MQTT libraries for Go, ten minutes
	bench/clients.sh

bench-durable: ## what durability costs in processor, memory and time, beside Mosquitto, on the disk of DATA
	bench/durable.sh -data $(DATA)

bench-compare: ## the micro-benchmarks here and at REF, the parent or where the branch left main unless named, through benchstat
	bench/compare.sh $(REF)

bench-gate: ## fail if the micro-benchmarks are worse here than at REF, named as for bench-compare
	bench/compare.sh -gate $(REF)

bench-peers: ## Fletch beside the brokers of others, into bench/RESULTS.md, twenty minutes
	bench/peers.sh

crash: ## kill the broker KILLS times, 100 unless named, and see that all it had acknowledged is there
	@$(GO) build -o .bin/crash ./tools/crash
	@.bin/crash -kills $(KILLS)

powerloss: KILLS = 1000
powerloss: ## cut the power of the broker KILLS times, 1000 unless named, and see that all it had acknowledged is there
	@$(GO) build -o .bin/crash ./tools/crash
	@.bin/crash -power -kills $(KILLS)

faults: ## cut, stall, half close and double the connections of clients for FAULTS, 10m unless named, and see that they keep what they promise
	@$(GO) build -race -o .bin/faults ./tools/faults
	@.bin/faults -for $(FAULTS)

clientcrash: ## kill clients with a Store KILLS times, 100 unless named, and see that all they had accepted arrives, once
	@$(GO) build -race -o .bin/faults ./tools/faults
	@.bin/faults -kills $(KILLS)

ci: ## all that is checked before a change is taken
	.ci/run
