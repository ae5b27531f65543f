import { OsmithError } from '../errors.ts';
import type { Source } from './model.ts';
import { strip } from './text.ts';

export const SET = '--set';

/** `section.option=value` as a file of its own. The section ends at the first dot. */
export function parseSetting(setting: string, index: number): Source {
  const [, section, option, value] = /^([^.=]+)\.([^=]+)=(.*)$/su.exec(setting) ?? [];
  if (section === undefined || option === undefined || value === undefined) {
    throw new OsmithError('E_USAGE', `--set cannot read ${JSON.stringify(setting)}`, {
      hint: 'Write --set section.option=value',
    });
  }
  const options = new Map([[strip(option).toLowerCase(), { value: strip(value), line: index + 1 }]]);
  return {
    ini: {
      file: SET,
      sections: new Map([[strip(section), { line: index + 1, options }]]),
      defaults: new Map(),
      faults: [],
    },
    layer: { file: SET, namespace: `set_${index + 1}`, private: false, attributes: [] },
  };
}
