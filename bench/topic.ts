/** What sockets hear: a Redis channel, and the path on which the bridge serves it. */
export interface Topic {
  readonly channel: string;
  readonly path: string;
  readonly tenant: string;
}

/** A dashboard: many sockets hear one channel. */
export function dashboard(id: string): Topic {
  const tenant = 'acme';
  return { channel: `${tenant}:dashboard:refresh:${id}`, path: `/ws/bi/dashboards/${id}`, tenant };
}

/** An AI chat: one socket, one session, one channel. */
export function chat(session: string): Topic {
  return { channel: `ai:stream:${session}`, path: `/ws/ai/chat?session=${session}`, tenant: 'acme' };
}
