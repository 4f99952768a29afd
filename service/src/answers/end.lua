-- Ends an answer with its last frame, unless it has ended or a later delivery has it.
--
-- KEYS[1]   the answer's record (begin.lua)
-- KEYS[2]   the stream, where its slot is the record's: then the command is acknowledged in the same step
-- ARGV[1]   the fence
-- ARGV[2]   for how long it is known to have ended, milliseconds
-- ARGV[3]   PUBLISH, or SPUBLISH on a cluster
-- ARGV[4]   the channel
-- ARGV[5]   the frame
-- ARGV[6]   the group
-- ARGV[7]   the command's entry
-- ARGV[8]   for how long a record is kept, milliseconds
--
-- Returns 1 when the frame was published now, 0 when the answer had ended, -1 when a later delivery has it.

local held = redis.call('GET', KEYS[1])
local outcome = 1
if held == 'ended' then
  outcome = 0
elseif held and tonumber(string.match(held, '%d+')) > tonumber(ARGV[1]) then
  return -1
else
  -- Written before it is published: a Redis that is full refuses the first write of a script.
  redis.call('SET', KEYS[1], 'ended', 'PX', ARGV[2])
  local heard = redis.pcall(ARGV[3], ARGV[4], ARGV[5])
  if type(heard) == 'table' and heard.err then
    -- Refused: it has not ended. A record that was gone says so much again.
    redis.call('SET', KEYS[1], held or (ARGV[1] .. ' 1'), 'PX', ARGV[8])
    return heard
  end
end
if KEYS[2] then redis.call('XACK', KEYS[2], ARGV[6], ARGV[7]) end
return outcome
