/** A workspace that uses every shipped content hook, and hooks that look at what came of it from inside the tree. */

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

export const CONFIG = `
[refine]
packages_add =
    dbus
    dconf-cli
    gsettings-desktop-schemas
    libglib2.0-bin
    locales
    python3-minimal
    systemd
    tzdata
hooks_add = 15-initrd
[image]
hooks_add = 05-files 10-sysusers.chroot 11-tmpfiles.chroot 80-ldconfig.chroot 85-updates-done
language = es_MX.UTF-8
locales_add = sr_RS.utf8@latin fr_FR.UTF-8
timezone = America/Mexico_City
hostname = biblioteca
xkb_layout = latam,us
xkb_variant = nodeadkeys
settings_add = data/content/settings
settings_locks_add = data/content/locks
branding_desktop_background = data/content/picture.png
branding_fbe_config = data/content/vendor.conf
initramfs_plymouth_watermark = data/content/picture.png
initramfs_append = data/content/initramfs
chromium_policies_managed_add = data/content/managed.json
chromium_policies_recommended_add = data/content/recommended.json
icon_grid_add = data/content/grid.json data/content/more.json
presets_enable_add = wanted.service
presets_disable_add = unwanted.service
[manifest]
hooks_add = 90-look.chroot 90-files
`;

/** Keyfiles that dconf takes, and such that it does not. */
export const KEYFILES = [
  ...[
    ...[
      "'a'",
      '"a"',
      "'it\\'s'",
      '1',
      '-5',
      '0x1f',
      '1.5',
      '.5e3',
      'inf',
      'true',
      '[]',
      "['a', 'b']",
      '[1, 2.5]',
    ],
    ...['(1,)', "('a', 1)", '()', '{}', "{'a': 1, 'b': 2}", "{'a', 1}", "<'a'>", "[<1>, <'a'>]", '@as []'],
    ...[
      'uint32 5',
      "@a{sv} {'x': <1>}",
      "b'bytes'",
      'just 5',
      '@ms nothing',
      "objectpath '/a'",
      '<[]>',
      '<@as []>',
    ],
    ...[
      '[(1, true), (2, false)]',
      '  1  ',
      '[[], [1]]',
      '([], 1)',
      "{'a': []}",
      "[@as [], ['a']]",
      'nothing',
    ],
    ...[
      'a',
      "'a",
      '1a',
      '[1',
      "[1, 'a']",
      '[1 2]',
      '(1)',
      '(1 2)',
      "{'a' 1}",
      "{'a': 1,",
      '<1',
      '1 2',
      '@zz 1',
      '',
    ],
    ...[
      'uint32 true',
      "{['a']: 1}",
      'True',
      "'a' 'b'",
      '[true, 1]',
      '--1',
      '{1: }',
      'string 5',
      '[[1], 2]',
      '[1,]',
    ],
  ].map((value) => `[a]\nb=${value}\n`),
  ...[
    '[org/a]\n# x\n\nb=1\n',
    '[/]\nb=1\n',
    'b=1\n',
    '[a]\nb\n',
    '[a]\nb = 1\n',
    '[a/]\nb=1\n',
    '[/a]\nb=1\n',
    '[a]\nb/c=1\n',
    '[a]\n/b=1\n',
  ],
];

