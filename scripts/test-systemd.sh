#!/bin/bash
# Follows docs/systemd.md literally under a real systemd, and shows what the service does there.
#
# systemd runs as process 1 of namespaces of its own (processes, mounts, network, IPC, host name, cgroups), upon an overlay
# of this machine's files: nothing outside changes, and there is no network but loopback. Everything ends with process 1.
# Needs root, overlayfs, cgroup v2, systemd, openssl, npm and the built dependencies; npm takes those of the package from
# its cache (npm ci fills it). Usage: scripts/test-systemd.sh
set -euo pipefail

SELF=$(realpath "$0")
REPOSITORY=$(dirname "$(dirname "$SELF")")
CLEAN_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# --- in the new namespaces -------------------------------------------------------------------------------------------

enter_cgroup() {
  mount -t tmpfs -o mode=0755 tmpfs "$WORK"
  mkdir "$WORK"/{upper,overlay,root,cgroup}
  cp "$PACKAGES"/*.tgz "$WORK/upper/"
  mount -t cgroup2 cgroup2 "$WORK/cgroup"
  mkdir "$WORK/cgroup/$GROUP"
  echo 0 > "$WORK/cgroup/$GROUP/cgroup.procs"
  umount "$WORK/cgroup"
  exec unshare --cgroup "$SELF" --boot
}

boot() {
  local root=$WORK/root
  mount -t overlay -o "lowerdir=/,upperdir=$WORK/upper,workdir=$WORK/overlay" overlay "$root"
  mount --bind -o ro "$REPOSITORY" "$root$REPOSITORY"
  mount -t proc proc "$root/proc"
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount -o remount,ro,bind "$root/proc/sys"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
  for node in null zero full random urandom tty; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
  done
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
  mount -t tmpfs tmpfs "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  mount -t tmpfs -o mode=0755 tmpfs "$root/run"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  # No unit of this machine starts, and no journal of it is seen.
  rm -rf "$root"/etc/systemd/system/* "$root/var/log/journal"
  mkdir -p "$root/var/log/journal"
  : > "$root/etc/machine-id"
  : > "$root/etc/fstab"
  cd "$root"
  mkdir .old
  pivot_root . .old
  cd /
  umount --lazy /.old
  rmdir /.old
  # Credentials are mounted in a namespace of their own and must be seen here; in a container systemd does not see to it.
  mount --make-rshared /
  ip link set lo up
  exec env -i container=unshare PATH="$CLEAN_PATH" \
    setpriv --inh-caps -all --bounding-set -sys_module,-sys_time,-sys_boot,-sys_rawio,-syslog,-wake_alarm \
    /lib/systemd/systemd --unit=basic.target --log-target=journal --show-status=0
}

case "${1:-}" in
  --enter) enter_cgroup ;;
  --boot) boot ;;
esac

# --- outside ---------------------------------------------------------------------------------------------------------

[ "$(id -u)" = 0 ] || { echo "This needs root." >&2; exit 2; }
export GROUP=misp-herald-test-$$
WORK=$(mktemp -d) PACKAGES=$(mktemp -d)
export WORK PACKAGES
INIT="" OUTER="" FAILED=0

clean_up() {
  local code=$?
  trap - EXIT INT TERM
  if [ $code != 0 ] && [ -n "$INIT" ]; then
    inside journalctl --no-pager -o short-monotonic -n 60 || true
  fi
  # Process 1 dies with unshare, and everything else with process 1.
  [ -z "$OUTER" ] || kill -KILL "$OUTER" 2> /dev/null || true
  [ -z "$OUTER" ] || wait "$OUTER" 2> /dev/null || true
  unshare --mount bash -c '
    mount -t cgroup2 cgroup2 "$WORK"
    for i in $(seq 50); do
      [ -d "$WORK/$GROUP" ] || break
      find "$WORK/$GROUP" -depth -type d -exec rmdir {} + 2> /dev/null || sleep 0.1
    done' || true
  rm -rf "$WORK" "$PACKAGES"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
now() { echo "${EPOCHREALTIME/./}"; }
since() { printf '%d.%01d s' $((($(now) - $1) / 1000000)) $((($(now) - $1) / 100000 % 10)); }
# In the namespaces, as root.
inside() {
  nsenter --target "$INIT" --all -- env -i PATH="$CLEAN_PATH" HOME=/root LANG=C.UTF-8 TERM=dumb SYSTEMD_PAGER=cat \
    npm_config_offline=true npm_config_loglevel=error npm_config_update_notifier=false "$@"
}
good() { printf '   ok    %s\n' "$*"; }
bad() { printf '   \033[31mFAIL\033[0m  %s\n' "$*"; FAILED=$((FAILED + 1)); }
# expect SENTENCE COMMAND…: it succeeds
expect() { local sentence=$1; shift; if "$@" > /dev/null 2>&1; then good "$sentence"; else bad "$sentence: $*"; fi; }
# soon SENTENCE SECONDS COMMAND…: it succeeds before so long
soon() {
  local sentence=$1 seconds=$2 from; shift 2; from=$(now)
  until "$@" > /dev/null 2>&1; do
    if (($(now) - from > seconds * 1000000)); then bad "$sentence: not within $seconds s: $*"; return; fi
    sleep 0.1
  done
  good "$sentence ($(since "$from"))"
}
# The sh blocks of sections of the page, in one shell.
page() {
  local commands="" section
  for section in "$@"; do
    commands+=$(awk -v title="## $section" '$0 ~ /^## /{on = $0 == title} /^```/{if (code) code = 0; else code = ($0 == "```sh"); next} on && code' \
      "$REPOSITORY/docs/systemd.md")$'\n'
  done
  inside bash -euxc "cd /; $commands" 2>&1 | sed 's/^/   /'
}
prop() { inside systemctl show -P "$1" misp-herald; }
is() { [ "$(prop "$1")" = "$2" ]; }
status_has() { prop StatusText | grep -qE "$1"; }
peers() { inside curl -fsS "http://127.0.0.1:8080/$1"; }
peers_say() { peers state | grep -q "$1"; }
is_active() { is ActiveState active; }
pid_is_new() { [ "$(prop MainPID)" != "$1" ] && [ "$(prop MainPID)" != 0 ] && is_active; }
configure() { # extra lines
  inside bash -c 'cat > /etc/misp-herald/config.yaml' << END
misp:
  cert:
    url: https://misp.example.org
    feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] }
destinations:
  hook:
    type: webhook
    url: http://127.0.0.1:8080/hook
    secret: "\${credential:webhook_secret}"
    guard: { max_tlp: red }
routes:
  - { name: all, notify: hook, group: { interval: 0s } }
${1:-}
END
}

say "The package"
cd "$REPOSITORY"
npm run --silent package -- --silent --pack-destination "$PACKAGES"
systemd-analyze verify systemd/misp-herald.service && good "systemd-analyze verify says nothing"
systemd-analyze security --offline=true --no-pager systemd/misp-herald.service | tail -1

say "systemd as process 1"
setpriv --pdeathsig KILL \
  unshare --mount --uts --ipc --net --pid --fork --kill-child --propagation private "$SELF" --enter &
OUTER=$!
for _ in $(seq 100); do
  INIT=$(cat "/proc/$OUTER/task/$OUTER/children" 2> /dev/null || true)
  INIT=${INIT%% *}
  [ -n "$INIT" ] && [ "$(cat "/proc/$INIT/comm" 2> /dev/null)" = systemd ] && break
  sleep 0.1
done
soon "it runs" 30 inside systemctl is-system-running
inside systemctl --version | head -1

say "Install and configure, as the page says"
page Install Configure
expect "init made the folder 0750 and the configuration 0640, both root:misp-herald" inside bash -c \
  '[ "$(stat -c %a:%U:%G /etc/misp-herald /etc/misp-herald/config.yaml)" = "$(printf "750:root:misp-herald\n640:root:misp-herald")" ]'
expect "the service's user may read it, and no credential" inside runuser -u misp-herald -- bash -c \
  'misp-herald check && ! ls /etc/misp-herald/credentials'
inside bash -c 'useradd alice; useradd bob'
configure
expect "misp-herald check takes the configuration of this test" inside misp-herald check
inside systemd-run --quiet --unit=peers --property=ProtectSystem=no \
  node "$REPOSITORY/scripts/systemd-peers.mjs" "$REPOSITORY" /etc/misp-herald/credentials/webhook_secret
soon "the feed and the webhook of this test are there" 15 peers state

say "Start"
FROM=$(now)
page Start
echo "   (the section took $(since "$FROM"))"
expect "it is active" is_active
expect "it runs as misp-herald, and without a capability" inside bash -c "
  [ \$(stat -c %U:%G /proc/$(prop MainPID)) = misp-herald:misp-herald ] && grep -qx 'CapBnd:.0*' /proc/$(prop MainPID)/status"
soon "Status: says that the feed is connected" 10 status_has '^cert connected'
soon "the publisher has a subscriber" 10 peers_say '"subscribers":[1-9]'
peers 'publish?from=1&to=3' > /dev/null
soon "three publications are told, signed with the credential" 15 peers_say '"told":3,.*"forged":0'
soon "Status: counts the frames" 40 status_has '3 frames; 0 owed'
inside systemctl status --no-pager misp-herald | sed 's/^/   /'
expect "the socket is 0660 misp-herald:misp-herald" \
  inside bash -c '[ "$(stat -c %a:%U:%G /run/misp-herald/control.sock)" = 660:misp-herald:misp-herald ]'
expect "its directory is 0750, that of the state 0700" \
  inside bash -c '[ "$(stat -c %a /run/misp-herald /var/lib/misp-herald)" = "$(printf "750\n700")" ]'
expect "the state file is 0600" inside bash -c '[ "$(stat -c %a /var/lib/misp-herald/state.db)" = 600 ]'
expect "alice, of the group, may ask" inside runuser -u alice -- misp-herald status
expect "alice may not read the state" inside runuser -u alice -- bash -c '! ls /var/lib/misp-herald'
echo "   bob, who is in no group: $(inside runuser -u bob -- misp-herald status 2>&1 || true)"
expect "bob is told which group may" \
  inside bash -c 'runuser -u bob -- misp-herald status 2>&1 | grep -q "join the group misp-herald"'
peers 'mode?is=refuse' > /dev/null; peers 'publish?from=4&to=4' > /dev/null
soon "Status: says that the destination is suspended" 15 status_has '1 owed, hook SUSPENDED'
peers 'mode?is=good' > /dev/null

say "Reload"
PID=$(prop MainPID)
page "Change the configuration"
expect "reload succeeds, and it is the same process" is MainPID "$PID"
soon "the reload probes the destination that was mended: it is told, and no longer suspended" 15 status_has '0 owed$'
configure '  - { name: wrong, notify: nobody }'
if inside systemctl reload misp-herald 2>&1 | sed 's/^/   /'; then bad "a wrong configuration makes reload fail"
else good "a wrong configuration makes reload fail"; fi
expect "it is active, and the same process" is MainPID "$PID"
soon "Status: has the first problem" 10 status_has 'REJECTED: /etc/misp-herald/config.yaml:[0-9]+:[0-9]+'
echo "   Status: $(prop StatusText)"
inside journalctl --no-pager -o cat -t misp-herald -n 8 | grep -vE '^ *[0-9 ]*\|' | cut -c1-200 | sed 's/^/   journal: /'
configure
expect "reload of the right one succeeds" inside systemctl reload misp-herald
soon "and Status: says no more that one is rejected" 10 status_has '^cert connected'
expect "SIGHUP does as well" inside systemctl kill -s HUP --kill-whom=main misp-herald
soon "and it is active afterwards" 10 is_active

say "kill -9"
peers 'mode?is=hang' > /dev/null
peers 'publish?from=11&to=30' > /dev/null
soon "twenty are owed, and one attempt hangs" 20 inside bash -c \
  'misp-herald status --json | grep -q "\"owed\":20" && curl -fsS http://127.0.0.1:8080/state | grep -q "\"hanging\":[1-9]"'
FROM=$(now)
inside systemctl kill -s KILL --kill-whom=main misp-herald
peers 'mode?is=good' > /dev/null
soon "systemd restarts it" 30 pid_is_new "$PID"
soon "all twenty are told after it" 30 peers_say '"told":24,'
echo "   all was told $(since "$FROM") after the kill; $(peers state)"
expect "the socket that the dead process left is replaced" inside misp-herald status

say "Watchdog (WatchdogSec=6s for this test)"
inside bash -c 'printf "[Service]\nWatchdogSec=6s\n" > /etc/systemd/system/misp-herald.service.d/test.conf; systemctl daemon-reload; systemctl restart misp-herald'
expect "it is active" is_active
PID=$(prop MainPID) CPU=$(prop CPUUsageNSec)
sleep 13
echo "   13 s with 4 pings took $((($(prop CPUUsageNSec) - CPU) / 1000000)) ms of CPU"
expect "it outlives its watchdog twice while it works" is MainPID "$PID"
for way in stopped blocked; do
  PID=$(prop MainPID) FROM=$(now)
  if [ $way = stopped ]; then inside kill -STOP "$PID"; else
    inside node "$REPOSITORY/scripts/systemd-block.mjs" "$REPOSITORY" "$PID"
    expect "the event loop is blocked: nobody answers" \
      inside bash -c '! timeout 2 misp-herald status'
  fi
  soon "a $way process is ended and started again" 40 pid_is_new "$PID"
  soon "and hears the feed" 15 status_has '^cert connected'
done
inside journalctl --no-pager -o cat -u misp-herald | grep -iE 'watchdog|result' | tail -8 | sed 's/^/   /'

say "Stop, while a destination hangs"
soon "the publisher has a subscriber" 10 peers_say '"subscribers":[1-9]'
peers 'mode?is=hang' > /dev/null; peers 'publish?from=31&to=31' > /dev/null
soon "an attempt hangs" 15 peers_say '"hanging":[1-9]'
FROM=$(now)
inside systemctl stop misp-herald
TOOK=$(since "$FROM")
expect "it stopped by itself, in $TOOK" is Result success
expect "no socket is left" inside bash -c '[ ! -e /run/misp-herald/control.sock ]'
peers 'mode?is=good' > /dev/null
inside systemctl start misp-herald
soon "what was owed is told" 15 peers_say '"told":25,.*"forged":0'

say "Logs"
page Logs
expect "the journal has the lines of the service" \
  inside bash -c 'journalctl -u misp-herald -o cat | grep -q "Connected to MISP"'
expect "under its name" inside bash -c '[ "$(journalctl -t misp-herald -o cat | wc -l)" -gt 5 ]'
expect "with priorities: -p err finds the configuration that was refused" \
  inside bash -c 'journalctl -t misp-herald -p err -o cat | grep -q "configuration is rejected"'
echo "   lines by priority: $(inside bash -c 'journalctl -t misp-herald -o json | grep -o "\"PRIORITY\":\"[0-7]\"" | sort | uniq -c | tr -s " \n" " "')"
echo "   what the service has cost: $(prop CPUUsageNSec) ns of CPU, $(inside bash -c "grep VmHWM /proc/$(prop MainPID)/status")"

say "Upgrade and uninstall, as the page says"
page Upgrade
expect "it is active" is_active
page Uninstall
expect "nothing of it is left" inside bash -c \
  '! ls -d /etc/misp-herald /var/lib/misp-herald /run/misp-herald /etc/systemd/system/*misp-herald* /usr/bin/misp-herald /usr/local/bin/misp-herald 2> /dev/null | grep . && ! getent passwd misp-herald && ! getent group misp-herald'

say "$([ "$FAILED" = 0 ] && echo "All is as it should be" || echo "$FAILED FAILED")"
[ "$FAILED" = 0 ]
