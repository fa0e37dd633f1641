#!/usr/bin/env bash
# Starts the four cloud providers in the background and waits until they are healthy and registered with the swarm's Router and Registry.
#   scripts/start_phase6_cloud_providers.sh [arguments of `polyglot-cloud serve`]      --sandbox: without keys, network or cost
# Exit status: 0 they run, 1 they do not. The pid file and the log are artifacts/phase6.pid and artifacts/phase6.log.
# PHASE6_WAIT: seconds to wait (default 60). POLYGLOT_SWARM is `auto` unless the environment or .env says otherwise.
set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/phase6"

WAIT=${PHASE6_WAIT:-60}
case $WAIT in '' | *[!0-9]*) fail "PHASE6_WAIT is \"$WAIT\"; it is a number of seconds." ;; esac

if find_ours; then
    fail "they run already (pid $PID). Stop them first: scripts/stop_phase6_cloud_providers.sh"
fi
mkdir -p "$ARTIFACTS" || fail "$ARTIFACTS cannot be made."
if [ -e "$PID_FILE" ]; then
    say "The pid file of an earlier start is left over (pid $(recorded pid)), and that process is gone. It is replaced."
    rm -f "$PID_FILE" || fail "$PID_FILE cannot be removed."
fi

if [ -n "${PHASE6_COMMAND:-}" ]; then
    read -r -a COMMAND <<<"$PHASE6_COMMAND"
else
    . "$HERE/environment"
    environment_for runtime
    COMMAND=("$BIN/polyglot-cloud")
    PYTHON3=$BIN/python
fi

cd "$HOME_FOLDER" || fail "there is no folder $HOME_FOLDER."
if [ -z "${POLYGLOT_SWARM:-}" ] && ! grep -Eqs '^[[:space:]]*(export[[:space:]]+)?POLYGLOT_SWARM=' .env; then
    export POLYGLOT_SWARM=auto
fi

touch "$LOG" || fail "$LOG cannot be written."
BEGIN=$(($(wc -c <"$LOG") + 1)) # what this start writes begins here
nohup "${COMMAND[@]}" serve "$@" >>"$LOG" 2>&1 </dev/null &
PID=$!
said() { tail -c "+$BEGIN" "$LOG"; }

give_up() {
    kill "$PID" 2>/dev/null
    [ "$(recorded pid)" = "$PID" ] && rm -f "$PID_FILE"
    fail "$1"
}
trap 'give_up "interrupted; nothing runs."' INT TERM

if ! (
    set -C # never over a file that is there
    printf 'pid=%s\nstarted=%s\n' "$PID" "$(started_of "$PID")" >"$PID_FILE"
) 2>/dev/null; then
    kill "$PID" 2>/dev/null
    fail "another start wrote $PID_FILE at the same moment; this one gave way."
fi

say "Starting (pid $PID, log $LOG) ..."
DEADLINE=$((SECONDS + WAIT))
while :; do
    if ! kill -0 "$PID" 2>/dev/null || [ -z "$(started_of "$PID")" ]; then
        said >&2
        rm -f "$PID_FILE"
        fail "it did not start; what it said stands above."
    fi
    REPORT=$(said | "$PYTHON3" "$HERE/phase6_report.py") && break
    if [ "$SECONDS" -ge "$DEADLINE" ]; then
        [ -n "$REPORT" ] && say "$REPORT"
        give_up "not all were healthy and registered within $WAIT s, so it was stopped again. PHASE6_WAIT gives it longer; the log is $LOG."
    fi
    sleep 0.3
done
trap - INT TERM
disown "$PID" 2>/dev/null
say "$REPORT"
say ""
say "They run (pid $PID). Stop them: scripts/stop_phase6_cloud_providers.sh    Test them: scripts/test_phase6.sh"
