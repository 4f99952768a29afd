import { expect, it } from '@jest/globals';
import { endedAtExit } from './at-exit';

it('what ends with this process listens for its end once, and only while there is any', () => {
  const before = process.listenerCount('exit');
  const ended: string[] = [];
  const held = endedAtExit<string>((one) => ended.push(one));
  const counts = [process.listenerCount('exit')];
  for (const one of ['a', 'b']) held.add(one);
  counts.push(process.listenerCount('exit'));
  const [endAll] = process.listeners('exit').slice(-1);
  endAll?.call(process, 0);
  for (const one of ['a', 'b']) held.delete(one);
  counts.push(process.listenerCount('exit'));
  expect(counts.map((count) => count - before)).toEqual([0, 1, 0]);
  expect(ended).toEqual(['a', 'b']);
});
