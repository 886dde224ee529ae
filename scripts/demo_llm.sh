#!/bin/sh
# What does Gemini add, and what does it cost? The whole hybrid on sample_sessions/, against a server on this machine
# that speaks Gemini's protocol: no key, no network, no cent. What it answers is made up; what is counted is real.
set -eu
cd "$(dirname "$0")/.."
. scripts/demo_steps.sh
GEMINI_API_KEY=none-needed-here
export GEMINI_API_KEY
unset GOOGLE_API_KEY ION_SUMMARY_API_KEY ION_SUMMARY_BASE_URL

address=$(mktemp)
python -m tests.fake_gemini --latency 0.3 --failures 0.05 >"$address" 2>/dev/null &
server=$!
trap 'kill "$server" 2>/dev/null; rm -f "$address"' EXIT INT TERM
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -s "$address" ] && break
    sleep 0.5
done
GOOGLE_GEMINI_BASE_URL=$(head -n 1 "$address")
export GOOGLE_GEMINI_BASE_URL

printf 'A server that speaks Gemini'"'"'s protocol runs at %s; prices are those of the real one.\n' "$GOOGLE_GEMINI_BASE_URL"
run ingest sample_sessions/ --llm
run worker --dry-run
run worker
run show "$(newest 환불)"
run summarize sample_sessions/migration.md --llm
run stats
printf '\nWith a key of your own (GEMINI_API_KEY) the same commands ask Gemini, at these costs. '
printf 'A live application does it with HybridSummarizer: docs/jobs.md\n'
