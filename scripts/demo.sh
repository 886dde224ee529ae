#!/bin/sh
# What does ion-summary do? Shows its main job on sample_sessions/, in a store of its own.
set -eu
cd "$(dirname "$0")/.."
. scripts/demo_steps.sh

run ingest sample_sessions/
run search 환불
run search refund
run show "$(newest 환불)"
run stats
printf '\nThe store of this demo is %s; try: .venv/bin/ion-summary search --store %s WORDS\n' \
    "$ION_SUMMARY_STORE" "$ION_SUMMARY_STORE"
