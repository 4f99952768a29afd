import type { ConnectError } from '../../client/src/errors.ts';
import { onRefusal } from '../../client/src/told-refusal.ts';
import type { WebSocketLike } from '../../client/src/web-socket.ts';

/** A refusal over the WebSocket of `ws`, whose body comes in these chunks. */
function refused(chunks: readonly string[]): [message: string, isAll: boolean][] {
  const told: [string, boolean][] = [];
  const listeners = new Map<string, (chunk: string) => void>();
  const answer = {
    ...{ statusCode: 503, headers: {}, setEncoding: () => undefined },
    on: (event: string, listener: (chunk: string) => void) => listeners.set(event, listener),
  };
  const socket = {
    on: (_: string, listener: (request: unknown, given: unknown) => void) => {
      listener(undefined, answer);
    },
  };
  const take = ({ message }: ConnectError, isAll: boolean): void => void told.push([message, isAll]);
  onRefusal(socket as unknown as WebSocketLike, () => 0, take);
  for (const chunk of chunks) listeners.get('data')?.(chunk);
  listeners.get('close')?.('');
  return told;
}

describe('a refusal that a WebSocket tells', () => {
  it('is told at first without its body, then with it', () => {
    expect(refused(['{"message":', '"full"}'])).toEqual([
      ['refused: 503', false],
      ['refused: 503 full', true],
    ]);
  });

  it('is told without a message that is too long, once, however much of it comes', () => {
    const long = ['{"message":"', ...Array<string>(10).fill('x'.repeat(4_096)), '"}'];
    expect(refused(long)).toEqual([
      ['refused: 503', false],
      ['refused: 503', true],
    ]);
    expect(refused([long.join('')]).at(-1)).toEqual(['refused: 503', true]);
  });
});
