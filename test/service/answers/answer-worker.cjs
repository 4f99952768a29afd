// A worker in a process of its own, as an application has it, so that it can be killed and paused. Says on stdout what it does, a
// line of JSON each.
const process = require('node:process');
const { setTimeout: delay } = require('node:timers/promises');
const { Cluster, Redis } = require('ioredis');
const { connectService, token } = require('../../../service/dist');

const { REDIS_URL, FIRST_MS = '0', TOKENS = '5', TOKEN_MS = '5', OPTIONS = '{}' } = process.env;
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

// Its parent has died, and with it whoever reads what it says and would end it.
const endAlone = () => process.exit();
process.stdout.on('error', endAlone);
process.stdin.on('end', endAlone).resume();

function connection(url) {
  const [, nodes] = /^redis\+cluster:\/\/(.+)$/.exec(url) ?? [];
  return nodes === undefined
    ? new Redis(url)
    : new Cluster(nodes.split(',').map((node) => `redis://${node}`));
}

const service = connectService({
  ...{ redis: connection(REDIS_URL), group: 'ai', leaseMs: 1000, ...JSON.parse(OPTIONS) },
  onFault: (cause) => say({ fault: String(cause) }),
});
for (const delivery of ['atMostOnce', 'atLeastOnce'])
  service.answer(
    delivery,
    async function* ({ id }, { attempt, signal }) {
      say({ begins: id, attempt });
      if (FIRST_MS !== '0') await delay(Number(FIRST_MS), undefined, { signal });
      for (let i = 0; i < Number(TOKENS); i += 1) {
        yield token(`${i}`);
        await delay(Number(TOKEN_MS), undefined, { signal });
      }
      return { attempt };
    },
    { delivery, maxAttempts: 100 },
  );
say({ ready: true });
process.once('SIGTERM', () => {
  void service.close().then(() => process.exit(0));
});
