/** Keyfiles and locks of dconf databases. dconf itself says no more than that it cannot read one. */
import { readFileSync } from 'node:fs';
import { placeText } from '../../config/fault.ts';
import type { CheckedFile, Finding } from './types.ts';
import { variantFault } from './gvariant.ts';

interface Setting {
  key: string;
  value: string;
  at: { file: string; line: number };
}

/** `/a/b`, but not `/`, `//` or `/a/`. */
function isKey(path: string): boolean {
  return /^(?:\/[^/]+)+$/u.test(path);
}

/** What is wrong with `key=value` below a group, and what to do. */
function entryFault(group: string | undefined, key: string, value: string): [string, string] | undefined {
  if (group === undefined)
    return [
      `The key ${key} stands before any [path]`,
      'Write one above, such as [org/gnome/desktop/background]',
    ];
  if (!isKey(keyPath(group, key)))
    return [`${key} is no key below [${group}]`, 'The path stands in [brackets] above the key'];
  const fault = variantFault(value);
  return fault === undefined
    ? undefined
    : [
        `The value of ${key} is wrong: ${fault}`,
        "Write it as `gsettings get` prints it, such as 'text', true or ['a', 'b']",
      ];
}

function keyPath(group: string, key: string): string {
  return group === '' ? `/${key}` : `/${group}/${key}`;
}

/** What a keyfile sets; what is wrong with it goes to `findings`. */
function readKeyfile({ file }: CheckedFile, findings: Finding[]): Setting[] {
  const settings: Setting[] = [];
  let group: string | undefined;
  for (const [index, raw] of readFileSync(file, 'utf8').split('\n').entries()) {
    const text = raw.trim();
    if (text === '' || text.startsWith('#')) continue;
    const at = { file, line: index + 1 };
    const tell = (message: string, hint: string) => findings.push({ message, hint, where: at });
    const heading = /^\[([^[\]]*)\]$/u.exec(text)?.[1];
    const [, key, value] = /^([^=[\]]*[^=[\]\s])\s*=\s*(.*)$/u.exec(text) ?? [];
    if (heading !== undefined) {
      group = heading === '/' ? '' : heading;
      if (group !== '' && !isKey(`/${group}`))
        tell(
          `[${heading}] is no path of a dconf database`,
          'Write one such as [org/gnome/desktop/background]',
        );
    } else if (key === undefined || value === undefined) {
      tell(
        `Neither [path] nor key=value: ${text}`,
        'A keyfile of dconf has [paths] with key=value below them',
      );
    } else {
      const fault = entryFault(group, key, value);
      if (fault === undefined) settings.push({ key: keyPath(group!, key), value, at });
      else tell(...fault);
    }
  }
  return settings;
}

/** Keyfiles that can be read, and that do not contradict each other. */
export function checkDconf(files: CheckedFile[]): Finding[] {
  const findings: Finding[] = [];
  const seen = new Map<string, Setting>();
  for (const setting of files.flatMap((file) => readKeyfile(file, findings))) {
    const other = seen.get(setting.key);
    seen.set(setting.key, setting);
    if (other === undefined || other.value === setting.value) continue;
    findings.push({
      message: `${setting.key} is ${setting.value} here, but ${other.value} at ${placeText(other.at)}`,
      hint: 'Take one of the two away; the order of the files does not say which of them counts',
      where: setting.at,
    });
  }
  return findings;
}

/** Files of paths that users cannot change, one a line. */
export function checkLocks(files: CheckedFile[]): Finding[] {
  return files.flatMap(({ file }) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((raw, index): Finding[] => {
        const text = raw.trim();
        if (text === '' || text.startsWith('#') || isKey(text)) return [];
        return [
          {
            message: `${text} is no key of a dconf database`,
            hint: 'Write one key a line, such as /org/gnome/desktop/background/picture-uri',
            where: { file, line: index + 1 },
          },
        ];
      }),
  );
}
