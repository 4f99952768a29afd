import { clockUs } from '../../../bench/clock';
import { atPace } from '../../../bench/load/at-pace';

const ITEMS = Array.from({ length: 6 }, (_, index) => index);

test('so many at once: the next one begins when another is done', async () => {
  let now = 0;
  let most = 0;
  const done: number[] = [];
  await atPace(ITEMS, { atOnce: 2 }, async (item) => {
    most = Math.max(most, (now += 1));
    await new Promise(setImmediate);
    now -= 1;
    done.push(item);
  });
  expect(most).toBe(2);
  expect(done).toEqual(ITEMS);
});

test('so many a second: none begins before its time, and none waits for another', async () => {
  const startUs = clockUs();
  const begun: number[] = [];
  let release: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (release = resolve));
  await atPace(ITEMS, { perSecond: 100 }, async () => {
    begun.push(clockUs() - startUs);
    if (begun.length === ITEMS.length) release();
    await all;
  });
  for (const [index, us] of begun.entries()) expect(us).toBeGreaterThanOrEqual(index * 10_000);
});
