#!/bin/sh
# What does ion-summary do? Shows its main job on sample_sessions/, in a store of its own that is made anew each time.
set -eu
cd "$(dirname "$0")/.."
ION_SUMMARY_STORE=.demo-store
ION_SUMMARY_FORMAT=${ION_SUMMARY_FORMAT:-table}  # in a log too, as a person sees it
export ION_SUMMARY_STORE ION_SUMMARY_FORMAT
PATH="$PWD/.venv/bin:$PATH"
rm -rf "$ION_SUMMARY_STORE"
# Messages without a time get their file's, and that is when the checkout was made: nothing that a picture should show.
find sample_sessions -type f -exec touch -t 202602191120 {} +

run() {
    printf '\n$ ion-summary'
    for word in "$@"; do
        case $word in
        *' '*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    python -m ion_summary "$@"
}

run ingest sample_sessions/
run search 환불
run search refund
session=$(python -m ion_summary search 환불 --limit 1 --format jsonl | python -c \
    'import json, sys; print(json.loads(sys.stdin.readline())["session_id"])')
run show "$session"
run stats
printf '\nThe store of this demo is %s; try: .venv/bin/ion-summary search --store %s WORDS\n' \
    "$ION_SUMMARY_STORE" "$ION_SUMMARY_STORE"
