export { escapeSegment } from '../../protocol/channels';
export type { ServiceOptions } from './options';
export type { Dashboard } from './publications/dashboard';
export type { RevokedToken, RevokedUser } from './publications/revoke';
export type { RedisClient } from './redis/client';
export { connectService, type Service } from './service';
