-- Open connections counted over all bridges: a hash a limit, in it a field a bridge. Each bridge writes its own field
-- only, and always the whole number. So the next call mends a call that was lost or made twice.
--
-- KEYS[i]      the limit's hash: bridge id -> "<connections> <end of its lease, milliseconds since the epoch>"
-- ARGV[1]      the bridge that calls
-- ARGV[2]      how long its numbers count, milliseconds
-- ARGV[3]      1 to write them down, 0 for a Redis that takes no writes: the other bridges hear of it with a later call
-- ARGV[2i+2]   how many connections this bridge holds of KEYS[i], without those that are asked for
-- ARGV[2i+3]   how many all bridges may hold together
-- ARGV[…]      then two for each permit that is asked for: the numbers of its limits, the second 0 when it has one only
--
-- Returns for each permit 0, or the number of its first limit without room. Then it takes none of any limit. Permits are
-- given in their order. Time is this server's own, so that all bridges share one clock.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local bridge, lease, writes = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'

local held, room, last_end = {}, {}, {}
for i, key in ipairs(KEYS) do
  held[i] = tonumber(ARGV[2 * i + 2])
  room[i] = tonumber(ARGV[2 * i + 3]) - held[i]
  last_end[i] = now + lease
  local fields = redis.call('HGETALL', key)
  for j = 1, #fields, 2 do
    local count, ends = string.match(fields[j + 1], '^(%d+) (%d+)$')
    if tonumber(ends or 0) <= now then
      if writes then redis.call('HDEL', key, fields[j]) end
    elseif fields[j] ~= bridge then
      room[i] = room[i] - tonumber(count)
      last_end[i] = math.max(last_end[i], tonumber(ends))
    end
  end
end

local answers = {}
for at = 2 * #KEYS + 4, #ARGV, 2 do
  local limits, full = { tonumber(ARGV[at]), tonumber(ARGV[at + 1]) }, 0
  if limits[2] == 0 then limits[2] = nil end
  for _, i in ipairs(limits) do
    if full == 0 and room[i] < 1 then full = i end
  end
  if full == 0 then
    for _, i in ipairs(limits) do
      held[i], room[i] = held[i] + 1, room[i] - 1
    end
  end
  answers[#answers + 1] = full
end

if not writes then return answers end
for i, key in ipairs(KEYS) do
  if held[i] == 0 then
    redis.call('HDEL', key, bridge)
  else
    redis.call('HSET', key, bridge, string.format('%d %.0f', held[i], now + lease))
    redis.call('PEXPIRE', key, last_end[i] - now)
  end
end
return answers
