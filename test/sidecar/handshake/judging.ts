import { DEFAULT_HEADER_NAMES } from '../../../protocol/headers';
import { importSecret } from '../../../protocol/keys';
import type { Admission } from '../../../sidecar/connection/admission';
import { judgeUpgrade, type AdmissionPolicy } from '../../../sidecar/handshake/admission';
import {
  upgradeRequestReader,
  type Purpose,
  type RawRequest,
} from '../../../sidecar/handshake/upgrade-request';
import { RedisNames } from '../../../sidecar/redis/names';
import { compileRoutes } from '../../../sidecar/routes/compile';
import { DEFAULT_ROUTES } from '../../../sidecar/routes/route';
import { headersFor, SECRET, type Caller } from '../fixture';

/** The moment at which upgrades are judged, in milliseconds since the epoch. */
export const NOW_MS = 1_800_000_000_000;

const HANDSHAKE = {
  Host: 'bridge',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};
const read = upgradeRequestReader(DEFAULT_HEADER_NAMES);

/** The changes to an upgrade in which nothing is wrong. */
export interface Asked {
  readonly url?: string;
  readonly method?: string;
  readonly httpVersion?: string;
  readonly purpose?: Purpose;
  /** Undefined leaves a header out, and a list repeats it. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly caller?: Partial<Caller>;
}

/** An admission, or the status, the outcome and the message of a refusal. */
export type Judged =
  Admission | { readonly status: number; readonly outcome: string; readonly message: string };

/** A policy that takes what is right, but for what is changed. */
export async function policyOf(changes: Partial<AdmissionPolicy> = {}): Promise<AdmissionPolicy> {
  return {
    routes: compileRoutes(DEFAULT_ROUTES),
    names: new RedisNames(''),
    headers: DEFAULT_HEADER_NAMES,
    keys: [await importSecret(SECRET, 'HS256')],
    assertionPath: 'checked',
    assertionAccess: 'checked',
    replayGuard: { accept: () => 'first' },
    now: () => NOW_MS,
    monotonicMs: () => 0,
    newSession: () => 'made',
    ...changes,
  };
}

/** A request as Node hands it out. */
export async function rawOf(asked: Asked): Promise<RawRequest & Required<Pick<RawRequest, 'url'>>> {
  const { url = '/ws/notifications', method = 'GET', httpVersion = '1.1' } = asked;
  const caller = await headersFor({ tenant: 'acme', user: 'alice', ...asked.caller }, NOW_MS);
  const headers: NonNullable<Asked['headers']> = { ...HANDSHAKE, ...caller, ...asked.headers };
  const rawHeaders = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().flatMap((value) => (value === undefined ? [] : [name, value])),
  );
  return { method, url, httpVersion, rawHeaders };
}

/** Judges an upgrade without a bridge. */
export async function judge(asked: Asked = {}, policy: Partial<AdmissionPolicy> = {}): Promise<Judged> {
  const verdict = await judgeUpgrade(read(await rawOf(asked), asked.purpose), await policyOf(policy));
  if (verdict.admitted) return verdict.admission;
  const { status, outcome, message } = verdict.refusal;
  return { status, outcome, message };
}

/** The status of a refusal; 101 stands for an upgrade that is admitted. */
export async function statusOf(asked: Asked, policy?: Partial<AdmissionPolicy>): Promise<number> {
  const judged = await judge(asked, policy);
  return 'status' in judged ? judged.status : 101;
}
