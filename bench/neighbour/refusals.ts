/** A bridge's acts against clients that are over their rates. */
export interface RateRefusals {
  /** Messages that were answered with TOO_MANY_MESSAGES. */
  readonly messages: number;
  /** Connections that were closed with 4429. */
  readonly closed: number;
}

/** Reads them out of what /metrics says, of all routes together. */
export function rateRefusals(metrics: string): RateRefusals {
  const sum = (name: string, code: string): number =>
    metrics
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && line.includes(`code="${code}"`))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  return {
    messages: sum('ws_bridge_messages_refused_total', 'TOO_MANY_MESSAGES'),
    closed: sum('ws_bridge_closes_total', '4429'),
  };
}

const PATIENCE_MS = 5000;

/** Asks a bridge; one that does not answer has NaN of each. */
export async function askRateRefusals(adminPort: number): Promise<RateRefusals> {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    return rateRefusals(await (await fetch(`http://127.0.0.1:${adminPort}/metrics`, { signal })).text());
  } catch {
    return { messages: NaN, closed: NaN };
  }
}
