-- Adds a command to the stream, unless its id was used, or its tenant has used up its share of the stream.
--
-- KEYS[1]   the stream
-- KEYS[2]   its ledger, a sorted set: how many bytes were ever added ("total"), and at some entries how many there were by then
-- KEYS[3]   what the tenant has used of its share: the moment at which all of it is free again, milliseconds since the epoch
-- KEYS[4]   the ids of the session's latest commands, a list; only with an id
-- KEYS[5]   the key by which bridges of before remember this id
-- ARGV[1]   about how many entries the stream keeps
-- ARGV[2]   about how many bytes it keeps
-- ARGV[3]   a tenant's share: bytes at once, 0 for any number
-- ARGV[4]   over how long a share that is used up is free again, milliseconds
-- ARGV[5]   how many ids of a session are remembered
-- ARGV[6]   for how long after the last one, milliseconds
-- ARGV[7]   the id, shortened
-- ARGV[8]   the entry's fields and values, and so on
--
-- Returns 0 when the command was added, -1 when it was before, or for how many milliseconds the share has no room for it. Time is this
-- server's own, so that all bridges share one clock.

-- The bytes that an entry takes beside its own, and those of an id.
local ENTRY, ID = 64, 64
local stream, ledger, share, ids = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local bytes = ENTRY
for i = 8, #ARGV do bytes = bytes + #ARGV[i] end

if ids then
  if redis.call('LPOS', ids, ARGV[7], 'RANK', -1) or redis.call('EXISTS', KEYS[5]) == 1 then return -1 end
  bytes = bytes + ID
end

-- GCRA in bytes. A share that nobody has used takes any one command.
local max_share, window = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local free_at
if max_share > 0 then
  local found = math.max(tonumber(redis.call('GET', share) or 0), now)
  -- After a clock that was set back nobody waits for longer than the window.
  local before = math.min(found, now + window)
  free_at = before + bytes * window / max_share
  if before > now and free_at > now + window then
    -- Written only for a command that is not added, so that nothing is written before the entry. A full Redis shall
    -- answer all the same.
    if found > before then redis.pcall('SET', share, string.format('%.3f', before), 'PX', window) end
    return math.ceil(math.min(free_at - window, before) - now)
  end
end

-- Written first: a Redis that is full refuses the first write of a script, and no later one.
local added = redis.call('XADD', stream, 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 8))
if free_at then redis.call('SET', share, string.format('%.3f', free_at), 'PX', math.ceil(free_at - now)) end

-- Whole numbers up to 2^53 as Redis writes them.
local function text(number) return string.format('%.0f', number) end
local function is_later(one, other)
  local ms, seq = string.match(one, '(%d+)-(%d+)')
  local other_ms, other_seq = string.match(other, '(%d+)-(%d+)')
  if ms ~= other_ms then return tonumber(ms) > tonumber(other_ms) end
  return tonumber(seq) > tonumber(other_seq)
end
-- Nothing is ever taken off the total, so no entry that services delete or trim makes it wrong. From one entry on the
-- stream has at most the bytes that were added from there on. The ledger names an entry for every 64th of the stream's
-- bytes.
local max_bytes = tonumber(ARGV[2])
local step = max_bytes / 64
local total = tonumber(redis.call('ZINCRBY', ledger, bytes, 'total'))
if math.floor(total / step) > math.floor((total - bytes) / step) then
  redis.call('ZADD', ledger, text(total), added)
  local kept = redis.call('ZRANGEBYSCORE', ledger, text(total - max_bytes), '+inf', 'LIMIT', 0, 1)[1]
  if is_later(kept, added) then
    -- The stream was deleted, and the clock set back: what the ledger says is of another one.
    redis.call('ZREMRANGEBYSCORE', ledger, '-inf', '+inf')
  elseif total > max_bytes then
    redis.call('XTRIM', stream, 'MINID', '~', kept)
    redis.call('ZREMRANGEBYSCORE', ledger, '-inf', '(' .. text(total - max_bytes))
  end
end

-- Remembered last: an entry that is refused leaves no id behind.
if ids then
  redis.call('RPUSH', ids, ARGV[7])
  redis.call('LTRIM', ids, -ARGV[5], -1)
  redis.call('PEXPIRE', ids, ARGV[6])
end
return 0
