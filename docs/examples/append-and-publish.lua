-- Appends a frame to the history of a channel and publishes it, in one step (PROTOCOL.md, section 10).
--
-- KEYS[1]  the history: a stream. In a cluster it has the channel's hash tag
-- ARGV[1]  PUBLISH, in a cluster SPUBLISH
-- ARGV[2]  the channel
-- ARGV[3]  the frame
-- ARGV[4]  how many frames are kept at least
-- ARGV[5]  how long they are kept after the last one, seconds
--
-- Returns how many bridges heard it.

local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local begun
if last then
  begun = string.match(last[1], '^%d+')
else
  local now = redis.call('TIME')
  begun = now[1] .. string.format('%06d', now[2])
  redis.call('XADD', KEYS[1], begun .. '-0', 'origin', '')
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], begun .. '-*', 'frame', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return redis.call(ARGV[1], ARGV[2], ARGV[3])
