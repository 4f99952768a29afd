import { beforeAll, expect, it, jest } from '@jest/globals';

beforeAll(() => {
  jest.useFakeTimers();
});

it('waits an hour in no time', async () => {
  const rung = jest.fn();
  setTimeout(rung, 3_600_000);
  await jest.advanceTimersByTimeAsync(3_600_000);
  expect(rung).toHaveBeenCalled();
});
