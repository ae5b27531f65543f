/** Values of options that must be right by themselves, or together. */
import { readFileSync } from 'node:fs';
import { keyboardFault } from '../../config/names.ts';
import { words } from '../../config/text.ts';
import type { CheckedFile, CheckedOption, Finding } from './types.ts';

export function checkKeyboard(layout: CheckedOption, variant: CheckedOption): Finding[] {
  if (layout.value === '') {
    return [
      {
        message: `${variant.name} is set, but ${layout.name} is not: ${variant.value}`,
        hint: `A variant belongs to a layout: set ${layout.name} too`,
        where: variant.where(),
      },
    ];
  }
  const fault = keyboardFault(layout.value, variant.value);
  if (fault === undefined) return [];
  const option = fault.option === 'layout' ? layout : variant;
  return [
    { message: `${option.name} has invalid value: ${fault.text}`, hint: fault.hint, where: option.where() },
  ];
}

/** Labels of letters, digits and -, with dots between them; Linux has room for 64 characters. */
export function checkHostname({ name, value, where }: CheckedOption): Finding[] {
  const isName =
    /^(?=.{1,64}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/iu;
  if (isName.test(value)) return [];
  const hint = 'Use letters, digits and - in between; at most 64 characters';
  return [{ message: `${name} is no name of a machine: ${value}`, hint, where: where() }];
}

const UNIT =
  /^[\w:.\\@*?[\]-]+\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$/u;

/** Names of units, none of them in both. */
export function checkPresets(enable: CheckedOption, disable: CheckedOption): Finding[] {
  const bad = [enable, disable].flatMap(({ name, value, where }) =>
    words(value)
      .filter((unit) => !UNIT.test(unit))
      .map((unit) => ({
        message: `${name} has no unit of systemd: ${unit}`,
        hint: 'Write its whole name, such as ssh.service',
        where: where(unit),
      })),
  );
  const both = words(enable.value).filter((unit) => words(disable.value).includes(unit));
  return [
    ...bad,
    ...both.map((unit) => ({
      message: `${unit} is in ${enable.name} and in ${disable.name}`,
      hint: 'Take it out of one of them, for example with _del',
      where: disable.where(unit),
    })),
  ];
}

/** What GNOME's first-boot program reads: it must have a language, or not ask for one. */
export function checkInitialSetup(files: CheckedFile[]): Finding[] {
  return files.flatMap(({ file }): Finding[] => {
    const text = readFileSync(file, 'utf8');
    const bad = text.split('\n').findIndex((line) => !/^\s*(?:$|#|\[[^[\]]+\]\s*$|[^=\s][^=]*=)/u.test(line));
    if (bad >= 0) {
      const hint = 'Write [groups] with key=value below them';
      return [{ message: 'This is no line of a keyfile', hint, where: { file, line: bad + 1 } }];
    }
    if (/^\s*initial_languages\s*=/mu.test(text) || /^\s*skip\s*=.*\blanguage\b/mu.test(text)) return [];
    const hint = 'Write initial_languages=LOCALE;... in the group [Language], or skip=language in [pages]';
    return [{ message: 'Neither says which languages to offer nor skips that page', hint, where: { file } }];
  });
}

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

export function checkPng(files: CheckedFile[]): Finding[] {
  return files
    .filter(({ file }) => !readFileSync(file).subarray(0, PNG.length).equals(PNG))
    .map(({ file, option }) => ({
      message: `${option.name} names a file that is no PNG image`,
      hint: 'Convert it, for example with ImageMagick: convert FILE FILE.png',
      where: { file },
    }));
}
