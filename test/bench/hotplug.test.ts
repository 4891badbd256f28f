import { describe, expect, it } from 'vitest';
import { stepTimes } from '../../bench/suites/hotplug.js';

const PRINTED = 'add 1000000\nonline 2500000\noffline-idle 3\noffline-used 4\nremove 5000000\n';

describe('what the helper in the brick prints', () => {
  it('is read in ms', () => {
    expect(stepTimes(PRINTED)).toMatchObject({ add: 1, online: 2.5, remove: 5 });
  });

  it.each([
    ['remove', PRINTED.replace(/remove.*/, '')],
    ['add', PRINTED.replace('1000000', 'soon')],
    ['online', PRINTED.replace('2500000', '0')],
    ['add', ''],
  ])('is refused where %s has no time', (step, text) => {
    expect(() => stepTimes(text)).toThrow(
      expect.objectContaining({ code: 'SDM_BENCH', message: expect.stringContaining(`"${step}"`) }),
    );
  });
});
