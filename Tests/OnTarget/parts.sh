# For scripts whose tests are other commands', each of which leaves `PASSED FAILED` in a file.

passed=0
failed=0
# part FILE COMMAND...: runs it, and adds what it leaves in FILE. One that proves nothing has failed: its status says so and
# its file does not, or its file is missing or counts nothing without a line that says what was skipped, and why.
part() {
    local file=$1 p=0 f=0 status log
    shift
    rm -f "$file"
    log=$(mktemp)
    "$@" | tee "$log"
    status=${PIPESTATUS[0]}
    if ! read -r p f 2> /dev/null < "$file"; then
        p=0 f=1
        echo "  FAILED  $1: status $status, and no $file"
    elif [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1
        echo "  FAILED  $1: status $status, and $file tells of no failure"
    elif [ $((p + f)) -eq 0 ] && ! grep -qE '^ +skipped +[^ ]+.*: .' "$log"; then
        f=1
        echo "  FAILED  $1: nothing was tested, and nothing says why"
    fi
    rm -f "$log"
    passed=$((passed + p)) failed=$((failed + f))
}
