# `make run` and `make test` are all one needs; both install the system packages that are missing.
#
#   make run                    channels from a generated demo library on http://localhost:8411
#   make run MEDIA=/my/videos   channels from your own files
#   make run PORT=9000 DATA=/srv/exstreamtv

PORT ?= 8411
DATA ?= data
CARGO ?= cargo

.PHONY: help run test lint bench soak eval clients fuzz

help:
	@sed -n 's/^#   //p' Makefile
	@echo "make test                   everything that must hold before a change lands"
	@echo "make lint                   format, clippy, documentation, licences"
	@echo "make bench                  the numbers of the design, measured here (BENCH=tune,cold BASE=file)"
	@echo "make eval                   the operator against real faults"
	@echo "make clients                foreign players and parsers against a running server"
	@echo "make soak MINUTES=30        a server under load, kills and zaps (CHANNELS=20 VIEWERS=200;"
	@echo "                            SHARD_MINUTES=30 cuts a long one up, the same call goes on with it)"
	@echo "make fuzz                   property tests with many more cases"

run:
	@scripts/packages.sh run
	$(CARGO) build --release --locked
	@echo
	@echo "  pages     http://localhost:$(PORT)/"
	@echo "  playlist  http://localhost:$(PORT)/iptv/channels.m3u"
	@echo "  guide     http://localhost:$(PORT)/iptv/xmltv.xml"
	@echo "  tuner     http://localhost:$(PORT)/discover.json  (HDHomeRun)"
	@echo
	$(CARGO) run --release --locked --quiet -- serve --data-dir "$(DATA)" --port $(PORT) $(if $(MEDIA),--library "$(MEDIA)",--demo)

test:
	@scripts/test.sh

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check; else echo "cargo-deny is not installed: licences and advisories were not checked"; fi

# Shards: start plan tune cold join heal guide viewers channels. Results are kept below target/bench as JSON.
bench:
	@scripts/packages.sh run
	BENCH="$(if $(BENCH),$(BENCH),start,plan,tune,cold,join,heal,guide,viewers,channels)" $(if $(BASE),BASE="$(BASE)") $(CARGO) bench --locked --bench limits

eval:
	@scripts/packages.sh run
	$(CARGO) run --release --locked -- eval

# Ends with six real players that play for PLAY_SECONDS; PLAYERS=vlc,mpegts chooses some.
PLAY_SECONDS ?= 600
clients:
	@scripts/packages.sh clients
	$(CARGO) test --locked --test it -- clients:: hls::behind --nocapture
	$(CARGO) build --locked
	cd tests/browser && npm ci --no-audit --no-fund --loglevel=error && PLAY_SECONDS=$(PLAY_SECONDS) node --test players.mjs

MINUTES ?= 30
CHANNELS ?= 20
VIEWERS ?= 200
SHARD_MINUTES ?= $(MINUTES)
soak:
	@scripts/packages.sh run
	MINUTES=$(MINUTES) SHARD_MINUTES=$(SHARD_MINUTES) $(if $(SHARDS),SHARDS=$(SHARDS)) CHANNELS=$(CHANNELS) VIEWERS=$(VIEWERS) $(CARGO) bench --locked --bench limits -- soak

fuzz:
	SPLICES=20000 PROPTEST_CASES=20000 $(CARGO) test --release --locked --lib
