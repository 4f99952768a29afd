import { get } from 'node:http';
import { clockUs, untilUs } from '../../clock';
import type { Observations } from '../observations';
import type { Schedule } from '../schedule';

const INTERVAL_US = 250_000;
/** A probe that is not answered by then has failed. */
const TIMEOUT_MS = 10_000;

/** Asks for /livez at a steady pace, each time on a connection of its own, whether or not the last was answered yet. */
export async function watchLiveness(
  adminPort: number,
  { beginUs, endUs }: Schedule,
  observations: Observations,
): Promise<void> {
  const probes: Promise<void>[] = [];
  for (let dueUs = beginUs; dueUs < endUs; dueUs += INTERVAL_US) {
    await untilUs(dueUs);
    probes.push(probe(adminPort, observations));
  }
  await Promise.all(probes);
}

async function probe(port: number, observations: Observations): Promise<void> {
  const beganUs = clockUs();
  const fault = await new Promise<string | undefined>((resolve) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const request = get({ host: '127.0.0.1', port, path: '/livez', agent: false, signal }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200 ? undefined : `/livez says ${answer.statusCode ?? 'nothing'}`);
    });
    request.once('error', () => {
      resolve('/livez does not answer');
    });
  });
  if (fault !== undefined) observations.refusal(fault, beganUs);
  observations.alive(beganUs, clockUs());
}
