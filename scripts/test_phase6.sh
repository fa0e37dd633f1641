#!/usr/bin/env bash
# Tests what runs: the four providers' listeners, their registration, selection, routed calls, receipts, budgets. A line for each check; all are run.
#   scripts/test_phase6.sh [--no-calls]      --no-calls leaves out what asks a model; with real keys these some twenty calls cost about a cent
# Exit status: 0 all passed, 1 some did not.
# Elsewhere than on the usual ports: PHASE6_OPENAI, _ANTHROPIC, _GEMINI, _GROK, _ROUTER, _GATEWAY, _REGISTRY (http://127.0.0.1:8100 ...).
# PHASE6_KEY: a key of the gateway, once it asks for one.
set -u
. "$(dirname -- "${BASH_SOURCE[0]}")/phase6"

CALLS=yes
for word in "$@"; do
    case $word in
    --no-calls) CALLS=no ;;
    *) fail "unknown argument $word; there is --no-calls." ;;
    esac
done
OPENAI=${PHASE6_OPENAI:-http://127.0.0.1:8100}
ANTHROPIC=${PHASE6_ANTHROPIC:-http://127.0.0.1:8101}
GEMINI=${PHASE6_GEMINI:-http://127.0.0.1:8102}
GROK=${PHASE6_GROK:-http://127.0.0.1:8103}
ROUTER=${PHASE6_ROUTER:-http://127.0.0.1:6103}
GATEWAY=${PHASE6_GATEWAY:-http://127.0.0.1:6120}
REGISTRY=${PHASE6_REGISTRY:-http://127.0.0.1:6121}
RUN=phase6-$(date +%s)-$$

HEADERS=()
[ -n "${PHASE6_KEY:-}" ] && HEADERS=(-H "authorization: Bearer $PHASE6_KEY")
PASSED=0
FAILED=0
SKIPPED=0
STATUS=
BODY=

# get URL / post URL [JSON]: sets STATUS and BODY. Status 000: nobody answered.
ask() {
    local answer
    answer=$(curl -sS --noproxy '*' -m 90 -w '\n%{http_code}' ${HEADERS[@]+"${HEADERS[@]}"} "$@" 2>&1)
    STATUS=${answer##*$'\n'}
    BODY=${answer%$'\n'*}
}
get() { ask "$1"; }
post() { if [ $# -gt 1 ]; then ask -X POST -H 'content-type: application/json' -d "$2" "$1"; else ask -X POST "$1"; fi; }

# check NAME STATUS [EXPRESSION]: of the last answer; the expression is Python's, over `d`, the body as JSON, and `a`, the words after it.
check() {
    local name=$1 status=$2 expression=${3:-True} why=
    shift $(($# < 3 ? $# : 3))
    if [ "$STATUS" != "$status" ]; then
        why="status $STATUS, not $status"
    elif ! printf '%s' "$BODY" | "$PYTHON3" -c '
import json, sys
d = json.load(sys.stdin); a = sys.argv[2:]
sys.exit(not eval(sys.argv[1]))' "$expression" "$@" 2>/dev/null; then
        why="not so: $expression"
    fi
    told "$name" "$why"
}
told() { # told NAME WHY: an empty reason is a pass
    if [ -z "$2" ]; then
        PASSED=$((PASSED + 1))
        say "ok    $1"
    else
        FAILED=$((FAILED + 1))
        say "FAIL  $1 ($2)"
        [ -n "$BODY" ] && say "      $(printf '%s' "$BODY" | head -c 300 | tr '\n' ' ')"
    fi
}
skip() { SKIPPED=$((SKIPPED + 1)); say "skip  $1"; }
pick() { printf '%s' "$BODY" | "$PYTHON3" -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" 2>/dev/null; }

say "Run $RUN against $OPENAI $ANTHROPIC $GEMINI $GROK, Router $ROUTER, Gateway $GATEWAY, Registry $REGISTRY"
say ""

# --- the listeners ---
HEALTHY=
each_provider() { # each_provider FUNCTION
    "$1" openai "$OPENAI"
    "$1" anthropic "$ANTHROPIC"
    "$1" gemini "$GEMINI"
    "$1" grok "$GROK"
}
listener() {
    get "$2/health"
    check "$1: /health tells that it lives" 200 'd["status"] in ("healthy", "degraded") and d["provider"] == a[0] and "api_key_present" in d' "$1"
    [ "$(pick 'd["status"]')" = healthy ] && HEALTHY="$HEALTHY $1"
    get "$2/info"
    check "$1: /info names the service and the provider" 200 'd["service_name"] and d["provider"] == a[0] and d["model"]["provider"] == a[0]' "$1"
    check "$1: /info has the model's name, window, prices and capabilities" 200 \
        '(lambda m: m["name"] and m["context_window"] >= 16385 and m["cost_per_input_token"] > 0 and m["cost_per_output_token"] > 0 and m["capabilities"])(d["model"])'
    get "$2/"
    check "$1: / names its endpoints" 200 'd["service"] and d["provider"] == a[0] and d["endpoints"]["chat"]' "$1"
    get "$2/openapi.json"
    check "$1: /openapi.json is a description" 200 'd["info"]["title"] and d["paths"]'
    ask -o /dev/null "$2/docs"
    BODY=
    [ "$STATUS" = 200 ] && told "$1: /docs answers" "" || told "$1: /docs answers" "status $STATUS"
}
each_provider listener

# --- the Router ---
get "$ROUTER/health"
check "router: it is a Provider Router" 200 'd["service"] == "provider_router"'
get "$ROUTER/providers"
for name in $HEALTHY; do
    check "router: $name is registered" 200 'any(a[0] in p["name"] for p in d["providers"]) and d["count"] == len(d["providers"])' "$name"
done
check "router: each registration is whole" 200 \
    'all(0 < p["context_window"] <= 2000000 and p["endpoint"].startswith("http") and p["status"] == "active" and isinstance(p["features"], list) for p in d["providers"])'
MODEL=$(pick 'min((p for p in d["providers"] if "function_calling" in p["features"]), key=lambda p: p["cost_per_input_token"] + p["cost_per_output_token"])["model"]')
CHEAPEST=$(pick 'min(p["cost_per_input_token"] + p["cost_per_output_token"] for p in d["providers"] if "function_calling" in p["features"])')
post "$ROUTER/select" '{"requirements": {"model": "", "features": ["function_calling"]}}'
check "router: /select for a capability picks the cheapest" 200 \
    '(lambda p: abs(p["cost_per_input_token"] + p["cost_per_output_token"] - float(a[0])) < 1e-15)(d["selected_provider"]) and d["optimization"] == "cost"' "$CHEAPEST"
post "$ROUTER/select" '{"requirements": {"model": "no-such-model"}}'
check "router: /select for what nobody has is 404" 404 'd["detail"]'
post "$ROUTER/select" '{"optimization": "cost"}'
check "router: a request without requirements is 422" 422 'd["detail"][0]["loc"] == ["body", "requirements"]'
get "$ROUTER/stats"
check "router: /stats counts" 200 'd["active_providers"] >= 1 and d["total_models"] == len(d["unique_models"])'

# --- the Registry ---
get "$REGISTRY/health"
check "registry: it lives" 200 'd["status"] == "ok" and d["registered"] >= 1'
get "$REGISTRY/discover?type=model"
for name in $HEALTHY; do
    check "registry: $name is listed and ok" 200 'any(s["name"].startswith(a[0]) and s["status"] == "ok" and s["labels"] for s in d["items"])' "$name"
done

# --- calls ---
chat() {
    post "$2/v1/chat/completions" '{"messages": [{"role": "user", "content": "Say hello."}], "max_completion_tokens": 2000}'
    check "$1: chat/completions answers in OpenAI's shape" 200 \
        'd["object"] == "chat.completion" and d["choices"][0]["message"]["role"] == "assistant" and d["usage"]["prompt_tokens"] > 0'
    post "$2/generate" '{"prompt": "Say hello.", "stream": false}'
    check "$1: generate answers" 200 'isinstance(d["response"], str) and d["done"] is True'
    ask -X POST -H 'content-type: application/json' \
        -d '{"messages": [{"role": "user", "content": "Say hello."}], "max_completion_tokens": 2000, "stream": true}' "$2/chat/completions"
    local why=
    [ "$STATUS" = 200 ] || why="status $STATUS"
    case $BODY in *'data: {'*'data: [DONE]'*) ;; *) why=${why:-"no stream that ends with [DONE]"} ;; esac
    told "$1: a stream ends with [DONE]" "$why"
    post "$2/v1/chat/completions" '{"messages": "hello"}'
    check "$1: a request that is none is 400 in OpenAI's shape" 400 'd["error"]["message"]'
}
called() { case "$HEALTHY " in *" $1 "*) chat "$1" "$2" ;; *) skip "$1: it has no key, so nothing is asked" ;; esac; }
if [ "$CALLS" = yes ]; then each_provider called; else skip "calls of the listeners (--no-calls)"; fi

# --- the Gateway ---
get "$GATEWAY/health"
IS_GATEWAY=$(pick 'd.get("service") == "gateway"')
if [ "$IS_GATEWAY" != True ] && [ "$STATUS" = 200 ]; then
    skip "gateway: $GATEWAY is another program ($(pick 'd.get("service")'))"
elif [ "$CALLS" = no ]; then
    check "gateway: it is a Gateway" 200 'd["service"] == "gateway" and d["dependencies"]["provider_router"]'
    skip "routed calls, receipts and budgets (--no-calls)"
else
    check "gateway: it is a Gateway" 200 'd["service"] == "gateway" and d["dependencies"]["provider_router"]'
    order() { # order REQUEST_ID [MODEL]
        printf '{"request_id": "%s", "run_id": "%s", "agent": "test_phase6", "requirements": {"model": "%s"}, "payload": {"messages": [{"role": "user", "content": "Say hello."}], "max_completion_tokens": 2000}}' "$1" "$RUN" "${2-$MODEL}"
    }
    post "$GATEWAY/route" "$(order "$RUN-1")"
    check "gateway: /route returns a model's words" 200 \
        'd["status"] == "success" and d["run_id"] == a[0] and d["model"] == a[1] and d["response"]["choices"][0]["message"]["content"]' "$RUN" "$MODEL"
    check "gateway: they are no canned ones" 200 'd["response"]["id"] != "chatcmpl-simulated"'
    check "gateway: it tells tokens and cost" 200 'd["cost"]["input_tokens"] > 0 and d["cost"]["output_tokens"] > 0 and d["cost"]["cost_usd"] > 0'
    COST=$(pick 'd["cost"]["cost_usd"]')
    IN=$(pick 'd["cost"]["input_tokens"]')
    OUT=$(pick 'd["cost"]["output_tokens"]')
    NAME=$(pick 'd["provider"]')
    get "$ROUTER/providers/$NAME"
    check "gateway: the cost is that of these tokens" 200 \
        'abs(float(a[0]) - (int(a[1]) * d["cost_per_input_token"] + int(a[2]) * d["cost_per_output_token"])) <= 1.5e-6' "$COST" "$IN" "$OUT"
    get "$GATEWAY/receipts/$RUN"
    check "gateway: there is one receipt, with the keys in order" 200 \
        'd["count"] == 1 and list(d["receipts"][0])[:11] == "request_id run_id agent timestamp provider model input_tokens output_tokens cost_usd latency_ms status".split()'
    check "gateway: the receipt is the call's" 200 \
        '(lambda r: r["request_id"] == a[0] and r["cost_usd"] == float(a[1]) and r["status"] == "success")(d["receipts"][0])' "$RUN-1" "$COST"
    EXACT=$(pick 'format(d["receipts"][0].get("cost_nano", 0) / 1e9 or d["receipts"][0]["cost_usd"], ".9f")') # cost_usd is rounded to a micro-dollar
    get "$GATEWAY/metrics?window=minute"
    check "gateway: /metrics counts it" 200 'd["total_requests"] >= 1 and d["total_cost_usd"] > 0 and a[0] in d["requests_per_provider"]' "$NAME"
    get "$GATEWAY/metrics?window=year"
    check "gateway: an unknown window is 400" 400 'd["detail"] == "Invalid window: year"'
    get "$GATEWAY/budget/$RUN"
    check "gateway: no budget is set yet" 200 'd["budget_set"] is False'
    post "$GATEWAY/budget?run_id=$RUN&budget_usd=-1"
    check "gateway: a budget below zero is 400" 400 'd["detail"]'
    post "$GATEWAY/budget?run_id=$RUN&budget_usd=$("$PYTHON3" -c 'import sys; print(format(float(sys.argv[1]) / 0.8, ".9f"))' "$EXACT")"
    check "gateway: a budget is set" 200 'd["status"] == "Budget set successfully"'
    get "$GATEWAY/budget/$RUN"
    check "gateway: 80% of it are spent: caution" 200 'd["budget_set"] and d["alert_level"] == "caution" and d["can_proceed"] and 79 < d["percent_used"] < 81'
    post "$GATEWAY/budget?run_id=$RUN&budget_usd=$EXACT"
    post "$GATEWAY/route" "$(order "$RUN-2")"
    check "gateway: a run that has spent its budget gets 429" 429 'd["detail"].startswith("Budget exceeded")'
    get "$GATEWAY/budget/$RUN"
    check "gateway: then the level is critical" 200 'd["alert_level"] == "critical" and d["can_proceed"] is False and d["percent_used"] <= 100.5'
    get "$GATEWAY/receipts/$RUN"
    check "gateway: nothing was spent beyond it" 200 'd["total_cost_usd"] == float(a[0])' "$COST"
    post "$GATEWAY/route" "$(order "$RUN-3" no-such-model | sed "s/$RUN\", \"agent/$RUN-x\", \"agent/")"
    check "gateway: a model that nobody has is 503" 503 'd["detail"].startswith("Provider Router unavailable")'
    post "$GATEWAY/route" '{"request_id": "x"}'
    check "gateway: an order that lacks something is 422" 422 'len(d["detail"]) == 2'
fi

say ""
say "$PASSED passed, $FAILED failed, $SKIPPED left out"
[ "$PASSED" -gt 0 ] && [ "$FAILED" -eq 0 ]
