/** Kong's log levels, most severe first (kong/pdk/log.lua). */
export type LogLevel = 'alert' | 'crit' | 'err' | 'warn' | 'notice' | 'info' | 'debug';

/** Where the gateway's log goes: what Kong would write to its error log. */
export type Log = (level: LogLevel, message: string) => void;
