import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OsmithError } from '../../errors.ts';
import { neededArtifacts, recordedDisks } from './machine.ts';
import { parseScenario } from './parse.ts';

const SHIPPED = join(import.meta.dirname, '../../../workspace/scenarios');

/** Faults as `line: message`. */
function faults(text: string): string[] {
  try {
    parseScenario(text, 'x.yaml');
  } catch (error) {
    if (!(error instanceof OsmithError)) throw error;
    return [error, ...(error.details.also ?? [])].map(
      (each) => `${each.details.where?.line}: ${each.message}`,
    );
  }
  return [];
}

describe('parseScenario', () => {
  it.each(readdirSync(SHIPPED))('reads %s', (name) => {
    const file = join(SHIPPED, name);
    expect(parseScenario(readFileSync(file, 'utf8'), file).steps.length).toBeGreaterThan(1);
  });

  it('fills in what is left out', () => {
    const text = `description: d
firmware: uefi
memory: 2G
steps:
  - boot
  - up: { within: 10 }
  - run: uname -r
  - refused: kernel
`;
    expect(parseScenario(text, '/w/scenarios/mine.yaml')).toEqual({
      ...{ name: 'mine', file: '/w/scenarios/mine.yaml', description: 'd', firmware: 'uefi', memory: 2048 },
      ...{ arch: ['amd64', 'arm64'], boot: 'disk', disks: [], alter: [] },
      steps: [
        { kind: 'boot', name: 'is switched on', params: { restarts: false } },
        { kind: 'up', name: 'comes up to the login prompt', params: { within: 10 } },
        {
          kind: 'run',
          name: 'uname -r',
          params: { command: 'uname -r', exit: 0, within: 120, repeat: false },
        },
        { kind: 'refused', name: 'the kernel is refused', params: { part: 'kernel', within: 120 } },
      ],
    });
  });

  it('reads disks that are empty, and disks that hold an artifact', () => {
    const disks = '[1G, { size: 64M, from: config.img }]';
    const text = `description: d\nfirmware: uefi\ndisks: ${disks}\nsteps: [boot, unchanged: { on: 3 }]\n`;
    const scenario = parseScenario(text, 'x.yaml');
    expect(scenario.disks).toEqual([{ mib: 1024 }, { mib: 64, from: 'config.img' }]);
    expect(neededArtifacts(scenario)).toEqual(['raw', 'config.img']);
    expect(recordedDisks(scenario)).toEqual([3]);
  });

  const head = 'description: d\nfirmware: uefi\n';
  it.each([
    ['an unknown key', `${head}frimware: x\nsteps: [boot]\n`, ['3: there is no key frimware']],
    ['an unknown step', `${head}steps:\n  - boot\n  - bot: {}\n`, ['5: There is no step bot']],
    ['an unknown bare step', `${head}steps:\n  - boot\n  - bot\n`, ['5: There is no step bot']],
    [
      'an unknown key of a step',
      `${head}steps:\n  - boot\n  - run:\n      command: x\n      matsch: y\n`,
      ['7: steps.run: there is no key matsch'],
    ],
    [
      'two things in one step',
      `${head}steps:\n  - boot: {}\n    up: {}\n`,
      ['4: A step does one thing; this one has boot, up'],
    ],
    [
      'a broken regular expression',
      `${head}steps:\n  - run:\n      command: x\n      match: '('\n`,
      ['6: steps.run.match: is not a regular expression'],
    ],
    [
      'a size in other words',
      `${head}memory: 2 GB\nsteps: [boot]\n`,
      ['3: memory: must be a size such as 512M or 2G'],
    ],
    [
      'a BIOS on arm64',
      'description: d\nfirmware: bios\narch: [arm64]\nsteps: [boot]\n',
      ['2: arm64 machines have no BIOS'],
    ],
    [
      'a machine where there is none',
      'description: d\nfirmware: none\nagent: { config: { update: {} } }\nsteps:\n  - boot\n  - run: id\n',
      ['3: The agent needs a machine', '5: boot needs a machine: this scenario has none (firmware: none)'],
    ],
    [
      'a BIOS from the network',
      'description: d\nfirmware: bios\nboot: network\nsteps: [boot]\n',
      ['3: Booting from the network needs UEFI, not bios'],
    ],
    [
      'two faults at once',
      `${head}steps:\n  - bot\n  - up: { within: -1 }\n`,
      ['4: There is no step bot', /^5: steps/],
    ],
    [
      'a step that needs an agent where there is none',
      `${head}steps:\n  - boot\n  - push: { commands: [{ id: a }] }\n`,
      ['5: push needs an agent: the scenario has no `agent`'],
    ],
    [
      'a step that needs a disk where there is none',
      'description: d\nfirmware: direct\nsteps:\n  - boot\n  - unchanged\n',
      ['5: unchanged needs disk 1 of the machine, which has none'],
    ],
    [
      'a step about a disk or a medium that there is not',
      `${head}boot: cd\ndisks: [1G]\nsteps:\n  - boot\n  - table: { on: 2, match: x }\n  - write: { on: medium, files: {} }\n`,
      [
        '7: table needs disk 2 of the machine, which has 1',
        '8: write needs a medium that is a disk: the scenario has no `boot: usb`',
      ],
    ],
    [
      'a medium for a machine that boots from its disk',
      `${head}medium: installer.raw\nsteps: [boot]\n`,
      ['3: A machine that boots from its disk has no medium'],
    ],
    [
      "what the agent's configuration cannot be",
      `${head}agent:\n  config:\n    update:\n      tries: 9\n    sorces: {}\nsteps: [boot]\n`,
      [/^6: agent.config.update.tries: .*<=3/, /^4: agent.config: .*sorces/],
    ],
    [
      'an agent without a source',
      `${head}agent: { config: {} }\nsteps: [boot]\n`,
      ['3: agent.config: must have sources or update'],
    ],
    [
      'a command line for a machine that gets it from the network',
      'description: d\nfirmware: uefi\nboot: network\nagent: { through: command-line, config: { update: {} } }\nsteps: [boot]\n',
      ['4: Only a machine that boots from its disk can have its command line changed'],
    ],
    [
      'an unknown fault of a release',
      `${head}steps:\n  - serve: { fault: expird }\n`,
      [/^4: steps.serve.fault: /],
    ],
    [
      'a push of two things',
      `${head}agent: { config: { sources: { a: {} } } }\nsteps:\n  - push: { pattern: x, commands: [] }\n`,
      ['5: steps.push: must have either pattern or commands'],
    ],
    ['a clock that shows nothing', `${head}clock: tomorrow\nsteps: [boot]\n`, [/^3: clock: must be a date/]],
    ['no YAML', `${head}steps: [boot\n`, [/^\d: This is not YAML/]],
  ])('tells %s', (_, text, expected) => {
    const found = faults(text);
    expect(found).toHaveLength(expected.length);
    expected.forEach((fault, index) =>
      typeof fault === 'string' ? expect(found[index]).toBe(fault) : expect(found[index]).toMatch(fault),
    );
  });
});
