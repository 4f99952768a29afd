-- GCRA (ITU-T I.371), several limits at once: admitted by all of them, or charged to none.
--
-- KEYS[i]      the limit's key; holds its theoretical arrival time (TAT), microseconds since the epoch
-- ARGV[2i-1]   emission interval, microseconds: window / limit, rounded up, so that no window gets more
-- ARGV[2i]     burst: how many may come ahead of the sustained rate
--
-- Returns {admitted, remaining, retry_after_us, reset_us, ...}: `admitted` is 1 or 0, then come the three
-- figures of each limit in turn. Time is this server's own, so that all gatekeepers share one clock.
-- gcra.ts is its twin for a process's memory.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local tats, admitted = {}, 1
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local tolerance = interval * burst
  local tat = tonumber(redis.call('GET', key) or now)
  -- A TAT that no admission can have left means that the clock was set back: start over, one step from full.
  if tat > now + tolerance + interval then tat = now + tolerance end
  if tat < now then tat = now end
  tats[i] = tat
  if tat - tolerance > now then admitted = 0 end
end

local reply = { admitted }
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local tolerance = interval * burst
  local tat = tats[i]
  if admitted == 1 then
    tat = tat + interval
    redis.call('SET', key, string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))
  end
  reply[#reply + 1] = math.max(0, math.floor((now + tolerance - tat) / interval) + 1)
  reply[#reply + 1] = math.max(0, tat - tolerance - now)
  reply[#reply + 1] = tat - now
end
return reply
