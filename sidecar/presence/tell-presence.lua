-- Takes note of which topics have listeners at a bridge. Adds an entry to the stream for each that has its first one over all
-- bridges, and for each that has had none for a while.
--
-- KEYS[1]   the stream of entries
-- KEYS[2]   the names of bridges, a sorted set: by the end of their leases, milliseconds since the epoch
-- KEYS[3]   who hears what, a sorted set of "<name> <topic>", all with one score, so in the order of their bytes
-- KEYS[4]   at how many names each topic has listeners, a hash
-- KEYS[5]   topics whose last listener has gone, a sorted set: by when services are told
-- KEYS[6]   what tenants have used of their shares, a sorted set: by when all of it is free again
-- ARGV[1]   the name that calls
-- ARGV[2]   how many topics it has told of
-- ARGV[3]   how long that counts from now on, milliseconds
-- ARGV[4]   how long a topic's last listener has to be gone, milliseconds
-- ARGV[5]   about how many entries the stream keeps
-- ARGV[6]   a tenant's share: topics that get their first listener at once, 0 for any number
-- ARGV[7]   over how long a share that is used up is free again, milliseconds
-- ARGV[8]   how long all this is kept when nobody calls, milliseconds
-- ARGV[9]   how many of the topics that follow have a listener there now; the others have none any more
-- ARGV[10…] the topics, in JSON: route, tenant, channel, parameters of the path in JSON, and the session if there is one
--
-- Returns nothing when Redis does not know what was told under this name, and then does nothing. Otherwise: for how many
-- milliseconds nothing is due (-1: nothing is), how many entries of first and of last listeners it added, and the places of
-- the topics that it did not take because their tenant is over its share. Time is this server's own, so that all bridges
-- share one clock.

-- So much is done for others in one call, so that no call is long.
local MOST = 200
local stream, bridges, hearing, topics, leaving, shares = unpack(KEYS)
local name, told = ARGV[1], tonumber(ARGV[2])
local lease, linger, window = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[7])
local heard = tonumber(ARGV[9])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function text(moment) return string.format('%.3f', moment) end

-- A name has no space, and "!" is the next byte behind one.
local function hears(who) return redis.call('ZLEXCOUNT', hearing, '[' .. who .. ' ', '(' .. who .. '!') end

local ends = tonumber(redis.call('ZSCORE', bridges, name) or 0)
if hears(name) ~= told or (told > 0 and ends <= now) then return {} end

local function add(kind, topic)
  local parts = cjson.decode(topic)
  local entry = { 'type', kind, 'tenant', parts[2], 'route', parts[1], 'channel', parts[3], 'params', parts[4] }
  if parts[5] then
    entry[11], entry[12] = 'session', parts[5]
  end
  redis.call('XADD', stream, 'MAXLEN', '~', ARGV[5], '*', unpack(entry))
end

-- GCRA in topics. A topic that services know of takes nothing of its tenant's share.
local function hasShare(topic)
  local most = tonumber(ARGV[6])
  if most == 0 or redis.call('HEXISTS', topics, topic) == 1 or redis.call('ZSCORE', leaving, topic) then return true end
  local tenant = cjson.decode(topic)[2]
  -- After a clock that was set back nobody waits for longer than the window.
  local used = math.min(math.max(tonumber(redis.call('ZSCORE', shares, tenant) or 0), now), now + window)
  local free = used + window / most
  if free > now + window then return false end
  redis.call('ZADD', shares, text(free), tenant)
  return true
end

local joined, left, deferred = 0, 0, {}
local function enter(place)
  local topic = ARGV[9 + place]
  if not hasShare(topic) then
    deferred[#deferred + 1] = place
    return
  end
  if redis.call('ZADD', hearing, 0, name .. ' ' .. topic) == 0 then return end
  if redis.call('HINCRBY', topics, topic, 1) > 1 or redis.call('ZREM', leaving, topic) == 1 then return end
  add('joined', topic)
  joined = joined + 1
end

local function leave(topic)
  if redis.call('HINCRBY', topics, topic, -1) > 0 then return end
  redis.call('HDEL', topics, topic)
  redis.call('ZADD', leaving, text(now + linger), topic)
end

for place = 1, heard do enter(place) end
for place = heard + 1, #ARGV - 9 do
  local topic = ARGV[9 + place]
  if redis.call('ZREM', hearing, name .. ' ' .. topic) == 1 then leave(topic) end
end
if hears(name) > 0 then
  redis.call('ZADD', bridges, text(now + lease), name)
else
  redis.call('ZREM', bridges, name)
end

-- Nobody hears there any more what dead bridges heard.
local room = MOST
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', bridges, '-inf', now, 'LIMIT', 0, MOST)) do
  local found = redis.call('ZRANGEBYLEX', hearing, '[' .. dead .. ' ', '(' .. dead .. '!', 'LIMIT', 0, room)
  for _, member in ipairs(found) do
    redis.call('ZREM', hearing, member)
    leave(string.sub(member, #dead + 2))
  end
  room = room - #found
  if room == 0 then break end
  redis.call('ZREM', bridges, dead)
end

for _, topic in ipairs(redis.call('ZRANGEBYSCORE', leaving, '-inf', now, 'LIMIT', 0, MOST)) do
  redis.call('ZREM', leaving, topic)
  add('left', topic)
  left = left + 1
end

redis.call('ZREMRANGEBYSCORE', shares, '-inf', now)
for i = 2, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[8]) end

local next_ms = -1
for _, key in ipairs({ bridges, leaving }) do
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  if first then
    local wait = math.max(0, math.ceil(tonumber(first) - now))
    if next_ms < 0 or wait < next_ms then next_ms = wait end
  end
end
return { next_ms, joined, left, unpack(deferred) }
