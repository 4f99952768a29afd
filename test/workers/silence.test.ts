import { describe, expect, it } from '@jest/globals';
import { MAX_UNHEARD_LOOKS, Silence } from '../../workers/silence';

function looks(silence: Silence, count: number): readonly string[] {
  return Array.from({ length: count }, () => silence.look());
}

describe('a worker that says nothing', () => {
  it('is asked once, and hangs when it was not heard for so many looks after that', () => {
    const silence = new Silence();
    const waits = Array.from({ length: MAX_UNHEARD_LOOKS - 1 }, () => 'wait');
    expect(looks(silence, MAX_UNHEARD_LOOKS + 1)).toEqual(['ask', ...waits, 'hangs']);
  });

  it('is given up once', () => {
    const silence = new Silence();
    looks(silence, MAX_UNHEARD_LOOKS + 1);
    expect(looks(silence, 2)).toEqual(['wait', 'wait']);
  });

  it('does not hang when it is heard late, and is asked anew', () => {
    const silence = new Silence();
    looks(silence, MAX_UNHEARD_LOOKS);
    silence.heard();
    const after = looks(silence, MAX_UNHEARD_LOOKS);
    expect(after[0]).toBe('ask');
    expect(after).not.toContain('hangs');
  });
});
