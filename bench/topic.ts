/** A topic that sockets hear: a Redis channel, and the path on which the bridge serves it. */
export interface Topic {
  readonly channel: string;
  readonly path: string;
  readonly tenant: string;
}

/** A dashboard: many sockets hear one channel. */
export function dashboard(id: string, tenant = 'acme'): Topic {
  return { channel: `${tenant}:dashboard:refresh:${id}`, path: `/ws/bi/dashboards/${id}`, tenant };
}

/** So many dashboards, each of another tenant. */
export function dashboards(count: number): Topic[] {
  return Array.from({ length: count }, (_, index) => dashboard('main', `t${index}`));
}

/** Sessions of a tenant, at most: below what the bridge lets one have. */
const SESSIONS_PER_TENANT = 1000;

/** So many AI chats: each one socket, one session, one channel. */
export function chats(count: number): Topic[] {
  return Array.from({ length: count }, (_, index) => ({
    channel: `ai:stream:s${index}`,
    path: `/ws/ai/chat?session=s${index}`,
    tenant: `t${Math.floor(index / SESSIONS_PER_TENANT)}`,
  }));
}
