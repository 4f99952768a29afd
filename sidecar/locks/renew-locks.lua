-- Renews locks of a tenant, or lets them end.
--
-- KEYS[1]      the tenant's locks, a sorted set of "<name>\n<channel>": by the end of the lease
-- KEYS[1+i]    the document of lock i, a hash: name to "<token> <end of the lease> <holder> <user>"
-- ARGV[1]      how long they go on from now, milliseconds; 0 frees them
-- ARGV[2]      how long all this is kept when nobody calls, milliseconds: longer than any lease
-- ARGV[3i]     the name of lock i
-- ARGV[3i+1]   its token
-- ARGV[3i+2]   its channel
--
-- Returns the places of the locks that are not held under their token any more; nothing is done about those. Time is this server's own,
-- in milliseconds since the epoch, so that all bridges share one clock.

local time = redis.call('TIME')
local now = math.floor((tonumber(time[1]) * 1000000 + tonumber(time[2])) / 1000)
local more = tonumber(ARGV[1])
local lost = {}
for i = 1, #KEYS - 1 do
  local locks, name, token = KEYS[i + 1], ARGV[3 * i], ARGV[3 * i + 1]
  local member = name .. '\n' .. ARGV[3 * i + 2]
  local found = redis.call('HGET', locks, name)
  local own, ends, who = string.match(found or '', '^(%d+) (%d+) (.*)$')
  if own ~= token or tonumber(ends) <= now then
    lost[#lost + 1] = i
  elseif more == 0 then
    redis.call('HDEL', locks, name)
    redis.call('ZREM', KEYS[1], member)
  else
    ends = string.format('%.0f', now + more)
    redis.call('HSET', locks, name, token .. ' ' .. ends .. ' ' .. who)
    redis.call('ZADD', KEYS[1], ends, member)
    redis.call('PEXPIRE', locks, ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
end
return lost
