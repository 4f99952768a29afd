import { Redis } from 'ioredis';
import { escapeSegment } from '../../protocol/channels';
import { firstFigures, nextFigures } from './dashboard';
import { demoName } from './names';
import { DEMO_DASHBOARD, DEMO_TENANTS, type NotificationFrame, type RefreshFrame } from './frames';

/** Milliseconds between two refreshes of a dashboard. */
const REFRESH_INTERVAL_MS = 1_000;
/** How long a dashboard shows its last figures when no more come. */
const STATE_SECONDS = 3_600;
/** Milliseconds between two notifications. */
const NOTIFICATION_INTERVAL_MS = 20_000;

const NEWS = [
  'The nightly import is done',
  'A report is ready: revenue by region',
  'Two new colleagues joined the workspace',
  'The north passed its target for the quarter',
];

const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));

for (const tenant of DEMO_TENANTS) {
  refreshDashboard(tenant);
  notify(tenant);
}
void redis.ping().then(() => {
  console.log(JSON.stringify({ ready: true, tenants: DEMO_TENANTS }));
});

function refreshDashboard(tenant: string): void {
  const name = (kind: 'refresh' | 'state'): string =>
    `${escapeSegment(tenant)}:dashboard:${kind}:${escapeSegment(DEMO_DASHBOARD)}`;
  let figures = firstFigures(Math.random);
  const refresh = (): void => {
    keep(name('state'), name('refresh'), { type: 'refresh', data: figures });
    figures = nextFigures(figures, Math.random);
  };
  refresh();
  setInterval(refresh, REFRESH_INTERVAL_MS);
}

function notify(tenant: string): void {
  let turn = 0;
  setInterval(() => {
    const text = NEWS[turn % NEWS.length] ?? '';
    turn += 1;
    publish(`${escapeSegment(tenant)}:notifications`, {
      type: 'notification',
      data: { text, to: 'everyone' },
    });
  }, NOTIFICATION_INTERVAL_MS);
}

function publish(channel: string, frame: NotificationFrame): void {
  redis.publish(demoName(channel), JSON.stringify(frame)).catch(complainOf(channel));
}

/** Publishes a frame and keeps it for who comes later, in one step (PROTOCOL.md §3). */
function keep(key: string, channel: string, frame: RefreshFrame): void {
  const text = JSON.stringify(frame);
  const step = redis.multi().set(demoName(key), text, 'EX', STATE_SECONDS);
  step.publish(demoName(channel), text).exec().catch(complainOf(channel));
}

function complainOf(channel: string): (cause: unknown) => void {
  return (cause) => {
    console.error(JSON.stringify({ channel, error: cause instanceof Error ? cause.message : String(cause) }));
  };
}
