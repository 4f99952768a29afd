-- Open connections counted over all bridges: a hash a limit, in it a field a bridge. Each bridge writes its own
-- field only, and always the whole number, so that what was lost or said twice is mended by the next call.
--
-- KEYS[i]      the limit's hash: bridge id -> "<connections> <end of its lease, milliseconds since the epoch>"
-- ARGV[1]      the bridge that calls
-- ARGV[2]      how long what it says counts, milliseconds
-- ARGV[3]      1 to take one more place in every limit, 0 to say only what is held
-- ARGV[2i+2]   how many connections this bridge holds of KEYS[i], without the one that is asked for
-- ARGV[2i+3]   how many all bridges may hold together
--
-- Returns 0, or the number of the first limit without room; then no place is taken in any. Time is this server's
-- own, so that all bridges share one clock.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local bridge, lease, asked = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local full, last_end = 0, {}
for i, key in ipairs(KEYS) do
  local total, fields = tonumber(ARGV[2 * i + 2]) + asked, redis.call('HGETALL', key)
  last_end[i] = now + lease
  for j = 1, #fields, 2 do
    local count, ends = string.match(fields[j + 1], '^(%d+) (%d+)$')
    if tonumber(ends or 0) <= now then
      redis.call('HDEL', key, fields[j])
    elseif fields[j] ~= bridge then
      total = total + tonumber(count)
      last_end[i] = math.max(last_end[i], tonumber(ends))
    end
  end
  if asked == 1 and full == 0 and total > tonumber(ARGV[2 * i + 3]) then full = i end
end

for i, key in ipairs(KEYS) do
  local held = tonumber(ARGV[2 * i + 2])
  if full == 0 then held = held + asked end
  if held == 0 then
    redis.call('HDEL', key, bridge)
  else
    redis.call('HSET', key, bridge, string.format('%d %.0f', held, now + lease))
    redis.call('PEXPIRE', key, last_end[i] - now)
  end
end
return full
