-- Locks a name of a document for one holder, or moves the holder's lock to its new socket.
--
-- KEYS[1]  the document's locks, a hash: name to "<token> <end of the lease> <holder> <user>"
-- KEYS[2]  the tenant's locks, a sorted set of "<name>\n<channel>": by the end of the lease
-- KEYS[3]  the tenant's last token
-- ARGV[1]  the name
-- ARGV[2]  the holder: a word
-- ARGV[3]  its user
-- ARGV[4]  the channel
-- ARGV[5]  how long the lease is, milliseconds
-- ARGV[6]  how long a lease is at most, milliseconds
-- ARGV[7]  locks of a document, at most
-- ARGV[8]  locks of a tenant, at most
-- ARGV[9]  how long all this is kept when nobody calls, milliseconds: longer than any lease
--
-- Returns the token, and 1 when the holder had the lock before. Or the reason why there is none: "held", "document" or "tenant". Time
-- is this server's own, in milliseconds since the epoch, so that all bridges share one clock.

local locks, of_tenant, last_token = KEYS[1], KEYS[2], KEYS[3]
local name, holder, user, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(now_us / 1000)
local lease, longest = tonumber(ARGV[5]), tonumber(ARGV[6])
local member = name .. '\n' .. channel
local function text(number) return string.format('%.0f', number) end
local function put(token, ends, who)
  redis.call('HSET', locks, name, token .. ' ' .. text(ends) .. ' ' .. who)
  redis.call('ZADD', of_tenant, text(ends), member)
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[9]) end
end

local mine = holder .. ' ' .. user
local had = 0
local found = redis.call('HGET', locks, name)
if found then
  local token, ends, who = string.match(found, '^(%d+) (%d+) (.*)$')
  ends = tonumber(ends)
  if ends > now and who == mine then
    had = 1
  elseif ends > now then
    -- After a clock that was set back nobody waits for longer than a lease.
    if ends > now + longest then put(token, now + longest, who) end
    return { 'held' }
  end
end

local ended = {}
if had == 0 then
  local most = tonumber(ARGV[7])
  if redis.call('HLEN', locks) >= most then
    local entries = redis.call('HGETALL', locks)
    for i = 1, #entries, 2 do
      if tonumber(string.match(entries[i + 1], '^%d+ (%d+)')) <= now then ended[#ended + 1] = entries[i] end
    end
    if #entries / 2 - #ended >= most then return { 'document' } end
  end
  if redis.call('ZCOUNT', of_tenant, '(' .. text(now), '+inf') >= tonumber(ARGV[8]) then return { 'tenant' } end
end

-- At least the time in microseconds: a Redis that has lost its data gives no token twice.
local token = text(math.max(tonumber(redis.call('GET', last_token) or 0) + 1, now_us))
-- Written first: a Redis that is full refuses the first write of a script, and no later one.
redis.call('SET', last_token, token)
for _, one in ipairs(ended) do redis.call('HDEL', locks, one) end
redis.call('ZREMRANGEBYSCORE', of_tenant, '-inf', text(now))
put(token, now + lease, mine)
return { token, had }
