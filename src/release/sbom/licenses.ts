/** Licences that Debian's packages state, from the machine-readable form of their copyright files (DEP 5). */
import type { Component } from './types.ts';

const COPYRIGHT = /^usr\/share\/doc\/([^/]+)\/copyright$/;

/** Whether a file says under which licences a package is. */
export function tellsLicenses(path: string): boolean {
  return COPYRIGHT.test(path);
}

/** `Apache-2.0 AND GPL-2+`: short names by DEP 5, in the order of the file. Undefined: it is prose. */
export function parseCopyright(text: string): string | undefined {
  if (!/^Format:\s*https?:\/\/\S*(?:copyright-format|dep5|dep\/5)/im.test(text.slice(0, 2000)))
    return undefined;
  const names = [...text.matchAll(/^License:[ \t]*(\S.*?)[ \t]*$/gim)].map(([, name]) => name!);
  return names.length === 0 ? undefined : [...new Set(names)].join(' AND ');
}

/** Adds to packages that state no licence themselves what the files of the system, by path, say. */
export function withLicenses(
  components: readonly Component[],
  files: ReadonlyMap<string, Buffer>,
): Component[] {
  return components.map((component) => {
    const file = files.get(`usr/share/doc/${component.name}/copyright`);
    const license = component.license ?? (file && parseCopyright(file.toString('utf8')));
    return license === undefined ? component : { ...component, license };
  });
}
