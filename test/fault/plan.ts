/** How big a fault run is. */
export interface Plan {
  readonly clients: number;
  readonly tenants: number;
  /** How long faults are made. */
  readonly seconds: number;
  /** Messages a second on each channel; also less than one. */
  readonly rate: number;
  /** Repeats what is broken and when, as far as one machine repeats anything. */
  readonly seed: number;
}

/**
 * The plan that the environment asks for: `CLIENTS`, `TENANTS`, `SECONDS`, `RATE`, `SEED`.
 * @throws TypeError naming the variable that is no positive whole number; RATE may have a fraction
 */
export function planFrom(env: Readonly<Record<string, string | undefined>>, newSeed: () => number): Plan {
  const number = (name: string, fallback: number): number => {
    const text = env[name] ?? '';
    if (text === '') return fallback;
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new TypeError(`${name}: expected a positive whole number`);
    return Number(text);
  };
  return {
    clients: number('CLIENTS', 60),
    tenants: number('TENANTS', 10),
    seconds: number('SECONDS', 4),
    rate: rateFrom(env['RATE'] ?? '', 5),
    seed: number('SEED', newSeed()),
  };
}

function rateFrom(text: string, fallback: number): number {
  if (text === '') return fallback;
  const rate = /^\d{1,9}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (rate === 0) throw new TypeError('RATE: expected a positive number');
  return rate;
}
