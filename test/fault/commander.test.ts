import { BridgeClientError } from '../../client/src/index';
import { Commander, commandName } from './commander';

const willing = { send: () => Promise.resolve() };
const unwilling = { send: () => Promise.reject(new BridgeClientError('REFUSED', 'no')) };

describe('the account of commands', () => {
  it('is clean when each that was acknowledged is there once', async () => {
    const commander = new Commander([]);
    for (let count = 0; count < 3; count += 1) await commander.send(willing);
    expect(commander.score(['2', '0', '1'])).toEqual({
      sent: 3,
      acknowledged: 3,
      refused: {},
      entries: 3,
      lost: 0,
      twice: 0,
    });
  });

  it('counts those that are not there, and those that are there twice', async () => {
    const commander = new Commander([]);
    for (let count = 0; count < 3; count += 1) await commander.send(willing);
    expect(commander.score(['0', '2', '2'])).toMatchObject({ entries: 3, lost: 1, twice: 1 });
  });

  it('lets one that was refused be there or not, but once', async () => {
    const commander = new Commander([]);
    for (let count = 0; count < 2; count += 1) await commander.send(unwilling);
    expect(commander.score(['0'])).toMatchObject({
      acknowledged: 0,
      refused: { REFUSED: 2 },
      lost: 0,
      twice: 0,
    });
    expect(commander.score(['0', '0'])).toMatchObject({ twice: 1 });
  });

  it('is settled when no answer is waited for', async () => {
    let acknowledge: () => void = () => undefined;
    const commander = new Commander([]);
    const sent = commander.send({ send: () => new Promise((resolve) => (acknowledge = resolve)) });
    expect(commander.isSettled).toBe(false);
    acknowledge();
    await sent;
    expect(commander.isSettled).toBe(true);
  });

  it('knows a command by its data', () => {
    expect(commandName(['type', 'ask', 'data', '"17"', 'id', 'x'])).toBe('17');
  });
});
