-- Tells every worker of a group that an answer is wanted no longer, and acknowledges the command that said so.
--
-- KEYS[1]   the stream
-- KEYS[2]   the group's latest cancels, a sorted set by the time of this server, microseconds
-- ARGV[1]   the group
-- ARGV[2]   the entry of the cancel
-- ARGV[3]   which answer: what workers read
-- ARGV[4]   for how long it is kept, milliseconds
-- ARGV[5]   how many are kept

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- After a clock that was set back it goes on from the latest one: workers read on from where they have read.
local ahead = redis.call('ZRANGEBYSCORE', KEYS[2], string.format('%.0f', now), '+inf', 'WITHSCORES')
if #ahead > 0 then now = tonumber(ahead[#ahead]) + 1 end
redis.call('ZADD', KEYS[2], string.format('%.0f', now), ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now - ARGV[4] * 1000))
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
