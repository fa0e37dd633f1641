#!/usr/bin/env bash
# Stops what start_phase6_cloud_providers.sh started, and nothing else: asked first, so that calls may end, and then ended.
# Exit status: 0 nothing runs any more, 1 it could not be stopped. PHASE6_PATIENCE: seconds to wait before it is ended (default 40: calls in
# flight have 30, POLYGLOT_DRAIN_TIMEOUT).
set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/phase6"

PATIENCE=${PHASE6_PATIENCE:-40}
case $PATIENCE in '' | *[!0-9]*) fail "PHASE6_PATIENCE is \"$PATIENCE\"; it is a number of seconds." ;; esac

if [ ! -e "$PID_FILE" ]; then
    say "Nothing to stop: there is no $PID_FILE."
    exit 0
fi
if ! find_ours; then
    if [ -n "$PID" ] && [ -n "$(started_of "$PID")" ]; then
        say "Nothing to stop: what was started is gone. Its number, $PID, is another program's now ($(command_of "$PID")), which is left alone."
    else
        say "Nothing to stop: what was started (pid ${PID:-unknown}) is gone already."
    fi
    rm -f "$PID_FILE" || fail "$PID_FILE is left over and cannot be removed."
    exit 0
fi

COMMAND=$(command_of "$PID")
gone_within() { # gone_within SECONDS
    local deadline=$((SECONDS + $1))
    while find_ours; do
        [ "$SECONDS" -ge "$deadline" ] && return 1
        sleep 0.1
    done
}

say "Stopping pid $PID ($COMMAND) ..."
kill -TERM "$PID" 2>/dev/null
if gone_within "$PATIENCE"; then
    say "Stopped."
else
    say "It is still there after $PATIENCE s: it is ended now. Calls that it had in flight are in the ledger as unknown."
    kill -KILL "$PID" 2>/dev/null
    gone_within 5 || fail "pid $PID cannot be ended. Is it another user's?"
    say "Ended."
fi
rm -f "$PID_FILE"
