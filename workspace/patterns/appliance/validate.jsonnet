// Looks whether an appliance is what it should be: pushed into a running machine, it changes nothing, and fails with
// the name of the first command that finds something wrong. `osmith test` does that.
local vars = std.extVar('vars');

// A check that does not hold is a failure: there is nothing to change.
local holds(id, check) = { id: id, check: check, change: 'echo "%s does not hold" >&2; exit 1' % id };
local program(name, arguments='--version') =
  holds('program ' + name, 'command -v %s > /dev/null && %s %s > /dev/null' % [name, name, arguments]);
local active(unit) = holds('unit ' + unit, 'systemctl is-active --quiet ' + unit);
local not_enabled(unit) = holds('no unit ' + unit, '! systemctl is-enabled --quiet ' + unit);

// Containers are run by the engine that refine.container_engine has enabled, under this unit.
local engines = {
  'docker.service': [
    program('docker'),
    program('containerd'),
    program('runc'),
    active('docker.service'),
    active('containerd.service'),
    holds('docker answers', 'docker info --format {{.Driver}} | grep -q overlay'),
  ],
  'podman.socket': [
    program('podman'),
    active('podman.socket'),
    holds('podman answers', 'podman info --format {{.Store.GraphDriverName}} | grep -q overlay'),
  ],
};
local enabled(unit) = 'systemctl is-enabled --quiet ' + unit;

{
  run: [
    // First: what follows is about a system that has finished starting.
    holds('everything has started', 'test "$(systemctl is-system-running --wait)" = running'),
    holds('container engine', std.join(' || ', [enabled(unit) for unit in std.objectFields(engines)])),
  ] + [
    command { check: 'if %s; then %s; fi' % [enabled(unit), super.check] }
    for unit in std.objectFields(engines)
    for command in engines[unit]
  ] + [
    program('busybox', '--list'),
    program('osmith-agent', 'version'),
    active('osmith-agent.service'),
    active('systemd-networkd.service'),
    active('systemd-resolved.service'),
    not_enabled('ssh.service'),
    holds('/usr is read-only', 'findmnt -no OPTIONS /usr | grep -qE "^ro(,|$)"'),
    // But for the agent, as long as it looks at the boot files.
    holds('nothing of the disk is mounted', |||
      ! findmnt -rno SOURCE,TARGET | grep -v " /run/osmith/boot$" | grep -E "^/dev/([hsv]d|nvme|mmcblk)"
    |||),
  ] + (
    if std.get(vars, 'secureBoot', false)
    then [holds('Secure Boot', 'od -An -tu1 -j4 -N1 /sys/firmware/efi/efivars/SecureBoot-* | grep -qw 1')]
    else []
  ),
}
