import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCopyright } from './licenses.ts';
import { compareSources, formatSources, parseSources, sourceKey, sourcesOf, type Source } from './sources.ts';
import type { Component } from './types.ts';

const word = fc.stringMatching(/^[a-z0-9+.~:"(),-]{1,8}$/);
const component: fc.Arbitrary<Component> = fc.record(
  {
    ...{ type: fc.constantFrom('deb', 'rpm'), name: word, version: word },
    ...{ source: fc.record({ name: word, version: word }), license: word },
  },
  { requiredKeys: ['type', 'name', 'version'] },
);

test('what is written is read again, and every package is with its source', () => {
  fc.assert(
    fc.property(fc.array(component), (components) => {
      const sources = sourcesOf(components);
      expect(parseSources(formatSources(sources))).toEqual(sources);
      for (const { type, name, version, source = { name, version } } of components)
        expect(
          sources.find((each) => sourceKey(each) === sourceKey({ type, ...source }))!.packages,
        ).toContain(name);
    }),
  );
});

test('a comparison says which are in one only, whatever the packages', () => {
  const source = (name: string, version: string): Source => ({
    ...{ type: 'deb', name, version, packages: [], licenses: [] },
  });
  const [a, b, newer] = [source('a', '1'), source('b', '1'), source('b', '2')];
  const compared = compareSources([a, b], [{ ...a, packages: ['x'] }, newer]);
  expect(compared).toEqual({ same: 1, onlyFirst: [b], onlySecond: [newer] });
});

test('licences are read from the machine-readable form only', () => {
  const machine = `Format: https://www.example.org/copyright-format/1.0/
Source: x

Files: *
License: GPL-2+

Files: debian/*
License: Expat
 Permission is hereby granted

License: GPL-2+
 On Debian systems
`;
  expect(parseCopyright(machine)).toBe('GPL-2+ AND Expat');
  expect(parseCopyright('This is x.\nLicense: see below\n')).toBeUndefined();
});

test('a list that is none says where', () => {
  expect(() => parseSources('name\n')).toThrow(/^line 1/);
  expect(() => parseSources('type,name,version,packages,licenses\ndeb,a,1,,\ndeb,b\n')).toThrow(/^line 3/);
});
