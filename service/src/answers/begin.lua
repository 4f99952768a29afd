-- Begins an answer, if it is still to be begun and by this worker.
--
-- KEYS[1]   the answer's record: the fence of who has it and how often it was begun, or "ended"
-- ARGV[1]   the fence: how often the command was delivered
-- ARGV[2]   for how long a record is kept, milliseconds
-- ARGV[3]   when the command was added, milliseconds since the epoch
--
-- Returns how often it was begun, this time included; 0 when it has ended, -1 when a later delivery has it.

local fence, kept = tonumber(ARGV[1]), tonumber(ARGV[2])
local held = redis.call('GET', KEYS[1])
local attempt = 1
if held == 'ended' then return 0 end
if held then
  local by, begun = string.match(held, '(%d+) (%d+)')
  by, begun = tonumber(by), tonumber(begun)
  if by > fence then return -1 end
  -- Asked again, because the first reply was lost.
  if by == fence then return begun end
  attempt = begun + 1
elseif fence > 1 then
  -- A record that is gone may have said that it was begun.
  local time = redis.call('TIME')
  if time[1] * 1000 + time[2] / 1000 - tonumber(ARGV[3]) >= kept then attempt = 2 end
end
redis.call('SET', KEYS[1], fence .. ' ' .. attempt, 'PX', kept)
return attempt
