import { Liveness, type LivenessVerdict } from '../../redis/liveness';

const PATIENCE = { askedLooks: 4, idleLooks: 8 };

/** The findings of so many looks at the same traffic. */
function looks(
  liveness: Liveness,
  bytesRead: number,
  bytesWritten: number,
  count: number,
): LivenessVerdict[] {
  return Array.from({ length: count }, () => liveness.look({ bytesRead, bytesWritten }, PATIENCE));
}

describe('a connection that is looked at', () => {
  it('is silent once it was asked and so many looks found nothing heard', () => {
    const liveness = new Liveness();
    expect(looks(liveness, 10, 20, 1)).toEqual(['well']);
    expect(looks(liveness, 10, 30, 5)).toEqual(['well', 'well', 'well', 'well', 'silent']);
  });

  it('is silent however much more is written to it: that is no answer', () => {
    const liveness = new Liveness();
    liveness.look({ bytesRead: 10, bytesWritten: 20 }, PATIENCE);
    const verdicts = [1, 2, 3, 4, 5].map((more) =>
      liveness.look({ bytesRead: 10, bytesWritten: 20 + more }, PATIENCE),
    );
    expect(verdicts.at(-1)).toBe('silent');
  });

  it('is well with any byte that is heard', () => {
    const liveness = new Liveness();
    liveness.look({ bytesRead: 10, bytesWritten: 20 }, PATIENCE);
    looks(liveness, 10, 30, 4);
    expect(looks(liveness, 11, 30, 5)).not.toContain('silent');
  });

  it('is idle, and to be asked, when nothing was asked and nothing heard', () => {
    const liveness = new Liveness();
    liveness.look({ bytesRead: 10, bytesWritten: 20 }, PATIENCE);
    expect(looks(liveness, 10, 20, 8)).toEqual([...Array<string>(7).fill('well'), 'idle']);
  });
});
