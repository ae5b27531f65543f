import { expect, test } from 'vitest';
import { byNature, byRuntime } from './apps.ts';
import { appTables, totals } from './tables.ts';
import { treemapPage } from './treemap.ts';
import { trim } from './trim.ts';
import type { ResolvedRef } from './types.ts';

function ref(name: string, downloadSize: number, more: Partial<ResolvedRef> = {}): ResolvedRef {
  return {
    ...{ ref: name, remote: 'hub', commit: '0'.repeat(64), subpaths: [], downloadSize },
    ...{ installedSize: downloadSize * 3, runtime: '', relatedTo: [], extraData: [], eol: '', eolRebase: '' },
    ...more,
  };
}

const GNOME = 'runtime/org.gnome.Platform/x86_64/48';
const KDE = 'runtime/org.kde.Platform/x86_64/6';
const on = (runtime: string) => ({ runtime });
const of = (...relatedTo: string[]) => ({ relatedTo });

const REFS = [
  ref('app/org.gnome.Maps/x86_64/stable', 5_000_000, on(GNOME)),
  ref('runtime/org.gnome.Maps.Locale/x86_64/stable', 400_000, of('app/org.gnome.Maps/x86_64/stable')),
  ref('app/org.example.Story.es/x86_64/stable', 90_000_000, on(GNOME)),
  ref('app/org.kde.kstars/x86_64/stable', 80_000_000, on(KDE)),
  ref('app/org.kde.gcompris/x86_64/stable', 120_000_000, on(KDE)),
  ref(GNOME, 300_000_000, of('app/org.gnome.Maps/x86_64/stable')),
  ref('runtime/org.gnome.Platform.Locale/x86_64/48', 20_000_000, of(GNOME)),
  // Asked for as an extension of another, but an app runs on it.
  ref(KDE, 280_000_000, of(GNOME)),
  ref('runtime/org.gtk.Theme/x86_64/3', 999, of()),
];

/** Names in the order in which they are shown. */
const shown = (groups: ReturnType<typeof byRuntime>) =>
  groups.map(({ title, items }) => [
    title,
    ...items.flatMap(({ ref: each, extensions }) =>
      [each, ...extensions].map((one) => one.ref.split('/')[1]),
    ),
  ]);

test('by runtime: each with its extensions, then the apps that run on it with theirs', () => {
  expect(shown(byRuntime(REFS))).toEqual([
    [
      'org.gnome.Platform//48',
      ...['org.gnome.Platform', 'org.gnome.Platform.Locale', 'org.example.Story.es'],
      ...['org.gnome.Maps', 'org.gnome.Maps.Locale'],
    ],
    ['org.gtk.Theme//3', 'org.gtk.Theme'],
    ['org.kde.Platform//6', 'org.kde.Platform', 'org.kde.gcompris', 'org.kde.kstars'],
  ]);
});

test.each(['es', 'es_MX'])('by nature: apps in the language of %s apart', (personality) => {
  expect(shown(byNature(REFS, personality))).toEqual([
    ['Locale-specific apps', 'org.example.Story.es'],
    ['Generic apps', 'org.kde.gcompris', 'org.kde.kstars', 'org.gnome.Maps', 'org.gnome.Maps.Locale'],
    ['Runtimes', 'org.gnome.Platform', 'org.kde.Platform', 'org.gtk.Theme'],
  ]);
  expect(shown(byNature(REFS, 'base')).map(([title]) => title)).toEqual(['Generic apps', 'Runtimes']);
});

test.each([
  ['enough by what goes first', 100_000_000, -100_000_000],
  ['then the largest', 250_000_000, -250_000_000],
  ['everything is not enough', 2_000_000_000, 1_224_599_001],
])('trimming: %s', (_, excess, left) => {
  const options = { excess, keep: ['org.kde.gcompris'], removeFirst: ['org.kde.*'] };
  const { verdicts, left: after } = trim(REFS, options);
  const named = Object.fromEntries([...verdicts].map(([name, verdict]) => [name.split('/')[1]!, verdict]));
  expect(named).toMatchObject({ 'org.kde.gcompris': 'No', 'org.kde.Platform': 'Yes' });
  const removed = REFS.filter((each) => ['Yes', 'Maybe'].includes(verdicts.get(each.ref) ?? ''));
  expect(removed.reduce((sum, each) => sum + each.downloadSize, 0)).toBe(excess - after);
  if (left > 0) expect([after, verdicts.size]).toEqual([left, REFS.length]);
  else expect(after).toBeLessThanOrEqual(0);
});

test('tables are those of the Endless image builder', () => {
  const two = [REFS[0]!, ref(GNOME, 300_000_000)];
  const trimmed = trim(two, {
    excess: 4_000_000,
    keep: [GNOME.split('/')[1]!],
    removeFirst: ['org.gnome.M*'],
  });
  const text = appTables(byRuntime(two), totals(two), 4_000_000, trimmed);
  expect(text.replaceAll('\u00a0', ' ')).toBe(`
Estimated installed size of apps: 915.0 MB
Estimated compressed size of apps: 305.0 MB
Over budget: 4.0 MB
Free space after proposed removals: 1.0 MB

== org.gnome.Platform//48 ==

| Remote | App ID                 | Installed Size | Download Size | Remove? |
| ------ | ---------------------- | -------------- | ------------- | ------- |
| hub    | org.gnome.Platform//48 |       900.0 MB |      300.0 MB | No      |
| hub    | org.gnome.Maps         |        15.0 MB |        5.0 MB | Yes     |

`);
});

test('the page needs nothing but itself, and takes names as they are', () => {
  const evil = ref('app/org.example.<script>/x86_64/"', 10_000_000, on(GNOME));
  const page = treemapPage(byRuntime([...REFS, evil]), {
    ...{ title: 'Apps & sizes', totals: totals(REFS), verdicts: new Map() },
  });
  expect(page).not.toMatch(/<script|<link|src=|href=|@import|url\(/);
  expect(page).toContain('<h1>Apps &amp; sizes</h1>');
  // Each once, though two groups could show it.
  expect(page.match(/class="tile /g)).toHaveLength(REFS.length + 1);
});
