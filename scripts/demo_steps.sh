# What the demos share; sourced from the top of the checkout. A store of their own, made anew each time.
ION_SUMMARY_STORE=.demo-store
ION_SUMMARY_FORMAT=${ION_SUMMARY_FORMAT:-table}  # in a log too, as a person sees it
export ION_SUMMARY_STORE ION_SUMMARY_FORMAT
PATH="$PWD/.venv/bin:$PATH"
rm -rf "$ION_SUMMARY_STORE"
# Messages without a time get their file's, and that is when the checkout was made: nothing that a picture should show.
find sample_sessions -type f -exec touch -t 202602191120 {} +

# run WORD...: shows the command line, and what it does
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

# newest WORD...: the id of the newest session with these words
newest() {
    python -m ion_summary search "$@" --limit 1 --format jsonl | python -c \
        'import json, sys; print(json.loads(sys.stdin.readline())["session_id"])'
}