export const HOOKS = {
  'refine/15-initrd': `
mkdir "$OSMITH_WORK/i" && echo first > "$OSMITH_WORK/i/init"
(cd "$OSMITH_WORK/i" && echo init | cpio --quiet -o -H newc) | gzip -n | install -D -m 644 /dev/stdin "$OSMITH_TREE/boot/initrd.img-1"
mkdir -p "$OSMITH_TREE/etc/default"
`,
  // What packages of other makers would bring.
  'image/05-files': `
# osmith: data content/keyfiles
install_file 644 "$OSMITH_DATA/content/keyfiles" usr/share/keyfiles
printf 'u _probe 412 "Probe" /var/lib/probe\\n' | write_file usr/lib/sysusers.d/probe.conf
printf 'd /var/lib/probe 0750 _probe _probe\\nf /srv/no 0644 root root\\n' | write_file usr/lib/tmpfiles.d/probe.conf
for unit in wanted unwanted; do
  write_file "usr/lib/systemd/system/$unit.service" << EOF
[Service]
ExecStart=/bin/true
[Install]
WantedBy=multi-user.target
EOF
done
mkdir -p "$OSMITH_TREE/etc/systemd/system/multi-user.target.wants"
ln -s /usr/lib/systemd/system/unwanted.service "$OSMITH_TREE/etc/systemd/system/multi-user.target.wants"
`,
  'manifest/90-look.chroot': `#!/usr/bin/python3
import json, os, subprocess
from pathlib import Path

HOME = "/run/osmith/work/scratch"
ENV = {**os.environ, "HOME": HOME, "XDG_RUNTIME_DIR": HOME, "LC_ALL": "C.UTF-8", "DCONF_PROFILE": "user"}

def said(*argv, **more):
    done = subprocess.run(argv, env={**ENV, **more}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.rstrip("\\n") if done.returncode == 0 else f"exit {done.returncode}: {done.stdout}"

def tried(keyfile):
    Path(HOME, "try").mkdir(exist_ok=True)
    Path(HOME, "try/x").write_text(keyfile)
    return subprocess.run(["dconf", "compile", HOME + "/db", HOME + "/try"], env=ENV, capture_output=True).returncode == 0

look = {
    "locales": said("locale", "-a").split(),
    "month": said("date", "-d", "2024-05-01 12:00 UTC", "+%B %Z", LC_ALL="es_MX.UTF-8", TZ=":/etc/localtime"),
    "money": said("locale", "currency_symbol", LC_ALL="sr_RS.UTF-8@latin"),
    "settings": {key: said("dconf", "read", key) for key in [
        "/org/gnome/desktop/interface/clock-show-date", "/org/gnome/desktop/input-sources/sources",
        "/org/gnome/desktop/background/picture-uri", "/org/gnome/desktop/app-folders/folder-children",
        "/org/gnome/desktop/app-folders/folders/games/apps", "/org/gnome/shell/app-picker-layout"]},
    "locked": said("dconf", "list-locks", "/org/gnome/desktop/interface/"),
    "writable": [said("gsettings", "writable", "org.gnome.desktop.interface", key, GSETTINGS_BACKEND="dconf")
                 for key in ["clock-show-date", "clock-show-seconds"]],
    "policies": {str(path): json.loads(path.read_text()) for root in ["/etc/chromium", "/etc/opt/chrome"]
                 for path in sorted(Path(root).rglob("*.json"))},
    "presets": said("systemctl", "list-unit-files", "--no-legend", "wanted.service", "unwanted.service"),
    "user": said("getent", "passwd", "_probe"),
    "made": said("stat", "-c", "%A %U", "/var/lib/probe"),
    "srv": os.path.exists("/srv/no"),
    "libraries": said("ldconfig", "-p").splitlines()[0],
    "stamp": os.stat("/etc/.updated").st_mtime == os.stat("/usr").st_mtime,
    "keyboard": said("dbus-run-session", "--", "sh", "-c", '''
        export DBUS_SYSTEM_BUS_ADDRESS="$DBUS_SESSION_BUS_ADDRESS"
        /usr/lib/systemd/systemd-localed &
        gdbus wait --session --timeout 300 org.freedesktop.locale1
        for name in X11Layout X11Variant VConsoleKeymap Locale; do
          gdbus call --session --dest org.freedesktop.locale1 --object-path /org/freedesktop/locale1 \\
            --method org.freedesktop.DBus.Properties.Get org.freedesktop.locale1 "$name"
        done
        kill $!'''),
    "tried": [tried(keyfile) for keyfile in json.loads(Path("/usr/share/keyfiles").read_text())],
}
Path(os.environ["OSMITH_MANIFEST"], "look.json").write_text(json.dumps({"look": look}))
`,
  'manifest/90-files': `
for file in etc/hostname etc/hosts etc/locale.conf etc/default/locale etc/timezone etc/gnome-initial-setup/vendor.conf; do
  printf '%s' "\${list:+,}\\"$file\\": \\"$(tr '\\n' '|' < "$OSMITH_TREE/$file")\\""
  list=1
done > "$OSMITH_WORK/files"
echo "{\\"files\\": {$(cat "$OSMITH_WORK/files")}, \\"localtime\\": \\"$(readlink "$OSMITH_TREE/etc/localtime")\\"}" | manifest_fragment files.json
cp "$OSMITH_TREE/boot/initrd.img-1" "$OSMITH_WORK"
(cd "$OSMITH_WORK"; base64 -w0 initrd.img-1 > text; echo "{\\"initrd\\": \\"$(cat text)\\"}") | manifest_fragment initrd.json
`,
};

export const DATA = {
  settings: '[org/gnome/desktop/interface]\nclock-show-date=false\nclock-show-seconds=true\n',
  locks: '/org/gnome/desktop/interface/clock-show-date\n',
  'picture.png': PNG,
  'vendor.conf': '[pages]\nskip=language\n',
  'initramfs/etc/branding': 'ours\n',
  'managed.json': '{"HomepageLocation": "https://example.org/"}',
  'recommended.json': '{"BookmarkBarEnabled": true}',
  'grid.json': '{"desktop": ["org.gnome.Nautilus.desktop", "games"]}',
  'more.json': '{"games": ["sol.desktop", "it\'s.desktop"]}',
};
