# shellcheck shell=bash
# Starts, awaits and stops the processes of one stack. A process carries the name of its part and
# the folder of its stack in its environment; that, not the number in a file, says what it is.

# From a machine busy with compiling the registry alone may take a minute. A part that dies is
# noticed at once, so only one that hangs takes this long.
start_limit_ms=120000
stop_limit_ms=30000
log_limit_bytes=10000000

log_of() { printf '%s' "$var/log/$1.log"; }

# pid_of NAME prints the process id of that part of this stack, or fails when it does not run: a
# pid file that outlived its process, or whose number another process got, counts as not running.
pid_of() {
  local pid
  pid=$(cat "$var/run/$1.pid" 2>/dev/null) && [[ $pid =~ ^[0-9]+$ ]] || return 1
  grep -qszxF "TAKEAWAY_PART=$1" "/proc/$pid/environ" &&
    grep -qszxF "TAKEAWAY_VAR=$var" "/proc/$pid/environ" && printf '%s' "$pid"
}

# report NAME WHAT TIME prints one line of a table.
report() { printf '  %-12s %-24s %8s\n' "$@"; }

# die_of NAME TEXT... dies showing the end of that part's log.
die_of() {
  local name=$1 log
  shift
  log=$(log_of "$name")
  if [[ -s $log ]]; then
    printf '\nThe last lines of %s:\n' "$log" >&2
    tail -n 20 "$log" | cut -c 1-400 >&2
  fi
  die "$@"
}

# port_open PORT: something on this machine accepts connections there.
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# port_stays_open PORT: it is open, and not only for the moment that a killed process takes to let
# go of it.
port_stays_open() {
  local _
  for _ in {1..60}; do
    port_open "$1" || return
    sleep 0.05
  done
}

# require_free_ports NAME dies when another program has one of that part's ports.
require_free_ports() {
  local name=$1 port_name number owner
  for port_name in $(ports_of "$name"); do
    number=$(port "$port_name")
    port_stays_open "$number" || continue
    owner=$(ss -ltnpH "sport = :$number" 2>/dev/null |
      sed -n 's/.*users:((\("[^"]*"\),pid=\([0-9]*\).*/\1, pid \2/p' | head -n 1)
    die_of "$name" "$name cannot start: port $number ($port_name) is taken by" \
      "${owner:-a program of another user}. Stop that program, or put this stack beside it," \
      "for example: TAKEAWAY_PORT_OFFSET=$(((offset + 2000) % offset_maximum)) deploy/local up"
  done
}

# fresh_tmp NAME prints an empty folder for that part's temporary files. A process that is killed
# leaves its own behind, a few MB each time.
fresh_tmp() {
  rm -rf "${var:?}/tmp/$1"
  mkdir -p "$var/tmp/$1"
  printf '%s' "$var/tmp/$1"
}

# spawn NAME COMMAND... starts it in the background so that it outlives the terminal: a session
# of its own, nothing on its standard input, its output in its log, the stack's lock not inherited.
spawn() {
  local name=$1 log
  shift
  log=$(log_of "$name")
  if [[ -f $log ]] && (($(stat -c %s "$log") > log_limit_bytes)); then mv "$log" "$log.1"; fi
  (
    cd "$var" && exec setsid env TAKEAWAY_PART="$name" TAKEAWAY_VAR="$var" "$@"
  ) </dev/null >>"$log" 2>&1 9>&- &
  printf '%s\n' "$!" >"$var/run/$name.pid"
}

# await NAME SINCE_MS waits until that part is ready. Dies when the part does, or when the limit
# is over.
await() {
  local name=$1 since=$2 pid
  pid=$(<"$var/run/$name.pid")
  until is_ready "$name"; do
    # A dead process that nobody has waited for still has a number, but no program.
    if [[ ! -e /proc/$pid/exe ]]; then
      die_of "$name" "$name died before it was ready. Mend what its log says, then run" \
        "deploy/local up $name"
    fi
    if (($(now_ms) - since > start_limit_ms)); then
      die_of "$name" "$name (pid $pid) runs but was not ready after $(seconds_since "$since")." \
        "Look at its log; deploy/local down $name, then deploy/local up $name starts it anew."
    fi
    sleep 0.1
  done
}

# stop NAME... asks those parts to end, waits, and kills those that do not. Data stays.
stop() {
  local name pid since=() names=() i
  for name in "$@"; do
    if pid=$(pid_of "$name"); then
      kill -TERM "$pid" 2>/dev/null || true
      names+=("$name") since+=("$(now_ms)")
    else
      rm -f "$var/run/$name.pid"
    fi
  done
  for i in "${!names[@]}"; do
    name=${names[i]}
    while pid=$(pid_of "$name"); do
      if (($(now_ms) - since[i] > stop_limit_ms)); then
        say "$name did not end in $((stop_limit_ms / 1000)) s: killing it"
        kill -KILL "$pid" 2>/dev/null || true
      fi
      sleep 0.05
    done
    rm -f "$var/run/$name.pid"
    report "$name" stopped "$(seconds_since "${since[i]}")"
  done
}
