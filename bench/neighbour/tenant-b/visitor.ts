import { clockUs, untilUs } from '../../clock';
import { Client } from '../../load/client';
import { assertedHeaders } from '../../peers/ws-bridge';
import type { Observations } from '../observations';
import type { Schedule } from '../schedule';

const VISITS_PER_SECOND = 10;
const FIRST_USER = 2000;
/** Users that come in turn: none has many sockets at a time, however slow the bridge is. */
const USERS = 200;
const NOBODY = { frame: () => undefined, gap: () => undefined, closed: () => undefined };

/** Connects again and again, whether or not the last was let in yet, and leaves at once. */
export async function keepVisiting(
  port: number,
  { beginUs, endUs }: Schedule,
  observations: Observations,
): Promise<void> {
  const count = Math.floor(((endUs - beginUs) * VISITS_PER_SECOND) / 1_000_000);
  const visits: Promise<void>[] = [];
  for (let number = 0; number < count; number += 1) {
    await untilUs(beginUs + (number * 1_000_000) / VISITS_PER_SECOND);
    visits.push(visit(port, number, observations));
  }
  await Promise.all(visits);
}

async function visit(port: number, number: number, observations: Observations): Promise<void> {
  const path = number % 2 === 0 ? '/ws/notifications' : `/ws/ai/chat?session=visit${number}`;
  const headers = await assertedHeaders({ path, tenant: 't0' }, FIRST_USER + (number % USERS));
  const beganUs = clockUs();
  const client = new Client({ port, path, headers }, number, NOBODY);
  const refusal = await client.opened;
  if (refusal === undefined) observations.latency('connect', beganUs, clockUs());
  else observations.refusal(`upgrade ${refusal}`, beganUs);
  client.leave();
}
