-- Open connections counted over all bridges: a hash a limit, in it a field a bridge. Each bridge writes its own field
-- only, and always the whole number. So the next call mends a call that was lost or made twice.
--
-- KEYS[i]      the limit's hash: bridge id -> "<connections> <end of its lease, milliseconds since the epoch>". Where it has
--              many bridges, also "all" -> "<connections of all> <when they must be added up again> <last end of a lease>"
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

-- So many other bridges are added up with each call: more would make it cost a call as much as there are bridges.
local MANY = 16

local function addUp(key)
  local all = { count = 0, due = now + lease, last = now + lease, bridges = 0 }
  local fields = redis.call('HGETALL', key)
  for j = 1, #fields, 2 do
    local count, ends = string.match(fields[j + 1], '^(%d+) (%d+)$')
    if fields[j] == bridge or fields[j] == 'all' then
      -- Both are written anew.
    elseif tonumber(ends or 0) <= now then
      if writes then redis.call('HDEL', key, fields[j]) end
    else
      all.count, all.bridges = all.count + tonumber(count), all.bridges + 1
      all.due, all.last = math.min(all.due, tonumber(ends)), math.max(all.last, tonumber(ends))
    end
  end
  all.isSummed = all.bridges > MANY
  return all
end

-- The permits of the other bridges. A sum counts until the first lease in it may have ended: a live bridge has renewed its own by then.
local function others(key)
  -- A Redis user from before the sum has no right to this, and gets its permits all the same.
  local known = redis.pcall('HMGET', key, bridge, 'all')
  if known.err then return addUp(key) end
  local own = tonumber(string.match(known[1] or '', '^(%d+) %d+$') or 0)
  local count, due, last = string.match(known[2] or '', '^(%d+) (%d+) (%d+)$')
  count, due, last = tonumber(count), tonumber(due), tonumber(last)
  if not count or count < own or due <= now or due > now + lease then return addUp(key) end
  return { count = count - own, due = due, last = math.max(last, now + lease), isSummed = true }
end

local held, room, elsewhere = {}, {}, {}
for i, key in ipairs(KEYS) do
  elsewhere[i] = others(key)
  held[i] = tonumber(ARGV[2 * i + 2])
  room[i] = tonumber(ARGV[2 * i + 3]) - held[i] - elsewhere[i].count
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
  local all = elsewhere[i]
  local fields, gone = {}, {}
  if held[i] == 0 then
    gone[1] = bridge
  else
    fields = { bridge, string.format('%d %.0f', held[i], now + lease) }
  end
  if all.isSummed and held[i] + all.count > 0 then
    fields[#fields + 1] = 'all'
    fields[#fields + 1] = string.format('%d %.0f %.0f', held[i] + all.count, all.due, all.last)
  else
    gone[#gone + 1] = 'all'
  end
  -- A bridge's own number and the sum in one step.
  if #fields > 0 then redis.call('HSET', key, unpack(fields)) end
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
  if held[i] > 0 then redis.call('PEXPIRE', key, all.last - now) end
end
return answers
