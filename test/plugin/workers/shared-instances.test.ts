import { describe, expect, it, jest } from '@jest/globals';
import type { PluginInstance } from '../../../plugin/server/instances';
import { InstanceRegister } from '../../../plugin/workers/instance-register';
import type { InstanceMessage, ToPrimary } from '../../../plugin/workers/messages';
import { SharedInstances } from '../../../plugin/workers/shared-instances';

interface Made extends PluginInstance {
  readonly config: string;
  readonly close: jest.Mock<() => void>;
}

/** Workers around one primary, whose messages wait until they are delivered. */
function workers(count: number) {
  const register = new InstanceRegister();
  const waiting: (() => void)[] = [];
  const made: Made[] = [];
  const make = (config: string): Made => {
    const instance = { config, close: jest.fn<() => void>(), access: () => Promise.resolve() };
    made.push(instance);
    return instance;
  };
  const all: SharedInstances[] = Array.from({ length: count }, (_, index) => {
    const tell = (who: SharedInstances | undefined, message: InstanceMessage) =>
      void waiting.push(() => {
        who?.take(message);
      });
    const send = (message: ToPrimary) =>
      void waiting.push(() => {
        register.take(
          message,
          (answer) => {
            tell(all[index], answer);
          },
          (news) => {
            for (const other of all) if (other !== all[index]) tell(other, news);
          },
        );
      });
    return new SharedInstances(make, send, { timeoutMs: 50 });
  });
  const deliver = () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) next();
  };
  const [one, two] = all;
  if (one === undefined || two === undefined) throw new RangeError('expected two workers at least');
  return { one, two, deliver, made, waiting };
}

/** The instances that are found once all messages are delivered. */
async function foundBy(
  deliver: () => void,
  ...finding: readonly ReturnType<SharedInstances['get']>[]
): Promise<readonly (Made | undefined)[]> {
  deliver();
  return Promise.all(finding.map(async (each) => (await each) as Made | undefined));
}

const config = (name: string) => Buffer.from(JSON.stringify({ name }));

describe('an instance that one worker started', () => {
  it('is known to another worker by its id, with its configuration and no other', async () => {
    const { one, two, deliver, made } = workers(2);
    const starting = [one.start(config('a')), two.start(config('b'))];
    deliver();
    const [a = 0, b = 0] = await Promise.all(starting);
    const found = await foundBy(deliver, two.get(a), one.get(b));
    expect(found.map((instance) => instance?.config)).toEqual(['{"name":"a"}', '{"name":"b"}']);
    // From now on it is answered at once.
    expect([two.get(a), one.get(b)]).toEqual(found);
    expect(made).toHaveLength(4);
  });

  it('is asked for once, however many calls wait for it', async () => {
    const { one, two, deliver, made } = workers(2);
    const starting = one.start(config('a'));
    deliver();
    const id = await starting;
    const [first, ...others] = await foundBy(deliver, two.get(id), two.get(id), two.get(id));
    expect(others).toEqual([first, first]);
    expect(made).toHaveLength(2);
  });

  it('is unknown everywhere once Kong has closed it at any worker, and every worker lets go of it', async () => {
    const { one, two, deliver, made } = workers(2);
    const starting = one.start(config('a'));
    deliver();
    const id = await starting;
    // Closed while another worker asks for it: the answer and the news come one after the other.
    const finding = two.get(id);
    one.remove(id);
    deliver();
    await finding;
    expect(made.map(({ close }) => close.mock.calls.length)).toEqual([1, 1]);
    expect(await foundBy(deliver, one.get(id), two.get(id))).toEqual([undefined, undefined]);
  });

  it('that nobody started is unknown, as the primary says', async () => {
    const { one, deliver } = workers(2);
    const finding = one.get(12_345);
    expect(finding).toBeInstanceOf(Promise);
    deliver();
    expect(await finding).toBeUndefined();
  });
});

it('a primary that does not answer fails what waits for it, and what it says later counts for nothing', async () => {
  const { one, deliver, made } = workers(2);
  const late = [Promise.resolve(one.get(1)), one.start(config('a'))];
  const outcomes = await Promise.allSettled(late);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect((outcomes[0] as PromiseRejectedResult).reason).toMatchObject({
    message: 'the primary did not answer within 50 ms',
  });
  deliver();
  expect(made).toEqual([]);
  // It is asked anew.
  const again = one.get(1);
  deliver();
  expect(await again).toBeUndefined();
});
