-- Lets users come back without a charge to their limits (PROTOCOL.md, section 9).
--
-- KEYS[i]      a user's returns to a path: a list of "<end, milliseconds since the epoch> <count>", oldest first
-- ARGV[1]      how long they are good, milliseconds
-- ARGV[i+1]    how many
--
-- Time is this server's own, as the gatekeeper's script has it.

-- So many entries of a list are kept, each of one turn of a bridge: where nobody takes them, none ends while more are left.
local MOST = 1000

local time = redis.call('TIME')
local lifetime = tonumber(ARGV[1])
local ends = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + lifetime
for i, key in ipairs(KEYS) do
  redis.call('RPUSH', key, string.format('%.0f %d', ends, ARGV[i + 1]))
  redis.call('PEXPIRE', key, lifetime)
  -- A user who may not do this grants all the same.
  redis.pcall('LTRIM', key, -MOST, -1)
end
return #KEYS
