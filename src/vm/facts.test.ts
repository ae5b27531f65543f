import { describe, expect, it } from 'vitest';
import { describeFacts, parseFacts } from './facts.ts';

describe('facts', () => {
  const output =
    'name=Debian GNU/Linux 13 (trixie)\nkernel=6.12.1\nsecureBoot=   1\nroot=overlay\nstate=running';

  it('are read from what the guest prints', () => {
    expect(parseFacts(output)).toEqual({
      ...{ name: 'Debian GNU/Linux 13 (trixie)', kernel: '6.12.1', root: 'overlay', state: 'running' },
      ...{ secureBoot: true, failed: [] },
    });
  });

  it('tell what failed, and firmware without Secure Boot', () => {
    const facts = parseFacts('name=x\nstate=degraded\nfailed=a.service\nfailed=b.service');
    expect(facts).toMatchObject({
      secureBoot: undefined,
      state: 'degraded',
      failed: ['a.service', 'b.service'],
    });
  });

  it('fit in a line', () => {
    expect(describeFacts(parseFacts(output))).toBe(
      'Debian GNU/Linux 13 (trixie), Linux 6.12.1, Secure Boot enforced, root on overlay, state running',
    );
  });
});
