import { pino } from 'pino';
import type { Metrics } from '../../../sidecar/metrics/metrics';
import type { HistoryOutcome } from '../../../sidecar/metrics/outcomes';
import { historyTeller } from '../../../sidecar/resume/history-teller';
import { PLACE } from '../history/shared-stream';

let lines: unknown[];
let counted: HistoryOutcome[];
let nowMs: number;
let tell: ReturnType<typeof historyTeller>;
beforeEach(() => {
  [lines, counted, nowMs] = [[], [], 0];
  const ofRoute = () => ({ history: (outcome: HistoryOutcome) => void counted.push(outcome) });
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  tell = historyTeller({
    metrics: { ofRoute } as unknown as Pick<Metrics, 'ofRoute'>,
    monotonicMs: () => nowMs,
    log,
  });
});

describe('histories that differ from what was heard', () => {
  it('are counted one by one, and logged once a route until it is over', () => {
    for (let number = 0; number < 3; number += 1) tell({ ...PLACE, channel: `c${number}` }, 'recounted');
    tell({ ...PLACE, route: 'other' }, 'recounted');
    expect(counted).toHaveLength(4);
    expect(lines).toMatchObject([
      { route: 'chat', channel: 'c0', msg: 'a history and what was heard of its channel differ' },
      { route: 'other' },
    ]);
    nowMs = 60_000;
    tell(PLACE, 'recounted');
    expect(lines).toHaveLength(3);
  });

  it('are logged beside those that cannot be read, of which each reason is', () => {
    for (const reason of ['NOPERM it may not', 'NOPERM it may not', 'it is away'])
      tell(PLACE, 'failed', new Error(reason));
    tell(PLACE, 'recounted');
    tell(PLACE, 'followed');
    expect(lines).toMatchObject([
      { route: 'chat', reason: 'NOPERM it may not', msg: 'a history cannot be read' },
      { reason: 'it is away' },
      { msg: 'a history and what was heard of its channel differ' },
    ]);
    expect(counted).toEqual(['failed', 'failed', 'failed', 'recounted', 'followed']);
  });
});
