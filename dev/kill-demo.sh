#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kills the demo (SIGKILL) in every phase, runs it again each time, and compares the end with a run nobody killed: equal
# claims, equal bytes of base, experts and router, and after every kill no half-written file under a final name.
#
#   dev/kill-demo.sh [SECONDS…]     how long after its beginning each phase is killed, in the order of the phases
#
# Takes about two and a half times as long as one demo. SIZE (ci), SEED (42), OUT (target/kill-demo) and STOA (./stoa) may
# be set. A finished undisturbed run under OUT/plain is used again.
set -euo pipefail
cd "$(dirname "$0")/.."

stoa=${STOA:-./stoa} size=${SIZE:-ci} seed=${SEED:-42} work=${OUT:-target/kill-demo}
# world, audit, base, experts, gate, publish, together, router, memory, server, reproduce
delays=(1 0.2 30 40 3 4 5 3 0.5 3 1)
[ $# -eq 0 ] || delays=("$@")

# demo NAME: runs in the foreground of its own process, replaced by the JVM.
demo() {
    export STOA_HOME=$PWD/$work/$1/home
    exec "$stoa" demo --size "$size" --seed "$seed" --out "$work/$1/out"
}

# finish NAME: to the end. Claims may fail (exit 1), the run may not.
finish() {
    local status=0
    (demo "$1") > "$work/$1/last.log" 2>&1 || status=$?
    if [ "$status" -gt 1 ] || [ ! -f "$work/$1/out/report.json" ]; then
        echo "the demo did not reach its end (exit $status):"
        tail -n 20 "$work/$1/last.log"
        exit 1
    fi
}

# Phases that this start has finished or found done.
passed() { grep -cE '^.{28} +[0-9]+\.[0-9] s(  slow|  done before)?$' "$1" || true; }

# whole FILE: a safetensors file is as long as its header says; JSON ends with its closing bracket.
whole() {
    local bytes header end
    case $1 in
        *.safetensors)
            bytes=$(stat -c %s "$1")
            header=$(head -c 8 "$1" | od -An -tu8 | tr -d ' ')
            [ -n "$header" ] && [ "$header" -le "$bytes" ] || return 1
            end=$(tail -c +9 "$1" | head -c "$header" | grep -oE '"data_offsets": ?\[[0-9]+, ?[0-9]+' | grep -oE '[0-9]+$' | sort -n | tail -n 1)
            [ "$bytes" -eq $((8 + header + ${end:-0})) ] ;;
        *.json) case $(tr -d ' \n' < "$1" | tail -c 1) in '}' | ']') ;; *) return 1 ;; esac ;;
    esac
}

# Hidden names are the writers' temporary ones.
check() {
    local file files=0 bad=0
    while IFS= read -r -d '' file; do
        files=$((files + 1))
        whole "$file" || { echo "half-written: $file"; bad=1; }
    done < <(find "$1" -name '.*' -prune -o -type f \( -name '*.safetensors' -o -name '*.json' \) -print0)
    [ "$bad" -eq 0 ] || exit 1
    echo "$files"
}

# result NAME: everything that must be equal. Times, details with times in them and places do not count.
result() {
    local home=$work/$1/home out=$work/$1/out
    awk '/^  "claims"/ {on = 1} /^  "tables"/ {on = 0} on' "$out/report.json" | grep -v '"detail"'
    # the directory is named after the code that trained the base, and two builds of it need not have equal bytes
    (cd "$home/cache/bases" && find . -name '*.safetensors' -exec sha256sum {} + | sed 's|  \./[^/]*/|  |' | sort -k 2)
    (cd "$out/experts" && find . -name '*.safetensors' -exec sha256sum {} + | sort -k 2)
    (cd "$out/router/$(cat "$out/router/current")" && sha256sum head.safetensors)
}

mkdir -p "$work/plain" "$work/killed"
"$stoa" version > /dev/null # builds, where that is due
if [ ! -f "$work/plain/out/report.json" ]; then
    echo "undisturbed run"
    finish plain
fi
rm -rf "${work:?}/killed"
mkdir -p "$work/killed"
kills=0 inside=0
for phase in "${!delays[@]}"; do
    log=$work/killed/start-$phase.log
    (demo killed) > "$log" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2> /dev/null && [ "$(passed "$log")" -lt "$phase" ]; do sleep 0.1; done
    sleep "${delays[$phase]}"
    if ! kill -9 "$pid" 2> /dev/null; then
        wait "$pid" && status=0 || status=$?
        if [ "$status" -gt 1 ]; then
            echo "the demo ended by itself (exit $status) before phase $((phase + 1)) was killed:"
            tail -n 20 "$log"
            exit 1
        fi
        echo "phase $((phase + 1)) ended before it could be killed"
        break
    fi
    wait "$pid" 2> /dev/null || true
    kills=$((kills + 1))
    [ "$(passed "$log")" -ne "$phase" ] || inside=$((inside + 1))
    files=$(check "$work/killed") || { echo "$files"; exit 1; }
    echo "killed ${delays[$phase]} s into phase $((phase + 1)), $(passed "$log") phases done, $files files whole"
done
finish killed
check "$work/killed" > /dev/null
result plain > "$work/plain/result"
result killed > "$work/killed/result"
if ! diff "$work/plain/result" "$work/killed/result"; then
    echo "the killed run ended otherwise than the undisturbed one (< undisturbed, > killed)"
    exit 1
fi
echo "$kills kills, $inside of them inside the phase they were meant for; $(grep -c '"id"' "$work/plain/result") claims and" \
    "$(grep -c 'safetensors' "$work/plain/result") files equal"
