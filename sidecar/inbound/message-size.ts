import type { MessagePolicy, Route } from '../routes/route';

/** Largest messages from clients, in bytes: on any route, and by what a route does with them. */
export type MessageSizes = Readonly<Record<MessagePolicy | 'any', number>>;

/** The largest message that a route takes, in bytes: its own limit or its kind's, and never more than any route's. */
export function largestMessage({ messages, maxMessageBytes }: Route, sizes: MessageSizes): number {
  return Math.min(sizes.any, maxMessageBytes ?? sizes[messages]);
}
