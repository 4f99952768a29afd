import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MAX_WAITING_PONGS, Pongs } from '../../../sidecar/connection/pongs';

function client() {
  const sent: string[] = [];
  const waiting: (() => void)[] = [];
  const pongs = new Pongs((payload, onWritten) => {
    sent.push(payload.toString());
    waiting.push(onWritten);
  });
  const ping = (text: string): void => {
    pongs.answer(Buffer.from(text));
  };
  return { sent, waiting, ping };
}

describe('a ping', () => {
  it('is answered, each by its own pong, while the client takes them', () => {
    const { sent, waiting, ping } = client();
    for (let n = 0; n < 3 * MAX_WAITING_PONGS; n += 1) {
      ping(`${n}`);
      waiting.shift()?.();
    }
    expect(sent).toHaveLength(3 * MAX_WAITING_PONGS);
  });

  it('that is the latest is answered in the end, whatever waits, and never more wait than may', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 300, maxLength: 900 }), (steps) => {
        const { sent, waiting, ping } = client();
        let last = '';
        steps.forEach((isPing, n) => {
          if (isPing) ping((last = `${n}`));
          else waiting.shift()?.();
          expect(waiting.length).toBeLessThanOrEqual(MAX_WAITING_PONGS);
        });
        while (waiting.length > 0) waiting.shift()?.();
        expect(sent.at(-1) ?? '').toBe(last);
        expect(sent).toEqual([...sent].sort((a, b) => Number(a) - Number(b)));
      }),
    );
  });
});
