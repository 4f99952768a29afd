/**
 * The connections of commands: `publisher` is for the messages that clients' peers are to hear, `commands` for all
 * else.
 */
export type CommandsName = 'commands' | 'publisher';
/**
 * The connections of messages: `relays` is for the channels that clients' messages are relayed on, `subscriber` for all
 * else.
 */
export type SubscriberName = 'subscriber' | 'relays';
/** A connection's name in logs and metrics, and after `ws-bridge:` in CLIENT LIST. */
export type ConnectionName = CommandsName | SubscriberName;
