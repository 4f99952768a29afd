import { shippedLimits } from '../../../bench/neighbour/limits';
import { dueUs } from '../../../bench/neighbour/pursue';
import { ByteOwners } from '../../../sidecar/quotas/byte-owners';
import { MessageAllowance } from '../../../sidecar/inbound/message-allowance';
import { RateLimiter } from '../../../sidecar/inbound/rate-limiter';

const { settings, messages, posts } = shippedLimits();

test('small messages are bounded by their number, large ones by their bytes', () => {
  const number = { perSecond: settings.maxMessagesPerSecond, burst: settings.messageBurst };
  expect(messages('command', 1)).toEqual(number);
  expect(messages('command', 65_536)).toEqual({ perSecond: 1, burst: 8 });
  expect(messages('relay', 262_144)).toEqual({ perSecond: 1, burst: 16 });
});

test('posted messages are those of a tenant that the gatekeeper lets through', () => {
  expect(posts).toEqual({ perSecond: 100, burst: 1000 });
});

test.each([
  ['the sockets of one user share what it may send', 'command', 65_536, { sockets: 5, users: 1 }],
  ['the users of a tenant share what it may send', 'command', 65_536, { sockets: 50, users: 50 }],
  ['peers of one user share what it may send', 'relay', 262_144, { sockets: 3, users: 1 }],
] as const)('%s, and then none is refused', (_, kind, bytes, { sockets, users }) => {
  const rates = kind === 'command' ? settings.byteRates.commands : settings.byteRates.relay;
  const owners = new ByteOwners(rates);
  const meters = { perSecond: settings.maxMessagesPerSecond, burst: settings.messageBurst };
  const allowances = Array.from(
    { length: sockets },
    (__, number) =>
      new MessageAllowance(new RateLimiter(meters), rates.socket, owners.join('loud', `u${number % users}`)),
  );
  const rate = messages(kind, bytes, { sockets, users });
  const times = Array.from({ length: 50 }, (__, number) => 1000 + dueUs(number, rate) / 1000);
  const verdicts = times.flatMap((ms) => allowances.map((allowance) => allowance.take(bytes, ms)));
  expect(verdicts.filter((verdict) => verdict !== undefined)).toEqual([]);
});
